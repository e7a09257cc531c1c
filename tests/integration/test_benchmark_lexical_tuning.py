"""The tuning of the lexical arm ranks as the engine does and measures what it has not seen."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

from catalog.model import Grade
from index.alpha import ndcg
from index.lexical import LexicalSettings, settings_json

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "lexical_tuning.py"
_spec = importlib.util.spec_from_file_location("lexical_tuning", SCRIPT)
tuning = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(tuning)


@pytest.fixture(scope="module")
def qrels(demo_products):
    """What is red, green or made for the kitchen in some way; some of it only half right."""
    return {
        f"{colour} {kind} ardena": {
            product.id: 2 if colour in product.title else 1
            for product in demo_products[::2]
            if kind in product.title
        }
        for colour in ("red", "green", "black")
        for kind in ("kettle", "hose", "milk", "belt")
    }


def test_the_shipped_numbers_rank_as_the_engine_does(engine, demo_products, qrels):
    found = tuning.Ranking(demo_products, qrels).measure(LexicalSettings())
    expected = []
    for query, grades in qrels.items():
        ranked = [hit[0] for hit in engine.retrieve(query, "lexical", 10, correct=False)]
        gains = [Grade(grades.get(name, 0)).gain for name in ranked]
        expected.append(ndcg(np.array(gains), np.array([Grade(g).gain for g in grades.values()])))
    np.testing.assert_allclose(found, expected)
    assert 0.0 < found.mean() < 1.0


def by_k1(settings):
    """Four queries that want a large k1, and one that wants a small one."""
    return np.array([settings.k1] * 4 + [10.0 - settings.k1]) / 10.0


def test_the_climb_finds_the_best_of_the_rows_it_is_given():
    best = tuning.climb(by_k1, LexicalSettings(), np.arange(4))
    assert best.k1 == max(tuning.GRID["k1"])
    assert best.fields == LexicalSettings().fields  # nothing gained by anything else
    assert tuning.climb(by_k1, LexicalSettings(), np.array([4])).k1 == min(tuning.GRID["k1"])


def test_each_fold_is_measured_by_what_the_others_chose():
    values, settings = tuning.out_of_fold(by_k1, 5, (LexicalSettings(),))
    most = max(tuning.GRID["k1"])
    assert [one.k1 for one in settings] == [most] * 5  # three or four to one
    assert values.tolist() == [most / 10.0] * 4 + [1.0 - most / 10.0]


def test_the_result_on_record_is_of_the_shipped_numbers_and_names_no_machine():
    text = SCRIPT.with_suffix(".json").read_text()
    body = json.loads(text)
    assert body["shipped"]["settings"] == tuning.record(LexicalSettings())
    gain = body["out_of_fold"]["difference"]
    assert gain["mean"] <= 2 * gain["error"]  # else the shipped numbers should be others
    assert "/" not in body["command"].replace("benchmarks/lexical_tuning.py", "")
    fields = settings_json(LexicalSettings())["fields"]
    numbers = {"k1", *(f"{name}.{one}" for name, part in fields.items() for one in part)}
    assert numbers == {*tuning.GRID, tuning.HELD}
