"""Curves by the number of wishes, from the build to the hit: whole, in shards, alone, live."""

from __future__ import annotations

from pathlib import Path

import pytest

from catalog.model import Product
from index.build import BuildSettings, build_index
from index.calibration import default_calibration
from index.drift import drift_from_live, drift_lines
from index.engine import Engine
from index.live.updatable import UpdatableIndex
from index.live.updates import Put
from index.request import SearchRequest
from index.shards import shard_directories

ASKED = {"kettle": 0, "ardena kettle": 1, "ardena red kettle": 2, "red kettle under $9": 2}


@pytest.fixture(scope="module")
def root_of(tmp_path_factory, demo_products, make_late_encoder, by_wishes):
    made: dict[int, Path] = {}

    def root(shards: int) -> Path:
        if shards not in made:
            made[shards] = tmp_path_factory.mktemp("wishes")
            settings = BuildSettings(shards=shards)
            build_index(
                demo_products, make_late_encoder(), made[shards], settings=settings,
                calibrate=by_wishes,
            )  # fmt: skip
        return made[shards]

    return root


def cuts(engine: Engine, query: str, mode: str = "hybrid") -> dict[str, float]:
    request = SearchRequest(query, mode=mode, explain=True, min_tier="irrelevant", correct=False)
    return engine.search(request).hits[0].explain.thresholds


@pytest.mark.parametrize("query", ASKED)
@pytest.mark.parametrize("shards", [1, 3])
def test_a_hit_has_the_cuts_of_its_query(root_of, make_late_encoder, shards, query):
    engine, wishes = Engine.open(root_of(shards), encoder=make_late_encoder()), ASKED[query]
    prepared = engine.prepare(SearchRequest(query, correct=False))
    assert prepared.wishes == wishes
    expected = {"exact": 0.5 + wishes / 10, "substitute": 0.1}
    if prepared.unknown_words:
        expected = {"exact": 0.9, "substitute": 0.2 + wishes / 10}
    assert cuts(engine, query) == pytest.approx(expected)
    lexical = engine.calibration.modes["lexical"].thresholds
    assert cuts(engine, query, "lexical") == vars(lexical)


def test_a_word_that_the_catalogue_lacks_takes_the_stricter_cuts(root_of, make_late_encoder):
    engine = Engine.open(root_of(1), encoder=make_late_encoder())
    assert cuts(engine, "ardena kettle zzqq") == pytest.approx({"exact": 0.9, "substitute": 0.3})


def test_a_shard_alone_counts_the_wishes_of_the_whole(root_of, make_late_encoder):
    root = root_of(3)
    version = (root / "current").resolve()
    whole = Engine.open(root, encoder=make_late_encoder())
    for part in shard_directories(version, 3):
        alone = Engine.open(part, encoder=make_late_encoder())
        assert alone.bundle.wishes == whole.bundle.wishes
        assert alone.calibration.name == whole.calibration.name
        assert [alone.prepare(SearchRequest(query)).wishes for query in ASKED] == [*ASKED.values()]


def test_live_updates_leave_the_wishes_as_they_were_built(root_of, make_late_encoder):
    index = UpdatableIndex(Engine.open(root_of(1), encoder=make_late_encoder()))
    index.apply([Put(Product("new", "Kettle of zzqq", "Zzqq", ("Home",), {"colour": "kettle"}))])
    prepared = index.engine.prepare(SearchRequest("zzqq kettle", correct=False))
    assert prepared.wishes == 0
    assert cuts(index.engine, "ardena red kettle")["exact"] == pytest.approx(0.7)


def test_publishing_compares_the_cuts_by_wishes(
    demo_products, make_late_encoder, by_wishes, tmp_path
):
    root = tmp_path / "root"
    build_index(demo_products, make_late_encoder(), root)
    built = build_index(demo_products, make_late_encoder(), root, calibrate=by_wishes, live=False)
    told = drift_lines(drift_from_live(root, built.directory.name))
    hybrid = default_calibration().modes["hybrid"].thresholds
    for wishes in range(3):
        (line,) = [line for line in told if f"hybrid, wishes: {wishes}:" in line]
        assert f"exact {hybrid.exact:.3f} -> {0.5 + wishes / 10:.3f}" in line
        (line,) = [line for line in told if f"half known, wishes: {wishes}:" in line]
        assert f"-> {0.2 + wishes / 10:.3f}" in line
