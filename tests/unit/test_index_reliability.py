"""Reliability diagrams: bins by hand, bands by query, a picture that is one."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from catalog.errors import GradusError
from index.reliability import BINS, draw_reliability, reliability


def test_bins_by_hand():
    said = np.array([0.1, 0.1, 0.1, 0.9, 0.9])
    so = np.array([False, False, True, True, True])
    curve = reliability(said, so, np.array([0, 0, 1, 1, 2]))
    assert curve.said == pytest.approx([0.1, 0.9])
    assert curve.so == pytest.approx([1 / 3, 1.0])
    assert curve.pairs.tolist() == [3, 2]


def test_bands_are_those_of_queries_and_not_of_pairs():
    rng = np.random.default_rng(0)
    said = np.repeat(0.5, 4000)
    alike = np.repeat(rng.random(40) < 0.5, 100)  # the pairs of a query share their fate
    apart = rng.random(4000) < 0.5
    query = np.repeat(np.arange(40), 100)
    wide, narrow = (reliability(said, so, query) for so in (alike, apart))
    assert len(wide.said) == 1
    assert (wide.high - wide.low)[0] > 5 * (narrow.high - narrow.low)[0]


def test_true_probabilities_lie_within_their_bands():
    rng = np.random.default_rng(1)
    said = rng.random(20_000)
    curve = reliability(said, rng.random(20_000) < said, np.arange(20_000) // 50)
    assert len(curve.said) == BINS
    assert ((curve.low <= curve.said) & (curve.said <= curve.high)).mean() >= 0.7
    assert np.all((curve.low <= curve.so) & (curve.so <= curve.high))


def test_the_picture_is_a_png(tmp_path):
    pytest.importorskip("matplotlib")
    curve = reliability(np.array([0.2, 0.8]), np.array([False, True]), np.array([0, 1]))
    draw_reliability({"judged": {"P(=2)": curve}, "shown": {"P(=2)": curve}}, tmp_path / "r.png")
    assert (tmp_path / "r.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(GradusError, match="cannot be written"):
        draw_reliability({"judged": {"P(=2)": curve}}, tmp_path / "missing" / "r.png")


def test_without_matplotlib_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(GradusError, match=r"needs matplotlib.*\[eval\]"):
        draw_reliability({}, tmp_path / "r.png")


def test_no_pair_is_refused():
    with pytest.raises(ValueError, match="needs pairs"):
        reliability(np.empty(0), np.empty(0, bool), np.empty(0, np.int64))
