"""The subword vocabulary: learned from the catalogue, or brought by a pretrained backbone."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Sequence

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from catalog.errors import TrainingError

SPECIAL = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]"}
_INNER = "##"  # how WordPiece marks a piece inside a word


def learn_tokenizer(texts: Sequence[str], vocabulary: int) -> PreTrainedTokenizerFast:
    """WordPiece of at most `vocabulary` pieces over normalised texts; accents are stripped.

    Every text starts with one `[CLS]`, so that an empty one still has a token. Equal texts, equal
    ids: the trainer numbers the letters inside words in the order of a randomly seeded table and
    breaks ties by number, so a first pass finds these letters and a second is told their numbers.
    """
    special = list(SPECIAL.values())
    letters = _trained(texts, 0, special).get_vocab()
    inner = sorted(piece for piece in letters if piece.startswith(_INNER))
    tokenizer = _without_added(_trained(texts, vocabulary, [*special, *inner]), inner)
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


def _without_added(tokenizer: Tokenizer, pieces: Sequence[str]) -> Tokenizer:
    """The same tokenizer, with `pieces` as plain ones: added ones would match inside any text."""
    body = json.loads(tokenizer.to_str())
    plain = set(pieces)
    body["added_tokens"] = [one for one in body["added_tokens"] if one["content"] not in plain]
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
    return ids
