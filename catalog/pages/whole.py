"""A whole page around its sections: head, style, and a policy under which nothing is fetched."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from catalog.pages.markup import Html, element, escaped, joined

# Nothing may be fetched or run, even if a title should ever get past the escaping.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def whole_page(title: str, header: Iterable[Html], sections: Iterable[Html]) -> str:
    """The page as a text, with the common style sheet in it."""
    style = (Path(__file__).parent / "style.css").read_text(encoding="utf-8")
    head = joined(
        [
            Html('<meta charset="utf-8">'),
            Html(f'<meta http-equiv="Content-Security-Policy" content="{escaped(_POLICY)}">'),
            Html('<meta name="viewport" content="width=device-width, initial-scale=1">'),
            element("title", escaped(title)),
            element("style", Html(style)),
        ]
    )
    body = [element("header", header), element("main", sections)]
    page = element("html", [element("head", head), element("body", body)], lang="en")
    return f"<!doctype html>\n{page}\n"


def write_page(path: Path, page: str) -> None:
    """Write a page; halves of surrogate pairs, which UTF-8 has no bytes for, become `?`."""
    path.write_text(page, encoding="utf-8", errors="replace")
