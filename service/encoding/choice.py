"""Whether searches wait for the encoder where they stand, or in a queue: decided by measuring."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from time import perf_counter
from typing import Literal

from service.encoding.lane import TextEncoder

Way = Literal["inline", "queued"]

# Handing a text through the event loop costs a tenth of a search's throughput; standing still for
# longer than this holds up everybody else's answers, and a probe's.
INLINE_MS = 2.0
_TEXTS = (
    "red running shoes", "oat milk", "usb c cable 2 m", "wireless noise cancelling headphones",
    "black tea", "women's rain jacket waterproof", "frying pan", "led strip lights for bedroom",
)  # fmt: skip
_ROUNDS = 3


@dataclass(frozen=True)
class Choice:
    """How queries are encoded, what one took (median, ms), and why it was chosen."""

    way: Way
    encode_ms: float
    reason: str


def measure(encoder: TextEncoder) -> float:
    """Median milliseconds of one query, encoded alone, over a few of usual length."""
    encoder.encode_queries(_TEXTS[:1])
    times = []
    for text in _TEXTS * _ROUNDS:
        began = perf_counter()
        encoder.encode_queries([text])
        times.append((perf_counter() - began) * 1e3)
    return median(times)


def choose(wanted: Literal["auto", "inline", "queued"], encode_ms: float, rows: int) -> Choice:
    """The way for an encoder that takes `encode_ms` a query and `rows` texts a call."""
    took = f"one query takes {encode_ms:.2f} ms"
    if wanted != "auto":
        return Choice(wanted, encode_ms, f"set so; {took}")
    if rows > 1:
        return Choice("queued", encode_ms, f"a call takes up to {rows} texts of one length")
    if encode_ms > INLINE_MS:
        return Choice(
            "queued", encode_ms, f"{took}, more than the {INLINE_MS:g} ms the event loop may stand"
        )
    return Choice(
        "inline",
        encode_ms,
        f"{took}, and at this precision every text is a call of its own: a queue gains nothing",
    )
