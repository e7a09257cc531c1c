"""Late interaction: what is looked up is what the formula says, pair by pair."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.errors import BundleError
from export.likeness import LIKENESS_FILE, Likeness

TOKENS, FLOOR, LENGTH = 40, 0.5, 9
tokens = st.lists(st.integers(0, TOKENS - 1), max_size=LENGTH)
queries = tokens.filter(lambda query: any(token != 5 for token in query))


def dense_table(seed: int = 1) -> np.ndarray:
    """Cosines of every two tokens, float32; the first three are like nothing."""
    table = np.random.default_rng(seed).uniform(-0.2, 1.0, (TOKENS, TOKENS)).astype(np.float32)
    table[:3] = 0.0
    return table


def likeness(share: float = 0.5, kept: int = LENGTH) -> Likeness:
    table = dense_table()
    query, like = (table > FLOOR).nonzero()
    order = np.lexsort((-table[query, like], query))  # the most alike first
    query, like = query[order], like[order]
    met = np.rint(255 * (table[query, like].astype(float) - FLOOR) / (1 - FLOOR)).clip(1)
    weights = np.random.default_rng(2).uniform(0.1, 2.0, TOKENS).astype(np.float32)
    weights[5] = 0.0  # as special tokens have it
    starts = np.searchsorted(query, np.arange(TOKENS + 1)).astype(np.int32)
    return Likeness(
        share, FLOOR, kept, weights, starts, like.astype(np.int32), met.astype(np.uint8)
    )


def by_the_formula(query: list[int], product: list[int]) -> float:
    of, table, total = likeness(), dense_table(), 0.0
    weights = of.weights[query].astype(float)
    held = [token for token in product if of.weights[token] > 0]
    for token, weight in zip(query, weights / weights.sum(), strict=True):
        most = max([FLOOR, *(float(table[token, other]) for other in held)])
        total += weight * max(round(255 * (most - FLOOR) / (1 - FLOOR)), int(most > FLOOR)) / 255
    return total


@settings(max_examples=200, deadline=None)
@given(queries, st.lists(tokens, min_size=1))
def test_late_interaction_is_the_weighted_best_likeness(query, products):
    of = likeness()
    asked = of.asked(query)
    found = asked.late(of.products(products, LENGTH))
    # Weights are kept in 60,000ths.
    assert found == pytest.approx([by_the_formula(query, one) for one in products], abs=2e-4)


@settings(max_examples=100, deadline=None)
@given(queries, st.lists(tokens, min_size=2))
def test_a_product_scores_the_same_whatever_stands_beside_it(query, products):
    of = likeness()
    asked = of.asked(query)
    table = of.products(products, LENGTH)
    together = asked.late(table).tolist()
    assert together == [float(asked.late(row[None])[0]) for row in table]
    assert together[::-1] == asked.late(table[::-1]).tolist()


def test_the_share_weighs_late_interaction_against_cosines():
    cosines, products = np.array([0.9, -0.4]), likeness().products([[7, 8], []], LENGTH)
    for share in (0.0, 0.25, 1.0):
        asked = likeness(share).asked([7, 9])
        expected = (1 - share) * cosines + share * asked.late(products)
        assert asked.mixed(cosines, products).tolist() == expected.tolist()


def test_nothing_is_met_by_a_product_without_subwords():
    of = likeness()
    assert of.asked([7, 9]).late(of.products([[], [5]], LENGTH)).tolist() == [0.0, 0.0]


def test_a_query_that_nothing_is_like_is_met_by_no_product():
    of = likeness()
    assert of.asked([0, 1, 2]).late(of.products([[0], [7, 8]], LENGTH)).tolist() == [0.0, 0.0]


@pytest.mark.parametrize("query", [[], [5, 5]])
def test_where_no_token_counts_no_product_is_met(query):
    of = likeness()
    assert of.asked(query).late(of.products([[], [7, 8]], LENGTH)).tolist() == [0.0, 0.0]


@settings(max_examples=100, deadline=None)
@given(queries, st.lists(tokens, min_size=1), st.floats(-1, 1), st.floats(0, 1))
def test_no_product_exceeds_the_highest_score(query, products, cosine, share):
    of = likeness(share)
    asked = of.asked(query)
    cosines = np.full(len(products), cosine)
    assert (asked.mixed(cosines, of.products(products, LENGTH)) <= asked.highest(cosine)).all()


def test_many_products_at_once_score_as_few_do():
    of = likeness()
    asked = of.asked([7, 9, 11])
    rng = np.random.default_rng(4)
    table = of.products(rng.integers(0, TOKENS, (9000, LENGTH)).tolist(), LENGTH)
    assert asked.late(table).tolist() == [*asked.late(table[:100]), *asked.late(table[100:])]


def test_products_keep_each_subword_once_and_no_special_token():
    table = likeness().products([[7, 5, 8, 7], []], 4)
    assert table.dtype == np.uint16
    assert table.tolist() == [[7, 8, TOKENS, TOKENS], [TOKENS] * 4]


def test_a_vocabulary_beyond_two_bytes_takes_four():
    tokens = 70_000
    weights, starts = np.ones(tokens, np.float32), np.zeros(tokens + 1, np.int32)
    starts[-1] = 1  # the last token alone is like another: number 464, but for 2^16
    like, met = np.array([66_000], np.int32), np.array([255], np.uint8)
    of = Likeness(0.5, FLOOR, 3, weights, starts, like, met)
    table = of.products([[66_000, 1], [464]], 3)
    assert table.tolist() == [[66_000, 1, tokens], [464, tokens, tokens]]
    assert of.asked([tokens - 1]).late(table).tolist() == [1.0, 0.0]


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.integers(0, TOKENS - 1), min_size=1, max_size=300),
    st.lists(tokens, min_size=1, max_size=40),
)
def test_sums_are_those_of_whole_numbers(query, products):
    of = likeness()
    asked = of.asked(query)
    total = sum(of.weights[query].astype(float))
    shares = [round(float(of.weights[token]) * 60_000 / total) if total else 0 for token in query]
    assert asked.wanted.whole == sum(shares)
    held = [[token for token in product if of.weights[token] > 0] for product in products]

    def met(token: int, product: list[int]) -> int:
        span = slice(of.starts[token], of.starts[token + 1])
        found = dict(zip(of.like[span].tolist(), of.met[span].tolist(), strict=True))
        return max([0, *(found.get(other, 0) for other in product)])

    sums = [
        sum(share * met(token, product) for share, token in zip(shares, query, strict=True))
        for product in held
    ]
    expected = [total / (255 * sum(shares)) if any(shares) else 0.0 for total in sums]
    assert asked.late(of.products(products, LENGTH)).tolist() == expected


def test_the_weight_of_a_query_may_be_tiny():
    of = likeness()
    tiny = replace(of, weights=of.weights * np.float32(1e-38))
    table = of.products([[7, 8], [9]], LENGTH)
    assert tiny.asked([7]).late(table).tolist() == of.asked([7]).late(table).tolist()


def test_of_a_long_product_the_weightiest_subwords_are_kept():
    of = likeness(kept=3)
    read = [7, 20, 5, 31, 8, 20, 12]
    (kept,) = of.products([read], 12).tolist()
    assert kept == sorted({*read} - {5}, key=lambda token: -of.weights[token])[:3]


def test_what_is_saved_is_what_is_read(tmp_path: Path):
    of = likeness(0.25, kept=7)
    of.save(tmp_path)
    again = Likeness.load(tmp_path, TOKENS)
    assert (again.share, again.floor, again.kept) == (0.25, FLOOR, 7)
    for name in ("weights", "starts", "like", "met"):
        assert getattr(again, name).tolist() == getattr(of, name).tolist()


def test_equal_tables_are_equal_files(tmp_path: Path):
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        likeness().save(tmp_path / name)
    one, other = ((tmp_path / name / LIKENESS_FILE).read_bytes() for name in ("one", "other"))
    assert one == other


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"not a zip at all"])
def test_a_damaged_file_is_named(tmp_path: Path, content: bytes):
    (tmp_path / LIKENESS_FILE).write_bytes(content)
    with pytest.raises(BundleError, match="likeness of subwords"):
        Likeness.load(tmp_path, TOKENS)


def test_a_table_of_another_vocabulary_is_refused(tmp_path: Path):
    likeness().save(tmp_path)
    with pytest.raises(BundleError, match="sizes"):
        Likeness.load(tmp_path, TOKENS + 1)


@pytest.mark.parametrize(
    ("name", "spoil", "said"),
    [
        ("like", lambda like: like + TOKENS, "that there are not"),
        ("like", lambda like: -like - 1, "that there are not"),
        ("starts", lambda starts: starts.astype(np.int64), "other types"),
        ("starts", lambda starts: np.append(starts[-2::-1], starts[-1]), "that there are not"),
        ("met", lambda met: met.astype(float), "other types"),
    ],
)
def test_a_table_of_impossible_numbers_is_refused(tmp_path: Path, name: str, spoil, said: str):
    likeness().save(tmp_path)
    with np.load(tmp_path / LIKENESS_FILE) as held:
        arrays = {**held, name: spoil(held[name])}
    np.savez(tmp_path / LIKENESS_FILE, **arrays)
    with pytest.raises(BundleError, match=said):
        Likeness.load(tmp_path, TOKENS)


def test_a_table_that_another_version_wrote_is_refused(tmp_path: Path):
    of = likeness()
    of.save(tmp_path)
    with np.load(tmp_path / LIKENESS_FILE) as held:
        arrays = {**held, "figures": held["figures"][:2]}
    np.savez(tmp_path / LIKENESS_FILE, **arrays)
    with pytest.raises(BundleError, match="another version") as caught:
        Likeness.load(tmp_path, TOKENS)
    assert "Export the checkpoint again" in str(caught.value)
