"""The figures of an ablation on numbers worked out by hand, and what its trials try."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from training.ablation.arms import ARMS, Rates, recipe_of
from training.ablation.measuring import measure
from training.ablation.table import markdown, summarise
from training.recipe import Recipe

pytestmark = pytest.mark.slow

TITLES = ["Red steel kettle", "Kettle in red", "Garden hose", "Red kettle", "Blue kettle"]


def vectors(cosines):
    """Items at these cosines to the query (1, 0)."""
    return np.array([[c, np.sqrt(1 - c * c)] for c in cosines], np.float32)


@pytest.fixture
def measured(monkeypatch):
    """Measures items at the given cosines to the one query of `graded`."""

    def run(cosines, graded):
        queries = np.tile(np.array([[1.0, 0.0]], np.float32), (len(graded), 1))
        monkeypatch.setattr("training.ablation.measuring.embed_texts", lambda *_: queries)
        spec = SimpleNamespace(template=SimpleNamespace(query_prefix=""))
        encoder = SimpleNamespace(spec=spec)
        return measure(encoder, None, vectors(cosines), TITLES, graded)

    return run


def test_margins_are_of_products_whose_title_has_the_querys_words(measured):
    # The hose (exact!) and the blue kettle (half of the words) would change both.
    graded = {"red kettle": {0: 2, 1: 2, 2: 2, 3: 0, 4: 0}}
    values = measured([0.9, 0.7, -0.5, 0.4, 0.95], graded).values
    assert values["avg_margin"].tolist() == pytest.approx([(0.9 + 0.7) / 2 - 0.4], abs=1e-6)
    assert values["worst_margin"].tolist() == pytest.approx([0.7 - 0.4], abs=1e-6)
    everything = (0.9 + 0.7 - 0.5) / 3 - (0.4 + 0.95) / 2
    assert values["avg_margin_all"].tolist() == pytest.approx([everything], abs=1e-6)
    assert values["worst_margin_all"].tolist() == pytest.approx([-0.5 - 0.95], abs=1e-6)


def test_a_query_whose_words_are_in_no_title_has_no_margin(measured):
    found = measured([0.9, 0.7, 0.5, 0.4, 0.3], {"boil water": {0: 2, 3: 0}})
    assert np.isnan(found.values["avg_margin"]).all()
    assert found.record()["values"]["worst_margin"] == [None]
    assert sum(found.record()["cosines"]["2"]) == 1, "cosines are of all pairs"


def test_the_table_says_which_margins_and_does_without(measured):
    graded = {"red kettle": {0: 2, 3: 0}, "boil water": {1: 2, 4: 0}}
    runs = {
        name: {1: {"tests": {"t": measured(cosines, graded).record()}}}
        for name, cosines in {
            "base": [0.5, 0.4, 0, 0.3, 0.2],
            "full": [0.9, 0.4, 0, 0.3, 0.2],
        }.items()
    }
    table = markdown(summarise(runs, "t"), [1], 2)
    assert "Margins: the 1 queries" in table
    assert "avg margin (titles with ≥ 70% of the query's words)" in table
    assert "| 0.600 | 0.600 |" in table
    only = {"boil water": graded["boil water"]}
    runs = {"base": {1: {"tests": {"t": measured([0.5, 0.4, 0, 0.3, 0.2], only).record()}}}}
    assert "| – | – |" in markdown(summarise(runs, "t"), [1], 1)


def test_gamma_belongs_to_a_trial():
    recipe = Recipe()
    tried = Rates(1e-3, 1e-4, 64.0)
    assert tried.name == "0.001+0.0001+g64"
    assert recipe_of(ARMS["full"], recipe, tried).circle.gamma == 64.0
    assert recipe_of(ARMS["full"], recipe, Rates(1e-3, 1e-4)).circle == recipe.circle
