"""Which values a recipe's settings may have, alone and together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from catalog.encoder_spec import POOLINGS
from catalog.errors import TrainingError

if TYPE_CHECKING:
    from training.recipe import Recipe

LOSSES = ("supcon", "cosent", "infonce", "triplet")

_ANY, _ABOVE_ZERO = 10**9, 1e-9
# Setting, least and most value; whatever is above a billion is a slip, too.
RANGES: tuple[tuple[str, float, float], ...] = (
    ("seed", 0, 2**32 - 2),  # numpy's limit, and stage 0 takes the seed after it
    ("dev_fraction", 0, 0.9),
    ("network.layers", 0, _ANY),
    ("network.width", 1, _ANY),
    ("network.heads", 1, _ANY),
    ("network.vocabulary", 4, _ANY),
    ("network.letter_runs", 0, _ANY),
    ("network.dim", 1, _ANY),
    ("network.dropout", 0, 0.9),
    ("text.max_query_tokens", 2, _ANY),
    ("text.max_item_tokens", 2, _ANY),
    ("text.category_levels", 0, _ANY),
    ("text.description_words", 0, _ANY),
    *(
        (f"{stage}.{key}", low, high)
        for stage in ("bag", "pretrain", "supcon", "refine", "distil")
        for key, low, high in (
            ("steps", 0, _ANY),
            ("batch", 1, _ANY),
            ("learning_rate", _ABOVE_ZERO, _ANY),
            ("warmup", 0, 1),
            ("temperature", 0.01, 1),  # the learner keeps 1/τ between 1 and 100
            ("clip", 0, _ANY),
            ("head_rate", 0, _ANY),
            ("average", 0, 0.99999),
            ("patience", 0, _ANY),
        )
    ),
    *((f"{stage}.stay", 0, _ANY) for stage in ("supcon", "refine")),
    *(
        (f"{stage}.{key}", low, high)
        for stage in ("bag", "pretrain")
        for key, low, high in (
            ("rest_share", 0, 1),
            ("teacher_share", 0, 1),
            ("teacher_depth", 1, _ANY),
            ("misspelt_share", 0, 1),
        )
    ),
    ("distil.blend", 0, 1),
    ("distil.real_share", 0, 1),
    ("distil.depth", 1, _ANY),
    ("distil.drawn", 1, _ANY),
    ("supcon.margin", _ABOVE_ZERO, 2),
    ("supcon.pair_weight", 0, _ANY),
    ("supcon.pair_overlap", _ABOVE_ZERO, 1),
    ("supcon.pair_shared", 1, _ANY),
    ("instances.items", 2, _ANY),
    ("instances.assumed", 0, _ANY),
    ("augment.misspelt_share", 0, 1),
    ("augment.synthetic_share", 0, 1),
    ("mine.depth", 0, 200),
    ("mine.rounds", 1, 10),
    ("circle.gamma", _ABOVE_ZERO, _ANY),
    *((f"circle.weight_{pair}", 0, _ANY) for pair in ("20", "10", "21")),
)


def check_ranges(recipe: Recipe, where: str) -> None:
    """Raise TrainingError when a setting is out of range, or does not fit another one."""
    for key, low, high in RANGES:
        value: Any = recipe
        for part in key.split("."):
            value = getattr(value, part)
        if not low <= value <= high:  # NaN is in no range, too
            least = "above 0" if low == _ABOVE_ZERO else f"at least {low}"
            bounds = least if high == _ANY else f"{low} to {high}"
            raise TrainingError(
                f"`{key}` is out of range", where=where, expected=bounds, found=str(value)
            )
    network = recipe.network
    for holds, what in (
        (network.pooling in POOLINGS, f"network.pooling is one of {', '.join(POOLINGS)}"),
        (
            all(0 < dim < network.dim for dim in network.matryoshka),
            "network.matryoshka has whole numbers between 0 and network.dim",
        ),
        (recipe.supcon.loss in LOSSES, f"supcon.loss is one of {', '.join(LOSSES)}"),
        (network.width % network.heads == 0, "network.width is divisible by network.heads"),
        (network.dim <= network.width or network.base_model, "network.dim <= network.width"),
    ):
        if not holds:
            raise TrainingError("settings do not fit each other", where=where, expected=what)
