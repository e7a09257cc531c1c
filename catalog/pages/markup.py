"""HTML as a type of its own: what is not escaped yet does not pass the type checker."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Sequence
from typing import NewType

Html = NewType("Html", str)

NOTHING = Html("–")  # a value that there is not


def escaped(value: object) -> Html:
    """Any value as text, harmless in elements and attributes."""
    return Html(html.escape(str(value)))


def joined(parts: Iterable[Html], between: str = "\n") -> Html:
    """Pieces of HTML one after the other."""
    return Html(between.join(parts))


def element(name: str, content: Html | Iterable[Html] = Html(""), **attributes: object) -> Html:
    """`<name …>content</name>`; `class_` gives `class`, `stroke_width` gives `stroke-width`."""
    inner = content if isinstance(content, str) else joined(content)
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escaped(value)}"'
        for key, value in attributes.items()
    )
    return Html(f"<{name}{given}>{inner}</{name}>")


def table(
    heads: Sequence[str], rows: Iterable[Sequence[Html]], *, texts: Sequence[int] = (0,)
) -> Html:
    """A table that scrolls by itself on a narrow screen; the columns `texts` hold no numbers."""
    kinds = ["text" if place in texts else "number" for place in range(len(heads))]
    head = [
        element("th", escaped(name), class_=kind, scope="col")
        for name, kind in zip(heads, kinds, strict=True)
    ]
    body = [
        element("tr", [element("td", cell, class_=k) for cell, k in zip(row, kinds, strict=True)])
        for row in rows
    ]
    inner = [element("thead", element("tr", head)), element("tbody", body)]
    return element("div", element("table", inner), class_="wide")


def figure(value: float | None, digits: int = 4) -> Html:
    """A number with that many digits after the point; a dash where there is none."""
    if value is None or math.isnan(value):
        return NOTHING
    return escaped(f"{value:.{digits}f}")


def count(value: int) -> Html:
    """A whole number with its thousands apart."""
    return escaped(f"{value:,}")
