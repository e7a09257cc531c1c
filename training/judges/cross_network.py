"""The network a cross-encoder starts as: a pretrained encoder, or one that `gradus train` made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from tokenizers import processors
from transformers import (
    AutoModelForSequenceClassification,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)
from transformers.utils import logging

from catalog.artefact import MANIFEST, read_manifest
from catalog.errors import TrainingError
from catalog.model import Grade
from training.checkpoint import KIND
from training.model import BACKBONE
from training.tokenizer import first_line, pretrained_tokenizer

_SEPARATOR = "[SEP]"


def starting_point(base: str, max_tokens: int) -> tuple[PreTrainedModel, PreTrainedTokenizerFast]:
    """A classifier of pairs into three grades with an untrained head, and its tokenizer.

    Raises:
        BundleError: `base` is an artefact, but no whole checkpoint.
        TrainingError: `base` cannot be loaded, has no layers, or reads shorter texts only.

    """
    ours = is_checkpoint(base)
    if ours:
        read_manifest(Path(base), KIND)
    tokenizer = pretrained_tokenizer(base)
    model = _classifier(str(Path(base) / BACKBONE) if ours else base)
    if getattr(model.config, "num_hidden_layers", 1) == 0:
        raise TrainingError(
            "a bag of subwords cannot compare a query with a product",
            where=base,
            expected="a checkpoint with network.layers above 0",
        )
    if ours and tokenizer.sep_token is None:
        _teach_pairs(tokenizer)
        model = _widened(model, len(tokenizer), max_tokens)
    _try_longest_pair(model, base, max_tokens)
    return model, tokenizer


def is_checkpoint(base: str) -> bool:
    """Whether `base` is an artefact of ours rather than a Hugging Face encoder."""
    return (Path(base) / MANIFEST).is_file()


def _classifier(name_or_path: str) -> PreTrainedModel:
    before = logging.get_verbosity()
    logging.set_verbosity_error()  # else a warning that the head is untrained: of course it is
    try:
        model: PreTrainedModel = AutoModelForSequenceClassification.from_pretrained(
            name_or_path,
            num_labels=len(Grade),
            ignore_mismatched_sizes=True,  # a head for other classes is replaced
            trust_remote_code=False,
            id2label={grade.value: grade.name.lower() for grade in Grade},
            label2id={grade.name.lower(): grade.value for grade in Grade},
        )
    except Exception as error:  # the hub, torch and safetensors raise many kinds here
        raise TrainingError(
            f"the encoder cannot be loaded: {first_line(error)}",
            where=name_or_path,
            expected="a Hugging Face encoder or a Gradus checkpoint",
        ) from error
    finally:
        logging.set_verbosity(before)
    return model


def _teach_pairs(tokenizer: PreTrainedTokenizerFast) -> None:
    """Our own vocabularies know one text only: give them a separator and a second kind of text."""
    tokenizer.add_special_tokens({"sep_token": _SEPARATOR})
    start = str(tokenizer.cls_token)
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{start} $A",
        pair=f"{start} $A {_SEPARATOR} $B:1",
        special_tokens=[
            (name, tokenizer.convert_tokens_to_ids(name)) for name in (start, _SEPARATOR)
        ],
    )


def _widened(model: PreTrainedModel, vocabulary: int, positions: int) -> PreTrainedModel:
    """The same BERT with room for the separator, a second kind of text and a pair's length.

    Rows that it had are kept. New positions and the second kind start at zero, as those of our
    fresh encoders do.
    """
    config: Any = type(model.config)(**model.config.to_dict())
    config.vocab_size = vocabulary
    config.type_vocab_size = 2
    config.max_position_embeddings = max(positions, config.max_position_embeddings)
    wider: PreTrainedModel = type(model)(config)
    known = model.state_dict()
    with torch.no_grad():
        for name, weight in wider.state_dict().items():
            if name.endswith(("position_embeddings.weight", "token_type_embeddings.weight")):
                weight.zero_()
            weight[: len(known[name])] = known[name]
    return wider


def _try_longest_pair(model: PreTrainedModel, base: str, max_tokens: int) -> None:
    # Any token but the padding, which some encoders do not count.
    ids = torch.full((1, max_tokens), int(getattr(model.config, "pad_token_id", None) or 0) + 1)
    try:
        with torch.inference_mode():
            model(input_ids=ids, attention_mask=torch.ones_like(ids))
    except Exception as error:  # every architecture fails in its own way
        raise TrainingError(
            f"the encoder cannot read a pair of {max_tokens} tokens: {first_line(error)}",
            where=base,
            hint="Lower --max-tokens, or take another encoder.",
        ) from error
