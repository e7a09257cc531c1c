"""What tests of every room share: a small shop, an encoder without a network, a built index."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from catalog.model import Product
from index.analysis import stem, words
from index.build import build_index
from index.engine import Engine

Vectors = NDArray[np.float32]


class HashEncoder:
    """Each word a fixed random direction, a text their mean: similar texts, similar vectors."""

    def __init__(self, dim: int = 32, name: str = "hash") -> None:
        self.dim = dim
        self.precision = "int8"
        self.fingerprint = hashlib.sha256(f"{name}-{dim}".encode()).hexdigest()
        self.train_queries: frozenset[str] = frozenset()
        self.encoded = 0  # texts encoded so far

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        return self._encode(list(texts))

    def encode_items(self, texts: Sequence[str]) -> Vectors:
        return self._encode(list(texts))

    def encode_products(
        self, products: Iterable[Product], progress: Callable[[int], None] | None = None
    ) -> Vectors:
        texts = [" ".join((product.title, *product.category)) for product in products]
        if progress is not None:
            progress(len(texts))
        return self._encode(texts)

    def query_tokens(self, text: str) -> list[int]:
        return [len(word) for word in words(text)]

    def _encode(self, texts: list[str]) -> Vectors:
        self.encoded += len(texts)
        vectors = np.zeros((len(texts), self.dim), np.float32)
        for row, text in enumerate(texts):
            for word in words(text):
                vectors[row] += _direction(stem(word), self.dim)
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        return (vectors / np.where(norms > 0, norms, 1)).astype(np.float32)


def _direction(word: str, dim: int) -> NDArray[np.float64]:
    seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:8], "big")
    return np.random.default_rng(seed).standard_normal(dim)


_TYPES = {
    "Kitchen": ("kettle", "toaster", "frying pan", "mixing bowl", "knife"),
    "Garden": ("hose", "spade", "plant pot", "rake", "trellis"),
    "Clothing": ("rain jacket", "wool socks", "t-shirt", "running shoes", "belt"),
    "Pantry": ("almond milk", "oat milk", "rice noodles", "tomato soup", "black tea"),
}
_COLOURS = ("red", "blue", "green", "black", "white", "silver")
_BRANDS = ("Ardena", "Bolt & Finch", "Corvo", "Levi's Barn", "Näsby")


def small_shop() -> list[Product]:
    """120 products of 20 types, the same every time; some share a title."""
    return [
        Product(
            id=f"p{number:03d}",
            title=f"{brand} {colour} {kind}" + (f" {1 + number % 3} l" if number % 4 == 0 else ""),
            brand=brand,
            category=(department, kind.title()),
            attributes={"colour": colour},
            description=f"A {colour} {kind} for the {department.lower()}, made to last.",
            price=round(2.5 + number * 0.75, 2),
            stock=number % 7,
            popularity=float(number % 11),
        )
        for number, (department, kind, colour, brand) in enumerate(
            (department, kind, _COLOURS[at % 6], _BRANDS[at % 5])
            for at in range(6)
            for department, kinds in _TYPES.items()
            for kind in kinds
        )
    ]


@pytest.fixture(scope="session")
def demo_products() -> list[Product]:
    return small_shop()


@pytest.fixture(scope="session")
def make_encoder() -> type[HashEncoder]:
    return HashEncoder


@pytest.fixture
def fake_encoder() -> HashEncoder:
    return HashEncoder()


@pytest.fixture(scope="session")
def built_index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Root of an index of the small shop. Read only: copy it before changing anything."""
    root = tmp_path_factory.mktemp("index") / "root"
    build_index(small_shop(), HashEncoder(), root)
    return root


@pytest.fixture(scope="session")
def engine(built_index: Path) -> Engine:
    return Engine.open(built_index, encoder=HashEncoder())
