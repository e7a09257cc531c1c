"""What tests of every room share: a small shop, an encoder without a network, a built index."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers

from catalog.artefact import write_manifest, writing
from catalog.encoder_spec import EncoderSpec
from catalog.model import Product
from export.dims import cut_fingerprint, shortened
from export.likeness import AskedSubwords, Likeness, Subwords
from index.analysis import stem, words
from index.build import Calibrate, CalibrationPlan, build_index
from index.calibration import (
    Link,
    ModeCalibration,
    Thresholds,
    WishCalibration,
    default_calibration,
)
from index.engine import Engine

Vectors = NDArray[np.float32]


class HashEncoder:
    """Each word a fixed random direction, a text their mean: similar texts, similar vectors."""

    def __init__(self, dim: int = 32, name: str = "hash") -> None:
        self.dim = self.full = dim
        self.precision = "int8"
        self.fingerprint = hashlib.sha256(f"{name}-{dim}".encode()).hexdigest()
        self.train_queries: frozenset[str] = frozenset()
        self.encoded = 0  # texts encoded so far
        self.late = False

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

    def asked_subwords(self, text: str) -> AskedSubwords | None:
        return None

    def product_subwords(self, products: Iterable[Product]) -> Subwords | None:
        return None

    def cut(self, dims: int) -> HashEncoder:
        if dims == self.dim:
            return self
        shorter = copy(self)
        shorter.dim = dims
        shorter.fingerprint = cut_fingerprint(self.fingerprint, dims)
        return shorter

    def _encode(self, texts: list[str]) -> Vectors:
        self.encoded += len(texts)
        vectors = np.zeros((len(texts), self.full), np.float32)
        for row, text in enumerate(texts):
            for word in words(text):
                vectors[row] += _direction(stem(word), self.full)
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        unit = (vectors / np.where(norms > 0, norms, 1)).astype(np.float32)
        return unit if self.dim == self.full else shortened(unit, self.dim)


class LateEncoder(HashEncoder):
    """A hash encoder with late interaction: words are subwords, alike as their directions are."""

    TOKENS, LONGEST, KEPT = 256, 24, 6  # texts of more words are cut

    def __init__(self, dim: int = 32, name: str = "late") -> None:
        super().__init__(dim, name)
        self.late = True
        rng = np.random.default_rng(3)
        cosines = np.tanh(rng.normal(0.0, 0.4, (self.TOKENS, self.TOKENS)))
        np.fill_diagonal(cosines, 0.96)
        query, like = (cosines > 0.5).nonzero()
        order = np.lexsort((-cosines[query, like], query))  # the most alike first
        query, like = query[order], like[order]
        met = np.rint(255 * (cosines[query, like] - 0.5) / 0.5).clip(1)
        self.likeness = Likeness(
            0.5,
            0.5,
            self.KEPT,
            rng.uniform(0.2, 1.0, self.TOKENS).astype(np.float32),
            np.searchsorted(query, np.arange(self.TOKENS + 1)).astype(np.int32),
            like.astype(np.int32),
            met.astype(np.uint8),
        )

    def asked_subwords(self, text: str) -> AskedSubwords | None:
        return self.likeness.asked(self._numbers(text))

    def product_subwords(self, products: Iterable[Product]) -> Subwords | None:
        texts = [" ".join((product.title, *product.category)) for product in products]
        return self.likeness.products([self._numbers(text) for text in texts], self.LONGEST)

    def _numbers(self, text: str) -> list[int]:
        found = [_seed(stem(word)) % self.TOKENS for word in words(text)]
        return found[: self.LONGEST]


def _seed(word: str) -> int:
    return int.from_bytes(hashlib.sha256(word.encode()).digest()[:8], "big")


def _direction(word: str, dim: int) -> NDArray[np.float64]:
    seed = _seed(word)
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
def by_wishes() -> Calibrate:
    """Calibrates with cuts that say to which number of wishes they belong."""
    link = Link((-1.0, 1.0), (0.0, 1.0), (0.0, 0.5))
    own = tuple(
        WishCalibration(
            ModeCalibration(link, Thresholds(0.5 + wishes / 10, 0.1)),
            ModeCalibration(link, Thresholds(0.9, 0.2 + wishes / 10)),
        )
        for wishes in range(3)
    )
    calibration = replace(default_calibration(), source="fitted", wishes=own)
    return lambda _store, _encoder: CalibrationPlan(lambda _bundle, _encoder: (calibration, {}))


@pytest.fixture(scope="session")
def make_encoder() -> type[HashEncoder]:
    return HashEncoder


@pytest.fixture(scope="session")
def make_late_encoder() -> type[LateEncoder]:
    return LateEncoder


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


@pytest.fixture(scope="session")
def make_checkpoint() -> Callable[..., Path]:
    """Writes an untrained checkpoint of the small shop: `make_checkpoint(out, layers=2, …)`."""
    return _write_checkpoint


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A two-layer transformer with learned pooling weights. Read only."""
    return _write_checkpoint(tmp_path_factory.mktemp("checkpoint") / "tiny")


def _write_checkpoint(
    out: Path,
    *,
    architecture: str = "bert",
    layers: int = 2,
    pooling: str = "weighted",
    positions: int = 40,
    change: Callable[[Any], None] = lambda model: None,
) -> Path:
    import torch
    from transformers import BertConfig, XLMRobertaConfig

    from training.model import TwinEncoder, fresh_backbone

    torch.manual_seed(7)
    spec = EncoderSpec(
        dim=32, max_query_tokens=8, max_item_tokens=20, pooling=pooling, architecture=architecture
    )
    products = [spec.template.item(product) for product in small_shop()]
    queries = [
        f"{colour} {kind}" for kinds in _TYPES.values() for kind in kinds for colour in _COLOURS
    ]
    config, train = {"bert": (BertConfig, _word_pieces), "xlm-r": (XLMRobertaConfig, _unigrams)}[
        architecture
    ]
    tokenizer = train(products + queries)
    model = TwinEncoder(
        fresh_backbone(
            config(
                vocab_size=tokenizer.get_vocab_size(),
                hidden_size=64,
                num_hidden_layers=layers,
                num_attention_heads=2,
                intermediate_size=512,
                max_position_embeddings=positions,
                pad_token_id=tokenizer.token_to_id("<pad>"),
            )
        ),
        spec,
    )
    for name, weight in model.named_parameters():
        if "head" in name or "token_weight" in name:
            torch.nn.init.normal_(weight, std=0.2)
    change(model)
    with writing(out, "checkpoint") as directory:
        model.save(directory)
        tokenizer.save(str(directory / "tokenizer.json"))
        (directory / "train_queries.json").write_text(json.dumps(["00ff", "11ee"]))
        texts = {"queries": queries, "items": products}
        (directory / "parity_texts.json").write_text(json.dumps(texts))
        write_manifest(directory, "checkpoint")
    return out


def _word_pieces(texts: list[str]) -> Tokenizer:
    tokenizer = Tokenizer(models.WordPiece(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["<pad>", "<unk>", "<s>", "</s>"]
    trainer = trainers.WordPieceTrainer(vocab_size=300, special_tokens=special, show_progress=False)
    return _framed(tokenizer, trainer, texts)


def _unigrams(texts: list[str]) -> Tokenizer:
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    trainer = trainers.UnigramTrainer(
        vocab_size=300, special_tokens=special, unk_token="<unk>", show_progress=False
    )
    return _framed(tokenizer, trainer, texts)


def _framed(tokenizer: Tokenizer, trainer: Any, texts: list[str]) -> Tokenizer:
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>",
        special_tokens=[(name, tokenizer.token_to_id(name)) for name in ("<s>", "</s>")],
    )
    return tokenizer
