"""Stage-0 pairs from products alone: a query-like span of the name against the product's text."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from catalog.model import Product
from catalog.template import TextTemplate
from catalog.text import normalise

# How many words shoppers type: real query logs have a mean near 3.5.
_LENGTHS = (1, 2, 2, 3, 3, 3, 4, 4, 5, 6)


@dataclass(frozen=True)
class SpanPair:
    """A query-like text and a text of the same product."""

    query: str
    item: str


class SpanSource:
    """Draws span pairs from a product.

    The words come from name, brand, category and attributes. The product's text is either whole,
    which teaches that equal words matter, or lacks every word of the span, wherever it stands and
    plural or not, and shows another window of the description, which teaches what words mean.
    """

    def __init__(self, product: Product, template: TextTemplate, whole: str) -> None:
        parts = (product.title, product.brand, *product.category[:3], *product.attributes.values())
        self._words = normalise(" ".join(parts)).split() or [normalise(product.id)]
        self._description = normalise(product.description).split()
        self._bare = [bare(word) for word in self._words]
        self._window = template.description_words
        self._prefixes = (template.query_prefix, template.item_prefix)
        self._whole = whole

    def draw(self, rng: Random, rest_share: float) -> SpanPair:
        """One pair; with probability `rest_share` the item text lacks the span."""
        chosen = self._span(rng)
        query = self._prefixes[0] + self._joined(chosen)
        if rng.random() >= rest_share:
            return SpanPair(query, self._whole)
        hidden = {self._bare[place] for place in chosen}
        rest = [
            word for word, plain in zip(self._words, self._bare, strict=True) if plain not in hidden
        ]
        start = rng.randrange(max(1, len(self._description) - self._window))
        window = self._description[start : start + self._window]
        rest += [word for word in window if bare(word) not in hidden]
        return SpanPair(query, self._prefixes[1] + " ".join(rest))

    def words(self, rng: Random) -> str:
        """A query-like text alone, without the prefix."""
        return self._joined(self._span(rng))

    def _joined(self, places: list[int]) -> str:
        return " ".join(self._words[place] for place in places)

    def _span(self, rng: Random) -> list[int]:
        length = min(len(self._words), rng.choice(_LENGTHS))
        if rng.random() < 0.6:
            start = rng.randrange(len(self._words) - length + 1)
            return list(range(start, start + length))
        return sorted(rng.sample(range(len(self._words)), length))


def bare(word: str) -> str:
    """A normalised word without punctuation at its ends and without a plural's `s`."""
    return word.strip(".,;:!?()[]\"'").rstrip("s") or word
