"""Real texts on which an export is compared with its checkpoint."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from catalog.errors import BundleError, MissingFile
from catalog.products import read_products
from catalog.queries import read_queries
from catalog.template import TextTemplate
from catalog.text import normalise

PARITY_TEXTS_FILE = "parity_texts.json"
MAX_QUERIES, MAX_ITEMS = 300, 1500
MIN_QUERIES, MIN_ITEMS = 10, 30  # fewer say nothing about an order of ten


@dataclass(frozen=True)
class ParityTexts:
    """Queries as typed, and items as the template renders them."""

    queries: tuple[str, ...]
    items: tuple[str, ...]

    @classmethod
    def load(cls, path: Path) -> ParityTexts:
        """Read `{"queries": [...], "items": [...]}`.

        Raises:
            MissingFile: there is no such file.
            BundleError: it cannot be understood, or holds too few texts.

        """
        if not path.is_file():
            raise MissingFile(
                "there are no texts to compare the export with its checkpoint on",
                where=path,
                hint="Give --texts FILE, or --products FILE and --queries FILE.",
            )
        try:
            body = json.loads(path.read_text(encoding="utf-8"))
            queries, items = body["queries"], body["items"]
            if not all(isinstance(text, str) for text in (*queries, *items)):
                raise TypeError("not every entry is a text")
        except (ValueError, TypeError, KeyError) as error:
            raise BundleError(
                f"the texts cannot be read: {error}",
                where=path,
                expected='{"queries": [texts], "items": [texts]}',
            ) from error
        return cls.sample(queries, items, path)

    @classmethod
    def from_catalogue(
        cls, products: Path, queries: Path, layout: str | None, template: TextTemplate
    ) -> ParityTexts:
        """Texts of a catalogue and a query file. Raises what their readers raise."""
        items = [template.item(product) for product in read_products(products, layout)]
        return cls.sample([text for text, _ in read_queries(queries)], items, products)

    @classmethod
    def sample(cls, queries: Sequence[str], items: Sequence[str], where: Path) -> ParityTexts:
        """At most 300 queries and 1,500 items, spread evenly. Raises BundleError for too few.

        Texts of nothing visible are left out: their vector is zero, and has no direction.
        """
        queries, items = _visible(queries), _visible(items)
        if len(queries) < MIN_QUERIES or len(items) < MIN_ITEMS:
            raise BundleError(
                "too few texts to compare the export with its checkpoint on",
                where=where,
                expected=f"at least {MIN_QUERIES} queries and {MIN_ITEMS} items",
                found=f"{len(queries)} and {len(items)}",
                hint="Give export --products FILE and --queries FILE, or train with --queries.",
            )
        return cls(_spread(queries, MAX_QUERIES), _spread(items, MAX_ITEMS))


def _visible(texts: Sequence[str]) -> list[str]:
    return [text for text in texts if normalise(text)]


def _spread(texts: Sequence[str], most: int) -> tuple[str, ...]:
    step = max(len(texts) / most, 1.0)
    return tuple(texts[int(position * step)] for position in range(min(len(texts), most)))
