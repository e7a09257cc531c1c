"""What the index and the service need of an encoder, whatever runs it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from catalog.model import Product
from export.likeness import AskedSubwords, Subwords

Vectors = NDArray[np.float32]


class Encoder(Protocol):
    """Texts and products in, vectors out, and what late interaction reads of them."""

    @property
    def dim(self) -> int:
        """Length of the vectors."""
        ...

    @property
    def fingerprint(self) -> str:
        """Equal fingerprints, equal vectors: what an index is tied to."""
        ...

    @property
    def late(self) -> bool:
        """Whether its semantic scores have late interaction."""
        ...

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """Vectors (n, dim) float32 of shoppers' queries, rows L2 = 1."""
        ...

    def encode_products(
        self, products: Iterable[Product], progress: Callable[[int], None] | None = None
    ) -> Vectors:
        """Vectors (n, dim) float32 of products, rows L2 = 1, in the order given."""
        ...

    def cut(self, dims: int) -> Encoder:
        """The same encoder with vectors of `dims` components, at most `dim`, L2 = 1 again."""
        ...

    def asked_subwords(self, text: str) -> AskedSubwords | None:
        """A shopper's query as late interaction reads it; None without late interaction."""
        ...

    def product_subwords(self, products: Iterable[Product]) -> Subwords | None:
        """What late interaction reads of products, see `Likeness.products`; None without it."""
        ...
