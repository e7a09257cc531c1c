"""What a build is told about words, and what it makes of that."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from catalog.readers import read_queries
from index.words.analyser import Analyser
from index.words.corpus import Corpus
from index.words.languages import DEFAULT, language
from index.words.synonyms import RawGroup, groups_of, read_synonyms

NAMING = ("title", "brand", "category", "attributes")  # fields that name a product


@dataclass(frozen=True)
class WordSettings:
    """`language` is a code of `index.words.languages`; the files are optional.

    `query_log` holds queries with their numbers, for spelling and suggestions.
    """

    language: str = DEFAULT
    synonyms: Path | None = None
    query_log: Path | None = None

    def plan(self) -> WordPlan:
        """Read and check everything before the long work. Raises CatalogError."""
        base = Analyser(language(self.language))
        groups = () if self.synonyms is None else read_synonyms(self.synonyms, base.phrase)
        queries = () if self.query_log is None else tuple(read_queries(self.query_log))
        return WordPlan(base, groups, queries)


@dataclass(frozen=True)
class WordPlan:
    """The settings as read: `base` reads texts before anything is learnt."""

    base: Analyser
    groups: tuple[RawGroup, ...]
    queries: tuple[tuple[str, float], ...]

    def learn(self, corpus: Corpus) -> Analyser:
        """The reading that the index keeps: compounds learnt, synonyms read with them."""
        learnt = corpus.learn(NAMING)
        return learnt.with_groups(groups_of(self.groups, learnt.phrase))

    def record(self) -> dict[str, str | int]:
        """For the manifest."""
        return {
            "language": self.base.language.code,
            "synonym_groups": len(self.groups),
            "logged_queries": len(self.queries),
        }
