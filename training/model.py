"""The encoder network: one shared backbone, pooling, a query head and an item head, L2."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel, PreTrainedModel

from catalog.encoder_spec import EncoderSpec
from catalog.errors import MissingFile

if TYPE_CHECKING:
    from transformers import PretrainedConfig

Side = Literal["query", "item"]
HEADS = "heads.safetensors"
BACKBONE = "backbone"


class TwinEncoder(nn.Module):
    """Siamese encoder of arXiv:2602.17654: shared backbone, two projection heads.

    `forward(input_ids, attention_mask)`, both (n, length) int64, gives the pair (query vectors,
    item vectors), each (n, dim) float32 with rows of L2 norm 1. The score of a query and a product
    is the inner product of a query vector and an item vector.
    """

    def __init__(self, backbone: PreTrainedModel, spec: EncoderSpec) -> None:
        super().__init__()
        self.backbone = backbone
        self.spec = spec
        width = int(backbone.config.hidden_size)
        self.token_weight = nn.Linear(width, 1) if spec.pooling == "weighted" else None
        self.query_head = nn.Linear(width, spec.dim, bias=False)
        self.item_head = nn.Linear(width, spec.dim, bias=False)
        self._start_heads_as_identity()

    def _start_heads_as_identity(self) -> None:
        # Both heads start as the same (truncated) identity: the pooled vectors of a pretrained
        # backbone are already comparable, and random heads would throw that away.
        for head in (self.query_head, self.item_head):
            nn.init.eye_(head.weight)
        if self.token_weight is not None:
            nn.init.zeros_(self.token_weight.weight)
            nn.init.zeros_(self.token_weight.bias)

    def pooled(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """One vector a text, (n, width), before the heads."""
        hidden = self.backbone(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        if self.spec.pooling == "cls":
            return hidden[:, 0]
        mask = attention_mask.unsqueeze(-1).to(hidden.dtype)
        if self.token_weight is not None:
            logits = self.token_weight(hidden).float()
            logits = torch.where(mask > 0, logits, torch.finfo(torch.float32).min)
            return (hidden * torch.softmax(logits, dim=1)).sum(dim=1)
        return (hidden * mask).sum(dim=1) / mask.sum(dim=1).clamp(min=1.0)

    def embed(self, input_ids: Tensor, attention_mask: Tensor, side: Side) -> Tensor:
        """Vectors of one side, (n, dim) float32, rows L2 = 1."""
        head = self.query_head if side == "query" else self.item_head
        return unit(head(self.pooled(input_ids, attention_mask)))

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor, Tensor]:
        """Query vectors and item vectors of the same texts."""
        pooled = self.pooled(input_ids, attention_mask)
        return unit(self.query_head(pooled)), unit(self.item_head(pooled))

    def save(self, directory: Path) -> None:
        """Write backbone, heads and `encoder.json` into `directory`."""
        directory.mkdir(parents=True, exist_ok=True)
        self.backbone.save_pretrained(directory / BACKBONE, safe_serialization=True)
        rest = {
            name: tensor.contiguous()
            for name, tensor in self.state_dict().items()
            if not name.startswith("backbone.")
        }
        save_file(rest, directory / HEADS)
        (directory / HEADS).chmod(0o644)  # safetensors writes for the owner alone
        self.spec.save(directory)

    @classmethod
    def load(cls, directory: Path) -> TwinEncoder:
        """Read what `save` wrote. Raises MissingFile when a part is not there."""
        for part in (BACKBONE, HEADS):
            if not (directory / part).exists():
                raise MissingFile("part of the checkpoint is missing", where=directory / part)
        spec = EncoderSpec.load(directory)
        backbone = AutoModel.from_pretrained(
            directory / BACKBONE, trust_remote_code=False, attn_implementation="eager"
        )
        model = cls(backbone, spec)
        model.load_state_dict(load_file(directory / HEADS), strict=False)
        return model


def unit(vectors: Tensor) -> Tensor:
    """Rows scaled to L2 norm 1 in float32; a zero row stays zero."""
    vectors = vectors.float()
    return vectors / torch.linalg.vector_norm(vectors, dim=-1, keepdim=True).clamp_min(1e-12)


def fresh_backbone(config: PretrainedConfig) -> PreTrainedModel:
    """A backbone of `config` with new weights."""
    model: PreTrainedModel = AutoModel.from_config(config, attn_implementation="sdpa")
    return model


def pretrained_backbone(name_or_path: str) -> PreTrainedModel:
    """Any BERT- or XLM-R-like encoder from the hub or a directory; never runs remote code.

    A directory may be a checkpoint of ours.
    """
    if is_checkpoint(Path(name_or_path)):
        name_or_path = str(Path(name_or_path) / BACKBONE)
    model: PreTrainedModel = AutoModel.from_pretrained(
        name_or_path, trust_remote_code=False, attn_implementation="sdpa"
    )
    return model


def is_checkpoint(directory: Path) -> bool:
    """Whether `TwinEncoder.save` wrote this directory."""
    return (directory / HEADS).is_file() and (directory / BACKBONE).is_dir()


def backbone_config(name_or_path: str) -> PretrainedConfig:
    """The configuration of a pretrained backbone."""
    config: PretrainedConfig = AutoConfig.from_pretrained(name_or_path, trust_remote_code=False)
    return config
