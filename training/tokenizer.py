"""The subword vocabulary: learned from the catalogue, or brought by a pretrained backbone."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterable, Sequence
from functools import lru_cache

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from catalog.errors import TrainingError
from catalog.letters import INNER, MARK, LetterRuns, commonest_runs

SPECIAL = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]"}
_WORD = re.compile(r"\w+")


def learn_tokenizer(
    texts: Sequence[str], vocabulary: int, letter_runs: int = 0
) -> PreTrainedTokenizerFast:
    """WordPiece of at most `vocabulary` pieces over normalised texts; accents are stripped.

    At most `letter_runs` runs of letters join them, for words of several pieces (catalog.letters).

    Every text starts with one `[CLS]`, so that an empty one still has a token. Equal texts, equal
    ids: the trainer numbers the letters inside words in the order of a randomly seeded table and
    breaks ties by number, so a first pass finds these letters and a second is told their numbers.
    """
    special = list(SPECIAL.values())
    letters = _trained(texts, 0, special).get_vocab()
    inner = sorted(piece for piece in letters if piece.startswith(INNER))
    tokenizer = _trained(texts, vocabulary, [*special, *inner])
    normalise = tokenizer.normalizer.normalize_str
    words = (
        {word for text in texts for word in _WORD.findall(normalise(text))} if letter_runs else ()
    )
    tokenizer = _changed(tokenizer, inner, commonest_runs(words, letter_runs))
    start = SPECIAL["cls_token"]
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{start} $A", special_tokens=[(start, tokenizer.token_to_id(start))]
    )
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **SPECIAL)


def _trained(texts: Iterable[str], vocabulary: int, first: Sequence[str]) -> Tokenizer:
    """A tokenizer of at least all letters, whose first ids are `first` in order."""
    tokenizer = Tokenizer(models.WordPiece(unk_token=SPECIAL["unk_token"]))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True, strip_accents=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(
        vocab_size=vocabulary, min_frequency=2, special_tokens=list(first), show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def _changed(tokenizer: Tokenizer, plain: Sequence[str], runs: Sequence[str]) -> Tokenizer:
    """The same tokenizer with runs of letters, and with `plain` as ordinary pieces.

    Added ones, as which a trainer takes what it is given, would match inside any text.
    """
    body = json.loads(tokenizer.to_str())
    ordinary = set(plain)
    body["added_tokens"] = [one for one in body["added_tokens"] if one["content"] not in ordinary]
    vocabulary = body["model"]["vocab"]
    vocabulary |= {MARK + run: number for number, run in enumerate(runs, len(vocabulary))}
    return Tokenizer.from_str(json.dumps(body))


def pretrained_tokenizer(name_or_path: str) -> PreTrainedTokenizerFast:
    """The fast tokenizer that belongs to a pretrained backbone; never runs remote code.

    Raises:
        TrainingError: there is none, or none that `tokenizer.json` can hold.

    """
    try:
        tokenizer = AutoTokenizer.from_pretrained(
            name_or_path, use_fast=True, trust_remote_code=False
        )
    except Exception as error:  # the hub and its file formats raise many kinds here
        raise TrainingError(
            f"the tokenizer of the pretrained backbone cannot be loaded: {first_line(error)}",
            where=name_or_path,
            expected="a Hugging Face encoder: a hub id or a directory with tokenizer.json",
            hint="A hub id needs the network or a filled cache; a directory needs no network.",
        ) from error
    if not isinstance(tokenizer, PreTrainedTokenizerFast):
        raise TrainingError(
            "the pretrained backbone has no fast tokenizer",
            where=name_or_path,
            expected="one that tokenizer.json can hold",
            found=type(tokenizer).__name__,
        )
    return tokenizer


def first_line(error: Exception) -> str:
    """What a library's error says, short enough for one line of ours."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return textwrap.shorten(lines[0].rstrip("."), 160, placeholder="…")


def token_ids(
    tokenizer: PreTrainedTokenizerFast, texts: Sequence[str], longest: int
) -> list[list[int]]:
    """Ids of each text with special tokens, cut to `longest`."""
    encoded = tokenizer(
        list(texts), truncation=True, max_length=longest, return_attention_mask=False
    )
    ids: list[list[int]] = encoded["input_ids"]
    letters = _letters(tokenizer)
    if letters is None:
        return ids
    return [
        [*known, *letters.ids(encoding.tokens, encoding.word_ids)][:longest]
        for known, encoding in zip(ids, encoded.encodings, strict=True)
    ]


@lru_cache(maxsize=4)
def _letters(tokenizer: PreTrainedTokenizerFast) -> LetterRuns | None:
    return LetterRuns.of(tokenizer.get_vocab())
