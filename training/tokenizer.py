"""The subword vocabulary: learned from the catalogue, or brought by a pretrained backbone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

SPECIAL = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]"}


def learn_tokenizer(texts: Iterable[str], vocabulary: int) -> PreTrainedTokenizerFast:
    """WordPiece of at most `vocabulary` pieces over normalised texts; accents are stripped.

    Every text starts with one `[CLS]`, so that an empty one still has a token.
    """
    tokenizer = Tokenizer(models.WordPiece(unk_token=SPECIAL["unk_token"]))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True, strip_accents=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(
        vocab_size=vocabulary,
        min_frequency=2,
        special_tokens=list(SPECIAL.values()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    start = SPECIAL["cls_token"]
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{start} $A", special_tokens=[(start, tokenizer.token_to_id(start))]
    )
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **SPECIAL)


def pretrained_tokenizer(name_or_path: str) -> PreTrainedTokenizerFast:
    """The fast tokenizer that belongs to a pretrained backbone; never runs remote code."""
    tokenizer: PreTrainedTokenizerFast = AutoTokenizer.from_pretrained(
        name_or_path, use_fast=True, trust_remote_code=False
    )
    return tokenizer


def token_ids(
    tokenizer: PreTrainedTokenizerFast, texts: Sequence[str], longest: int
) -> list[list[int]]:
    """Ids of each text with special tokens, cut to `longest`."""
    encoded = tokenizer(
        list(texts), truncation=True, max_length=longest, return_attention_mask=False
    )
    ids: list[list[int]] = encoded["input_ids"]
    return ids
