"""Rounding weights, choosing calls, measuring parity: the pure parts of export."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.errors import BundleError, MissingFile, ParityError
from export.calls import calls
from export.parity import Bounds, Parity, Sides, cosines, rank_agreement
from export.quantise import WEIGHT_LIMIT, quantised_blocks, quantised_columns, quantised_rows
from export.texts import ParityTexts

RNG = np.random.default_rng(3)
MATRIX = (RNG.standard_normal((70, 9)) * RNG.uniform(0.01, 10, 9)).astype(np.float32)
MATRIX[:, 4] = 0


def test_columns_round_to_half_a_step() -> None:
    quantised, scales = quantised_columns(MATRIX)
    assert quantised.dtype == np.int8
    assert (np.abs(quantised * scales - MATRIX) <= scales / 2 + 1e-6).all()
    assert not quantised[:, 4].any()


def test_weights_cannot_saturate_the_sums_of_old_processors() -> None:
    quantised, _ = quantised_columns(MATRIX)
    assert np.abs(quantised.astype(int)).max() == WEIGHT_LIMIT
    assert 2 * 255 * WEIGHT_LIMIT < 2**15


def test_rows_round_to_half_a_step() -> None:
    quantised, scales = quantised_rows(MATRIX)
    assert scales.shape == (70, 1)
    assert (np.abs(quantised * scales - MATRIX) <= scales / 2 + 1e-6).all()


def test_blocks_round_to_half_a_step_and_fill_up_with_zeros() -> None:
    quantised, scales = quantised_blocks(MATRIX)
    assert quantised.shape == (9, 3, 32)
    assert scales.shape == (9, 3)
    restored = ((quantised.astype(np.float32) - 128) * scales[..., None]).reshape(9, 96).T
    assert (restored[70:] == 0).all()
    steps = np.repeat(scales, 32, axis=1).T[:70]
    assert (np.abs(restored[:70] - MATRIX) <= steps / 2 + 1e-6).all()


@given(st.lists(st.integers(0, 5), max_size=40), st.integers(1, 7))
def test_calls_hold_every_row_once_and_one_length_each(lengths: list[int], size: int) -> None:
    groups = calls(lengths, size)
    assert sorted(row for group in groups for row in group) == list(range(len(lengths)))
    assert all(len({lengths[row] for row in group}) == 1 for group in groups)
    assert all(1 <= len(group) <= size for group in groups)
    assert len(groups) == sum(-(-lengths.count(length) // size) for length in set(lengths))


def _sides(seed: int, noise: float = 0.0) -> Sides:
    rng = np.random.default_rng(seed)
    base = [rng.standard_normal((n, 8)) for n in (7, 40)]
    other = np.random.default_rng(seed + 1)
    noisy = [part + noise * other.standard_normal(part.shape) for part in base]
    return Sides(
        *((part / np.linalg.norm(part, axis=1, keepdims=True)).astype(np.float32) for part in noisy)
    )


def test_rank_agreement_equals_its_definition() -> None:
    left, right = _sides(1), _sides(1, noise=0.3)
    shares = []
    for query in range(7):
        tops = []
        for sides in (left, right):
            scores = [float(sides.queries[query] @ item) for item in sides.items]
            tops.append(set(sorted(range(40), key=lambda item: -scores[item])[:10]))
        shares.append(len(tops[0] & tops[1]) / 10)
    assert rank_agreement(left, right) == pytest.approx(np.mean(shares))
    assert 0.2 < rank_agreement(left, right) < 1


def test_an_encoder_agrees_with_itself_even_over_equal_items() -> None:
    sides = _sides(2)
    twins = Sides(sides.queries, np.concatenate([sides.items] * 2))
    assert rank_agreement(twins, twins) == 1
    assert cosines(twins, twins) == pytest.approx(np.ones(87), abs=1e-6)


GOOD = Parity("int8", "dynamic", "cpu", "fp32", 1, 0.999, 0.99, 0.98, 0.0)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"mean_cosine": 0.98}, "mean_cosine >= 0.99"),
        ({"mean_cosine": float("nan")}, "mean_cosine >= 0.99"),
        ({"rank_agreement": 0.94}, "rank_agreement >= 0.95"),
        ({"batch_difference": 2e-6}, "batch_difference <= 1e-06"),
        ({"against": "torch", "min_cosine": 0.9998}, "min_cosine >= 0.9999"),
    ],
)
def test_each_bound_is_held(change: dict[str, float | str], expected: str) -> None:
    GOOD.check(Bounds(), Path("bundle"))
    with pytest.raises(ParityError) as caught:
        replace(GOOD, **change).check(Bounds(), Path("bundle"))
    assert caught.value.expected == expected
    value = next(value for name, value in change.items() if name != "against")
    assert caught.value.found == f"{value:.6g}"


@pytest.mark.parametrize(
    "text", ["", "[]", '{"queries": []}', '{"queries": [1], "items": ["a"]}', "\xff"]
)
def test_texts_that_cannot_be_read_are_an_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "texts.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(BundleError, match=r"texts\.json"):
        ParityTexts.load(tmp_path / "texts.json")
    with pytest.raises(MissingFile):
        ParityTexts.load(tmp_path / "none.json")


def test_texts_are_a_spread_sample_of_what_can_be_seen(tmp_path: Path) -> None:
    body = {"queries": [f"q{n}" for n in range(900)] + [""], "items": ["\u200b"] * 9 + ["a"] * 30}
    (tmp_path / "texts.json").write_text(json.dumps(body))
    texts = ParityTexts.load(tmp_path / "texts.json")
    assert texts.queries == tuple(f"q{n}" for n in range(0, 900, 3))
    assert texts.items == ("a",) * 30


def test_too_few_texts_are_refused(tmp_path: Path) -> None:
    (tmp_path / "texts.json").write_text(json.dumps({"queries": ["a"] * 9, "items": ["b"] * 99}))
    with pytest.raises(BundleError, match="too few") as caught:
        ParityTexts.load(tmp_path / "texts.json")
    assert caught.value.found == "9 and 99"
