"""What the encoder reads: a product as one line of text, a query as one line of text."""

from __future__ import annotations

from dataclasses import dataclass

from catalog.model import Product
from catalog.text import normalise


@dataclass(frozen=True)
class TextTemplate:
    """How products and queries become encoder input; travels with the encoder.

    The name comes first, then the category path cut to `category_levels` (two in
    arXiv:2602.17654; four measured worse there), then brand and attributes, then the first
    `description_words` words of the description (0 leaves it out). The prefixes are those that a
    pretrained backbone expects (`query: ` and `passage: ` for the e5 family).
    """

    category_levels: int = 2
    description_words: int = 0
    query_prefix: str = ""
    item_prefix: str = ""

    def query(self, text: str) -> str:
        """The encoder's input for a query, normalised."""
        return self.query_prefix + normalise(text)

    def item(self, product: Product) -> str:
        """The encoder's input for a product, normalised."""
        parts = [product.title]
        if path := product.category[: self.category_levels]:
            parts.append("in " + " > ".join(path))
        if product.brand:
            parts.append(f"by {product.brand}")
        parts += [f"{name} {value}" for name, value in product.attributes.items() if value]
        if self.description_words:
            parts.append(" ".join(product.description.split()[: self.description_words]))
        return self.item_prefix + normalise("; ".join(part for part in parts if part))
