"""What an audit may be told: sample, evidence, weights and thresholds. All numbers are ours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from catalog.errors import TrainingError

LOG, CURVE = "log", "curve"


@dataclass(frozen=True)
class AuditSettings:
    """Settings of an audit; docs/audit.md says what each means.

    `share` of the labels is sampled by `seed`. A pair says something once it was examined
    `min_examined` times; `high` engagement also needs clicks of `min_clients` clients. Thresholds
    are quantiles of the engagement rate, the upper one over labels 2, the lower one over labels 0,
    or rates in [0, 1] where `high_rate` and `low_rate` are given. `click` to `order` are weights
    in [0, 1].
    """

    share: float = 0.3
    seed: int = 7
    min_examined: float = 20.0
    min_clients: int = 3
    high_quantile: float = 0.3
    low_quantile: float = 0.7
    high_rate: float | None = None
    low_rate: float | None = None
    confidence: float = 0.5
    click: float = 0.3
    stay: float = 0.6
    cart: float = 0.8
    order: float = 1.0
    long_stay: float = 30.0
    examination: str = LOG
    slope: float = 1.0
    depth: int = 50


_RANGES: Mapping[str, tuple[float, float]] = {
    "share": (0, 1),
    "seed": (0, 2**63),
    "min_examined": (1, 1e12),
    "min_clients": (1, 10**9),
    "confidence": (0, 0.999999),
    "long_stay": (0, 1e9),
    "slope": (0, 10),
    "depth": (1, 10_000),
    **dict.fromkeys(("high_quantile", "low_quantile", "high_rate", "low_rate"), (0.0, 1.0)),
    **dict.fromkeys(("click", "stay", "cart", "order"), (0.0, 1.0)),
}


def changed(settings: AuditSettings, changes: Mapping[str, str]) -> AuditSettings:
    """The settings with `changes` (name → value as text), checked.

    Raises:
        TrainingError: an unknown name, or a value that cannot be read, or that `check` refuses.

    """
    known = {field.name: getattr(settings, field.name) for field in fields(settings)}
    values: dict[str, Any] = {}
    for name, text in changes.items():
        if name not in known:
            raise TrainingError(
                f"unknown audit setting `{name}`", expected=", ".join(known), found=name
            )
        values[name] = _value(name, text, known[name])
    settings = replace(settings, **values)
    check(settings)
    return settings


def check(settings: AuditSettings) -> None:
    """Raise TrainingError when a setting is out of range, or two do not fit each other."""
    for name, (low, high) in _RANGES.items():
        value = getattr(settings, name)
        if value is not None and not low <= value <= high:
            raise TrainingError(
                f"audit setting `{name}` is out of range",
                expected=f"{low:g} to {high:g}",
                found=str(value),
            )
    weights = (settings.click, settings.stay, settings.cart, settings.order)
    for holds, what in (
        (settings.examination in (LOG, CURVE), f"examination is {LOG} or {CURVE}"),
        (list(weights) == sorted(weights) and weights[-1] > 0, "click <= stay <= cart <= order"),
        (
            None in (settings.low_rate, settings.high_rate)
            or (settings.low_rate or 0) <= (settings.high_rate or 0),
            "low_rate <= high_rate",
        ),
    ):
        if not holds:
            raise TrainingError("audit settings do not fit each other", expected=what)


def _value(name: str, text: str, default: Any) -> Any:
    kind = float if default is None else type(default)
    try:
        return kind(text)
    except ValueError:
        raise TrainingError(
            f"audit setting `{name}` cannot be read", expected=kind.__name__, found=repr(text)
        ) from None
