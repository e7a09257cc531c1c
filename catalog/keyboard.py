"""Which keys lie beside each other, computed from a layout."""

from __future__ import annotations

from collections.abc import Mapping

# A row of keys and how far it is shifted to the right of the topmost, in widths of a key.
Layout = tuple[tuple[str, float], ...]
QWERTY: Layout = (("qwertyuiop", 0.0), ("asdfghjkl", 0.25), ("zxcvbnm", 0.75))

_REACH = 1.3  # widths of a key: left, right, and what touches in the rows above and below


def neighbours(layout: Layout) -> Mapping[str, str]:
    """Each key of the layout → the keys that a finger off by one hits, in the layout's order."""
    places = {
        key: (shift + column, row)
        for row, (keys, shift) in enumerate(layout)
        for column, key in enumerate(keys)
    }
    return {
        key: "".join(
            other
            for other, (x, y) in places.items()
            if other != key and (x - at) ** 2 + (y - row) ** 2 <= _REACH**2
        )
        for key, (at, row) in places.items()
    }
