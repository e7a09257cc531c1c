"""What `gradus index build` takes for vectors, graphs and shards, and what an index says of it."""

from __future__ import annotations

import json

import numpy as np
import pytest

from catalog.errors import BundleError, CatalogError, EncoderMismatch
from index.build import BuildSettings, build_index
from index.build_job import BuildJob
from index.bundle import IndexBundle, check_whole
from index.calibrate import TakeFrom
from index.dense import DenseSettings
from index.dense_build import Target, arrange
from index.engine import Engine
from index.graph_tuning import Trial, best_point, tune
from index.request import SearchRequest
from index.shards import shard_of
from index.vectors import VectorTable

RANDOM = np.random.default_rng(3)


def unit_rows(count: int, dim: int) -> np.ndarray:
    vectors = RANDOM.standard_normal((count, dim)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def trial(m: int, reached: bool, microseconds: float, recall: float = 0.99) -> Trial:
    return Trial(m, 200, 200, 100, recall, 0.96, reached, microseconds, 1.0)


def test_a_tuning_job_reaches_its_target_and_is_recorded():
    vectors, queries = VectorTable(unit_rows(1500, 16)), unit_rows(40, 16)
    given = DenseSettings(m=2, ef_construction=4, ef=10, plan="graph")
    target = Target(0.97, ((2, 4), (8, 40)))
    dense, quality = arrange(vectors, queries, 20, given, target=target)
    assert min(quality.recall_10, quality.recall_20) >= 0.97
    assert quality.target == 0.97
    assert [(one.m, one.ef_construction) for one in quality.trials] == [(2, 4), (8, 40)]
    assert all(one.microseconds > 0 for one in quality.trials)
    chosen = dense.settings.m, dense.settings.ef_construction
    assert chosen in {(one.m, one.ef_construction) for one in quality.trials if one.reached}
    assert dense.settings.ef == quality.ef
    assert json.loads(json.dumps(quality.trials[0].__dict__))["m"] == 2


def test_tuning_takes_what_is_quickest_by_the_clock(monkeypatch):
    from index import graph_tuning

    speeds = iter([50.0, 90.0, 20.0])
    monkeypatch.setattr(graph_tuning, "_median_microseconds", lambda *_more: next(speeds))
    vectors, queries = VectorTable(unit_rows(300, 8)), unit_rows(10, 8)
    given = DenseSettings(m=4, ef_construction=20)
    chosen, trials = tune(vectors, queries, 5, given, 0.9, ((8, 20), (16, 20)))
    assert [one.microseconds for one in trials] == [50.0, 90.0, 20.0]
    assert (chosen.m, chosen.ef_construction) == (16, 20)


def test_recall_comes_before_speed_and_near_ties_stay_as_given():
    found = {(16, 200): trial(16, False, 50.0, 0.95), (32, 200): trial(32, True, 90.0)}
    assert best_point(found, (16, 200)) == (32, 200)
    found = {(16, 200): trial(16, True, 85.0), (32, 200): trial(32, True, 90.0)}
    assert best_point(found, (32, 200)) == (32, 200)
    assert best_point({**found, (16, 200): trial(16, True, 60.0)}, (32, 200)) == (16, 200)
    none = {(16, 200): trial(16, False, 50.0, 0.9), (32, 200): trial(32, False, 90.0, 0.95)}
    assert best_point(none, (16, 200)) == (32, 200)


def test_an_unreachable_target_is_reported():
    vectors = VectorTable(unit_rows(2000, 64))
    dense, quality = arrange(
        vectors, unit_rows(10, 64), 5,
        DenseSettings(m=2, ef_construction=2, ef=5, plan="graph"), target=Target(1.0),
    )  # fmt: skip
    assert quality.target == 1.0
    assert dense.settings.ef >= 2000 or quality.recall_20 == 1.0


@pytest.mark.parametrize("kind", ["fp16", "int8"])
def test_a_kind_of_storage_is_recorded_and_its_cost_measured(
    tmp_path, demo_products, make_encoder, kind
):
    settings = BuildSettings(dense=DenseSettings(vectors=kind))
    built = build_index(demo_products, make_encoder(), tmp_path, settings=settings)
    stored = built.quality["dense"]["stored"]
    assert stored["kind"] == kind
    assert 0 < stored["largest_error"] < 0.01
    assert stored["overlap_20"] > 0.9
    bundle = IndexBundle.open(tmp_path)
    assert bundle.dense.settings.vectors == kind
    assert bundle.dense.vectors.kind == kind
    assert not (built.directory / "embedded.npy").exists()
    factors = built.directory / "vector_factors.npy"
    assert factors.exists() == (kind == "int8")


def test_cut_vectors_need_the_encoder_cut_alike(tmp_path, demo_products, make_encoder, built_index):
    settings = BuildSettings(dims=12)
    build_index(demo_products, make_encoder(), tmp_path, settings=settings)
    bundle = IndexBundle.open(tmp_path)
    assert bundle.dense.dim == bundle.manifest.config["dims"] == 12
    engine = Engine.open(tmp_path, encoder=make_encoder())
    assert engine.encoder.dim == 12
    vector = engine.encode(engine.prepare(SearchRequest("red kettle")))
    whole = make_encoder().encode_queries(["red kettle"])[0]
    np.testing.assert_allclose(vector, whole[:12] / np.linalg.norm(whole[:12]), atol=1e-6)
    assert np.linalg.norm(bundle.dense.take(np.arange(3)), axis=1) == pytest.approx(1.0)
    with pytest.raises(EncoderMismatch, match="another encoder"):
        Engine.open(tmp_path, encoder=make_encoder(dim=12))
    with pytest.raises(EncoderMismatch, match="another encoder"):
        build_index(demo_products, make_encoder(), tmp_path / "b", calibrate=TakeFrom(tmp_path))


def test_shards_are_whole_indexes(tmp_path, demo_products, make_encoder):
    built = build_index(demo_products, make_encoder(), tmp_path, settings=BuildSettings(shards=3))
    parts = [built.directory / "shards" / f"{number}-of-3" for number in (1, 2, 3)]
    held = [IndexBundle.open(part) for part in parts]
    for number, bundle in enumerate(held):
        assert {shard_of(name, 3) for name in bundle.store.ids} == {number}
        assert bundle.manifest.config["shard"] == {"number": number + 1, "of": 3}
        assert bundle.lexical.document_frequency("kettl") == 6
    assert sum(len(bundle.store) for bundle in held) == 120
    assert check_whole(tmp_path).products == 120
    assert len(built.quality["dense"]["shards"]) == 3
    assert not (built.directory / "whole").exists()


def test_graphs_of_shards_find_what_one_graph_finds(tmp_path, demo_products, make_encoder):
    engines = []
    for count in (1, 3):
        settings = BuildSettings(candidates=20, dense=DenseSettings(plan="graph"), shards=count)
        build_index(demo_products, make_encoder(), tmp_path / str(count), settings=settings)
        engines.append(Engine.open(tmp_path / str(count), encoder=make_encoder()))
    shares = []
    for query in ("red kettle", "almond milk", "wool socks", "garden hose", "black tea"):
        request = SearchRequest(query, limit=20, min_tier="irrelevant")
        one, three = ([hit.id for hit in engine.search(request).hits] for engine in engines)
        shares.append(len({*one} & {*three}) / len(one))
    assert np.mean(shares) >= 0.99


def test_more_shards_than_products_is_refused(tmp_path, demo_products, make_encoder):
    with pytest.raises(CatalogError, match="a shard would hold no product"):
        build_index(demo_products[:5], make_encoder(), tmp_path, settings=BuildSettings(shards=50))
    assert not (tmp_path / "current").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"vectors": "fp8"}, "fp32, fp16, int8"),
        ({"shards": 0}, "--shards is out of range"),
        ({"dims": -3}, "--dims is out of range"),
        ({"links": 1}, "--links is out of range"),
        ({"recall_target": 1.5}, "--recall-target is out of range"),
    ],
)
def test_options_out_of_range_are_refused(tmp_path, monkeypatch, make_encoder, change, message):
    monkeypatch.setattr(
        "export.bundle.EncoderBundle.load", lambda *_args, **_options: make_encoder()
    )
    job = BuildJob((tmp_path / "products.jsonl",), tmp_path, tmp_path / "out", **change)
    with pytest.raises(BundleError, match=message):
        job.run()
