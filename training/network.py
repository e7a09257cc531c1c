"""Building the encoder: fresh, grown from a bag of subwords, or on a pretrained backbone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import BertConfig

from catalog.encoder_spec import EncoderSpec
from catalog.errors import TrainingError
from catalog.template import TextTemplate
from training.model import TwinEncoder, fresh_backbone, is_checkpoint, pretrained_backbone
from training.recipe import Recipe
from training.settings import NetworkSettings, TextSettings
from training.tokenizer import first_line


def text_template(text: TextSettings) -> TextTemplate:
    """The template that a recipe's text settings describe."""
    return TextTemplate(
        category_levels=text.category_levels,
        description_words=text.description_words,
        query_prefix=text.query_prefix,
        item_prefix=text.item_prefix,
    )


def fresh_encoder(recipe: Recipe, vocabulary: int, layers: int) -> TwinEncoder:
    """A new BERT of `layers` layers; with 0 it is a bag of subwords.

    A bag has no word order, so its position vectors are zero and stay so; its layer norm keeps
    unit gain, so that the layers put on top by `grow` can start as the identity.
    """
    network, text = recipe.network, recipe.text
    config = BertConfig(
        vocab_size=vocabulary,
        hidden_size=network.width,
        num_hidden_layers=layers,
        num_attention_heads=network.heads,
        intermediate_size=4 * network.width,
        max_position_embeddings=max(text.max_query_tokens, text.max_item_tokens),
        type_vocab_size=1,
        hidden_dropout_prob=network.dropout if layers else 0.0,
        attention_probs_dropout_prob=network.dropout if layers else 0.0,
    )
    encoder = TwinEncoder(
        fresh_backbone(config), _spec(recipe, network.dim, _name(network, layers))
    )
    embeddings: Any = encoder.backbone.embeddings
    nn.init.zeros_(embeddings.position_embeddings.weight)
    nn.init.zeros_(embeddings.token_type_embeddings.weight)
    if layers == 0:
        for part in (
            embeddings.position_embeddings,
            embeddings.token_type_embeddings,
            embeddings.LayerNorm,
        ):
            part.requires_grad_(False)
    _freeze_pooler(encoder)
    return encoder


def grow(bag: TwinEncoder, recipe: Recipe, vocabulary: int) -> TwinEncoder:
    """A transformer that starts as exactly the function the bag has learned.

    Token vectors, pooling and heads are copied; every new layer's two output projections are zero,
    so that each layer passes its input on (a layer norm of a layer norm changes nothing). Training
    then adds context to a bag that already works instead of learning words anew.
    """
    encoder = fresh_encoder(recipe, vocabulary, recipe.network.layers)
    transformer: Any = encoder.backbone.encoder
    for layer in transformer.layer:
        for projection in (layer.attention.output.dense, layer.output.dense):
            nn.init.zeros_(projection.weight)
            nn.init.zeros_(projection.bias)
    learned = {
        name: tensor
        for name, tensor in bag.state_dict().items()
        if not name.startswith("backbone.pooler")
    }
    _, unexpected = encoder.load_state_dict(learned, strict=False)
    if unexpected:
        raise TrainingError(
            "the bag of subwords does not fit the transformer", found=", ".join(unexpected)
        )
    return encoder


def pretrained_encoder(recipe: Recipe) -> TwinEncoder:
    """Two heads on a pretrained backbone; the vector length is at most the backbone's width.

    A checkpoint of ours, which an earlier training made, brings its heads as well.

    Raises:
        TrainingError: the backbone cannot be loaded, is no encoder, or reads shorter texts only.

    """
    name = recipe.network.base_model
    try:
        backbone = pretrained_backbone(name)
        width = int(backbone.config.hidden_size)
    except Exception as error:  # the hub, torch and safetensors raise many kinds here
        raise TrainingError(
            f"the pretrained backbone cannot be loaded: {first_line(error)}",
            where=name,
            expected="a Hugging Face encoder: a hub id or a directory with config.json and weights",
        ) from error
    encoder = TwinEncoder(backbone, _spec(recipe, min(recipe.network.dim, width), name))
    _take_heads(encoder, Path(name))
    _freeze_pooler(encoder)
    _try_longest_text(encoder, name)
    return encoder


def trainable(encoder: TwinEncoder) -> int:
    """How many parameters training may move."""
    return sum(p.numel() for p in encoder.parameters() if p.requires_grad)


def _try_longest_text(encoder: TwinEncoder, name: str) -> None:
    longest = max(encoder.spec.max_query_tokens, encoder.spec.max_item_tokens)
    config = encoder.backbone.config
    positions = getattr(config, "max_position_embeddings", "unknown")
    # Any token but the padding, which some backbones do not count.
    ids = torch.full((1, longest), int(getattr(config, "pad_token_id", None) or 0) + 1)
    try:
        with torch.inference_mode():
            encoder.pooled(ids, torch.ones_like(ids))
    except Exception as error:  # every architecture fails in its own way
        raise TrainingError(
            f"the backbone cannot encode a text of {longest} tokens: {first_line(error)}",
            where=name,
            expected=f"an encoder with {longest} positions and some more",
            found=f"max_position_embeddings {positions}",
            hint="Lower text.max_item_tokens and text.max_query_tokens, or take another backbone.",
        ) from error


def _take_heads(encoder: TwinEncoder, checkpoint: Path) -> None:
    if not is_checkpoint(checkpoint):
        return
    before = TwinEncoder.load(checkpoint)
    heads = {
        name: tensor
        for name, tensor in before.state_dict().items()
        if not name.startswith("backbone.")
    }
    try:
        encoder.load_state_dict(heads, strict=False)
    except RuntimeError as error:
        raise TrainingError(
            "the heads of the checkpoint do not fit the recipe",
            where=str(checkpoint),
            expected=f"network.dim {before.spec.dim}",
            found=f"network.dim {encoder.spec.dim}",
        ) from error


def _freeze_pooler(encoder: TwinEncoder) -> None:
    """BERT's own pooler is not part of our graph; a parameter without gradient upsets DDP."""
    pooler = getattr(encoder.backbone, "pooler", None)
    if isinstance(pooler, nn.Module):
        pooler.requires_grad_(False)
        with torch.no_grad():
            for parameter in pooler.parameters():
                parameter.zero_()


def _name(network: NetworkSettings, layers: int) -> str:
    return f"transformer {layers}x{network.width}" if layers else f"bag of subwords {network.width}"


def _spec(recipe: Recipe, dim: int, architecture: str) -> EncoderSpec:
    return EncoderSpec(
        dim=dim,
        max_query_tokens=recipe.text.max_query_tokens,
        max_item_tokens=recipe.text.max_item_tokens,
        pooling=recipe.network.pooling,
        architecture=architecture,
        template=text_template(recipe.text),
    )
