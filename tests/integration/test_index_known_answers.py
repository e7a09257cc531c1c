"""An index that gives other answers here than where it was built does not serve."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from catalog.errors import BundleError
from index.engine import Engine
from index.known_answers import KNOWN_FILE, KnownAnswers
from service import preflight
from service.opener import Opener
from service.settings import Settings


class Shifted:
    """The encoder of an engine, its vectors turned by a little, as a saturating kernel would."""

    def __init__(self, engine: Engine, step: float) -> None:
        self._real, self._step = engine.encoder, step
        self.dim, self.fingerprint = engine.encoder.dim, engine.encoder.fingerprint

    def encode_queries(self, texts: Sequence[str]) -> np.ndarray:
        vectors = self._real.encode_queries(texts)
        turned = vectors + self._step * np.random.default_rng(0).standard_normal(vectors.shape)
        return (turned / np.linalg.norm(turned, axis=1, keepdims=True)).astype(np.float32)

    def __getattr__(self, name: str) -> object:
        return getattr(self._real, name)


def test_build_writes_what_it_answers(engine: Engine) -> None:
    known = KnownAnswers.load(engine.bundle.directory)
    assert len({hit.query for hit in known.hits}) == 8
    assert len(known.hits) > 8
    assert KNOWN_FILE in engine.bundle.manifest.files
    known.check(engine)


def test_shifted_vectors_are_found_out(engine: Engine) -> None:
    known = KnownAnswers.load(engine.bundle.directory)
    known.check(Engine(engine.bundle, Shifted(engine, 1e-5)))  # type: ignore[arg-type]
    with pytest.raises(BundleError, match="computes other scores"):
        known.check(Engine(engine.bundle, Shifted(engine, 0.05)))  # type: ignore[arg-type]


def test_other_tiers_are_found_out(engine: Engine) -> None:
    known = KnownAnswers.load(engine.bundle.directory)
    others = {"exact": "irrelevant", "substitute": "exact", "irrelevant": "exact"}
    turned = KnownAnswers(tuple(replace(hit, tier=others[hit.tier]) for hit in known.hits))
    with pytest.raises(BundleError, match="into other tiers"):
        turned.check(engine)


def test_service_does_not_open_such_an_index(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    shifted = Engine(engine.bundle, Shifted(engine, 0.05))  # type: ignore[arg-type]
    monkeypatch.setattr(Opener, "engine", lambda *_, **__: shifted)
    with pytest.raises(BundleError, match="computes other scores"):
        Opener.of(Settings()).proved(engine.bundle.directory, verify=True)
    with pytest.raises(BundleError, match="computes other scores"):
        preflight.check(Settings())  # what `gradus serve --check` does


def test_no_file_means_nothing_is_known(tmp_path: Path, engine: Engine) -> None:
    nothing = KnownAnswers.load(tmp_path)
    assert nothing.hits == ()
    nothing.check(engine)
    (tmp_path / KNOWN_FILE).write_text("{")
    with pytest.raises(BundleError, match="cannot be read"):
        KnownAnswers.load(tmp_path)
