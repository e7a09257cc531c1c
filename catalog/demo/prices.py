"""Prices: a place in the type's range, then the ending that shops like."""

from __future__ import annotations

from random import Random

from catalog.demo.departments import ProductType

# How much of the place in the range size, brand and chance decide; ours.
_SIZE, _BRAND = 0.45, 0.25
_AXES = ("size", "pack", "power", "memory", "resolution")


def size_places(kind: ProductType) -> tuple[tuple[str, dict[str, float]], ...]:
    """The axes that make a thing dearer, each value's place from 0 (first listed) to 1."""
    return tuple(
        (axis, {value: i / (len(values) - 1) for i, value in enumerate(values)})
        for axis, values in kind.attributes.items()
        if axis in _AXES and len(values) > 1
    )


def price(low: float, high: float, size: float | None, premium: float, rng: Random) -> float:
    """A price in [low, high], two decimals.

    `size` in [0, 1] is the product's place among the sizes of its type (None: it has none),
    `premium` in [0, 1] the brand's. Places are on a logarithmic scale: most products are cheap.
    """
    chance = rng.random() * 0.6 + rng.random() * 0.4
    if size is None:
        place = _BRAND * premium + (1 - _BRAND) * chance
    else:
        place = _SIZE * size + _BRAND * premium + (1 - _SIZE - _BRAND) * chance
    return ending(low * float((high / low) ** place), low, high, rng)


def ending(amount: float, low: float, high: float, rng: Random) -> float:
    """The amount moved to x.99, x.49, x.95 or a round figure, unless that leaves the range."""
    whole = int(amount)
    if amount < 20:
        wanted = whole + rng.choice((0.99, 0.99, 0.99, 0.49, 0.79, 0.29))
    elif amount < 100:
        wanted = whole + rng.choice((0.99, 0.99, 0.95, 0.50, 0.0))
    else:
        wanted = whole // 10 * 10 + rng.choice((9.0, 9.99, 9.0, 5.0, 0.0))
    return round(wanted if low <= wanted <= high else amount, 2)


def ceilings(kind: ProductType) -> tuple[float, ...]:
    """The round amounts a shopper may name as the most to spend, inside the type's range."""
    low, high = kind.price
    return tuple(float(amount) for amount in _ROUND if low * 1.2 < amount < high * 0.8)


def cheap_below(kind: ProductType) -> float:
    """The price up to which a product of the type counts as cheap: a third of the way, as above."""
    low, high = kind.price
    return round(low * float((high / low) ** (1 / 3)), 2)


_ROUND = (3, 5, 8, 10, 15, 20, 25, 30, 40, 50, 60, 75, 100, 150, 200, 250, 300, 400, 500, 750, 1000)
