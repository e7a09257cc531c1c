"""Two networks instead of one: the asymmetric arm. It is measured, never exported."""

from __future__ import annotations

import copy

from torch import Tensor

from training.model import Side, TwinEncoder


class TwoTowers(TwinEncoder):
    """Queries go through this network, products through a copy that learns by itself."""

    def __init__(self, encoder: TwinEncoder) -> None:
        super().__init__(encoder.backbone, encoder.spec)
        self.load_state_dict(encoder.state_dict())
        self.item_tower = copy.deepcopy(encoder)

    def embed(self, input_ids: Tensor, attention_mask: Tensor, side: Side) -> Tensor:
        """As the one network does, each side by its own."""
        if side == "item":
            return self.item_tower.embed(input_ids, attention_mask, side)
        return super().embed(input_ids, attention_mask, side)
