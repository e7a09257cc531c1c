"""All files made of the words of a catalogue: postings, spelling, wishes, suggestions."""

from __future__ import annotations

from pathlib import Path

from index.bundle import LEXICAL_DIR, SPELLING_DIR, SUGGEST_DIR
from index.lexical_build import LexicalBuilder
from index.spelling.build import learn
from index.store import ProductStore
from index.suggest.build import write_suggestions
from index.words.settings import WordPlan
from index.words.wishes import Wishes


def write_words(
    builder: LexicalBuilder, store: ProductStore, words: WordPlan, whole: Path, directory: Path
) -> None:
    """Write the postings below `whole`, what shards share below `directory`."""
    lexical = builder.build()
    lexical.save(whole / LEXICAL_DIR)
    dictionary = learn(builder.corpus, lexical.analyser, words.queries)
    dictionary.save(directory / SPELLING_DIR)
    Wishes.learn(store.products(), builder.corpus, lexical.analyser).save(directory)
    write_suggestions(directory / SUGGEST_DIR, store.products(), words.queries, lexical, dictionary)
