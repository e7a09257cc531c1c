"""Measuring the dev split: ranks, figures, how far apart the grades lie, what is shown of it."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

from catalog.measures import evaluate_run
from catalog.model import Product
from training.separation import BINS, histogram, separation


def test_a_histogram_by_hand():
    counts = histogram(np.array([-1.0, -0.96, 0.0, 0.25, 0.2999, 0.3, 0.999, 1.0], np.float32))
    assert len(counts) == BINS
    assert {place: number for place, number in enumerate(counts) if number} == {
        0: 2,  # -1 and -.96
        20: 1,  # 0
        25: 2,  # .25 is the lower edge of its bin
        26: 1,  # as .3 is, which binary fractions only come near to
        39: 2,  # the last bin holds 1
    }


def test_no_cosines_are_a_histogram_of_zeros():
    assert histogram(np.zeros(0, np.float32)) == [0] * BINS


def test_separation_by_hand():
    cosines = np.array([0.9, 0.7, 0.5, 0.1, 0.8, 0.6], np.float32)
    grades = np.array([2, 2, 1, 0, 2, 0])
    query = np.array([0, 0, 0, 0, 1, 1])
    found = separation(cosines, grades, query, np.array([1.0, 0.5, 1.0, 0.7, 0.2, 0.9]))
    # Query 0: mean .8 − .1 and least .7 − .1; query 1: .2 both.
    assert found["margins"]["all"] == {"avg": 0.45, "worst": 0.4, "queries": 2}
    # With most words in the title: query 0 alone has both grades, .9 and .1.
    assert found["margins"]["overlap"] == {"avg": 0.8, "worst": 0.8, "queries": 1}
    assert {grade: sum(counts) for grade, counts in found["cosines"].items()} == {
        "2": 3,
        "1": 1,
        "0": 2,
    }
    alone = separation(cosines[:3], grades[:3], query[:3], np.ones(3))
    assert alone["margins"]["all"] == {"avg": None, "worst": None, "queries": 0}


# --- the dev split ---------------------------------------------------------------------------


@pytest.mark.slow
def test_the_measure_equals_a_sort_of_all_scores(
    checkpoint: Path, demo_products: list[Product], monkeypatch: pytest.MonkeyPatch
) -> None:
    from training import mined_search
    from training.dev import DEPTH, dev_measure
    from training.embed import embed_texts
    from training.model import TwinEncoder
    from training.tokenizer import learn_tokenizer

    corpus = _corpus(demo_products, dev=7)
    encoder, tokenizer = TwinEncoder.load(checkpoint).eval(), learn_tokenizer(corpus.items, 200)
    monkeypatch.setattr(mined_search, "_QUERIES_AT_ONCE", 3)  # 7 queries: blocks of 3, 3 and 1
    measure = dev_measure(encoder, tokenizer, corpus)
    assert measure is not None
    result = measure()

    queries = embed_texts(encoder, tokenizer, list(corpus.dev), "query")
    items = embed_texts(encoder, tokenizer, corpus.items, "item")
    scores = np.concatenate([queries[at : at + 3] @ items.T for at in range(0, 7, 3)])
    best = np.argsort(-scores, axis=1, kind="stable")[:, :DEPTH]
    np.testing.assert_array_equal(result.hits, best)
    assert any(len(set(row.tolist())) < DEPTH for row in result.hit_cosines), "no ties to break"
    names = list(corpus.dev)
    values = evaluate_run(
        {q: {str(r): g for r, g in grades.items()} for q, grades in corpus.dev.items()},
        {names[n]: [str(row) for row in rows] for n, rows in enumerate(best)},
        ks=(10, DEPTH),
    )
    assert result.figures == {
        "dev_ndcg@10": round(float(values["ndcg@10"].mean()), 4),
        "dev_recall@100": round(float(np.nanmean(values["recall@100"])), 4),
    }
    np.testing.assert_allclose(
        result.cosines, scores[result.pairs.query, result.pairs.row], atol=1e-6
    )
    assert result.pairs.grade.tolist() == [g for by in corpus.dev.values() for g in by.values()]


@pytest.mark.slow
def test_no_dev_queries_are_no_measure(checkpoint: Path, demo_products: list[Product]) -> None:
    from training.dev import dev_measure
    from training.model import TwinEncoder
    from training.tokenizer import learn_tokenizer

    corpus = _corpus(demo_products, dev=0)
    encoder, tokenizer = TwinEncoder.load(checkpoint), learn_tokenizer(corpus.items, 200)
    assert dev_measure(encoder, tokenizer, corpus) is None


@pytest.mark.slow
def test_overlap_is_the_share_of_the_query_in_the_title():
    from training.corpus import Corpus
    from training.dev import DevPairs

    products = [Product("a", "Oat-Milk, 1 l"), Product("b", "Rice drink")]
    dev = {"oat milk barista": {0: 2, 1: 0}, "l": {0: 1}}
    pairs = DevPairs.of(Corpus(products, ["", ""], {}, dev, []))
    assert pairs.query.tolist() == [0, 0, 1]
    assert pairs.row.tolist() == [0, 1, 0]
    np.testing.assert_allclose(pairs.overlap, [2 / 3, 0, 1])


# --- progress --------------------------------------------------------------------------------

HISTORY = [
    {"step": 0, "dev_ndcg@10": 0.4},
    {"step": 0, "separation": {}},
    {"step": 5, "loss": 2.5},
    {"step": 5, "dev_ndcg@10": 0.51234, "dev_recall@100": 0.9},
    {"step": 10, "loss": 1.25},
]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("history", "words"),
    [
        (HISTORY, "  step 10/20  loss 1.2500  dev nDCG@10 0.5123  "),
        ([{"step": 10, "loss": 1.25}], "  step 10/20  loss 1.2500  "),
    ],
)
def test_a_line_shows_loss_and_the_last_dev_figure(
    history: list[dict[str, float]], words: str
) -> None:
    from training.callbacks import LineCallback

    said: list[str] = []
    line = LineCallback(said.append)
    _drive(line, history)
    assert len(said) == 1
    assert said[0].startswith(words)
    assert said[0].endswith(" s to go")


@pytest.mark.slow
def test_other_processes_than_the_first_say_nothing():
    from training.callbacks import BarCallback, LineCallback

    said: list[str] = []
    for callback in (LineCallback(said.append), BarCallback()):
        _drive(callback, HISTORY, first=False)
    assert said == []


@pytest.mark.slow
def test_a_terminal_gets_a_bar_without_dictionaries(monkeypatch: pytest.MonkeyPatch) -> None:
    from training.callbacks import BarCallback, LineCallback, progress_callback

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    shown = Terminal()
    monkeypatch.setattr("sys.stderr", io.StringIO())
    assert isinstance(progress_callback(print), LineCallback)
    monkeypatch.setattr("sys.stderr", shown)
    bar = progress_callback(print)
    assert isinstance(bar, BarCallback)
    _drive(bar, HISTORY)
    last = shown.getvalue().strip().rpartition("\r")[2]
    assert "10/20" in last
    assert "loss 1.2500, dev nDCG@10 0.5123" in last
    assert "{" not in shown.getvalue()


@pytest.mark.slow
def test_the_dev_split_is_measured_before_now_and_then_and_at_the_end():
    from training.callbacks import DevCallback

    class Result:
        def __init__(self, number: int) -> None:
            self.figures = {"dev_ndcg@10": number / 10}
            self.separation = {"number": number}

    state = _state([], first=True)
    measured: list[int] = []

    def measure() -> Result:
        measured.append(state.global_step)
        return Result(len(measured))

    logged: list[dict[str, float]] = []
    callback = DevCallback(measure, 8, logged.append)  # type: ignore[arg-type]
    callback.on_train_begin(None, state, None)  # type: ignore[arg-type]
    for step in range(1, 21):
        state.global_step = step
        callback.on_step_end(None, state, None)  # type: ignore[arg-type]
    assert measured == [0, 8, 16, 20]
    assert logged == [{"dev_ndcg@10": number / 10} for number in (1, 2, 3, 4)]
    assert state.log_history == [
        {"step": step, "separation": {"number": number}}
        for number, step in enumerate([0, 8, 16, 20], 1)
    ]
    state.global_step = 16
    callback.on_train_begin(None, state, None)  # type: ignore[arg-type]
    assert len(measured) == 4, "one that goes on has its beginning in its history"


def _state(history: list[dict[str, float]], *, first: bool):
    from transformers import TrainerState

    return TrainerState(
        global_step=0, max_steps=20, log_history=history, is_world_process_zero=first
    )


def _drive(callback, history: list[dict[str, float]], *, first: bool = True) -> None:
    """Ten of twenty steps, then a log of the loss, then the end."""
    state = _state(history, first=first)
    callback.on_train_begin(None, state, None)
    state.global_step = 10
    callback.on_step_end(None, state, None)
    callback.on_log(None, state, None, logs={"loss": 1.25})
    callback.on_train_end(None, state, None)


def _corpus(products: list[Product], dev: int):
    from training.corpus import Corpus

    kinds = sorted({product.category[1].lower() for product in products})
    graded = {
        kind: {
            row: 2 if product.category[1].lower() == kind else row % 2
            for row, product in enumerate(products)
            if product.category[1].lower() == kind or row % 10 == 0
        }
        for kind in kinds[: dev or 7]
    }
    items = [f"{product.category[1]} {product.brand}" for product in products]  # some alike
    return Corpus(products, items, {} if dev else graded, graded if dev else {}, [])
