"""A build from products to a live version, and every way in which a bundle can be wrong."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from catalog.errors import (
    BundleError,
    CatalogError,
    EncoderMismatch,
    HashMismatch,
    JudgmentError,
    MissingFile,
)
from catalog.model import Product
from catalog.split import query_hash
from index.analysis import query_terms
from index.build import BuildSettings, CalibrationPlan, build_index
from index.build_summary import summary
from index.bundle import IndexBundle, check_whole
from index.calibrate import FitOnJudgments, TakeFrom
from index.calibration import Calibration
from index.dense import DenseSettings
from index.engine import Engine
from index.evaluate import evaluate
from index.nonsense import nonsense_queries
from index.pairs import draw_unjudged
from index.request import SearchRequest
from index.versions import list_versions, live, publish, resolve


@pytest.fixture
def copy(built_index, tmp_path) -> Path:
    return Path(shutil.copytree(built_index, tmp_path / "copy", symlinks=True))


@pytest.fixture(scope="session")
def qrels(demo_products) -> dict[str, dict[str, int]]:
    """Colour and type asked for: both right is exact, the type alone a substitute."""
    kinds = sorted({product.category[1] for product in demo_products})[::2]
    return {
        f"{colour} {kind}": {
            product.id: 2 if product.attributes["colour"] == colour else 1
            for product in demo_products
            if product.category[1] == kind
        }
        | {product.id: 0 for product in demo_products[:3] if product.category[1] != kind}
        for kind, colour in zip(kinds, ["red", "blue"] * 5, strict=True)
    }


@pytest.fixture(scope="session")
def fitted(tmp_path_factory, demo_products, make_encoder, qrels) -> Path:
    root = tmp_path_factory.mktemp("fitted")
    build_index(demo_products, make_encoder(), root, calibrate=FitOnJudgments(qrels))
    return root


def test_the_store_gives_products_back_as_they_came(engine, demo_products):
    assert list(engine.bundle.store.products()) == demo_products
    row = engine.bundle.store.row("p007")
    fields = engine.bundle.store.fetch(row)
    assert fields["title"] == demo_products[7].title
    assert fields["category"] == list(demo_products[7].category)
    assert engine.bundle.store.row("nobody") is None


def test_a_version_opens_by_root_by_link_and_by_itself(built_index, make_encoder):
    version = live(built_index)
    for path in (built_index, built_index / "current", built_index / "versions" / version):
        assert Engine.open(path, encoder=make_encoder()).bundle.version == version


def test_two_builds_of_one_catalogue_hold_the_same_bytes(built_index, copy, make_encoder):
    products = IndexBundle.open(built_index).store.products()
    built = build_index(products, make_encoder(), copy)
    first, second = (IndexBundle.open(path).manifest for path in (built_index, built.directory))
    assert first.files == second.files
    assert first.fingerprint == second.fingerprint


def test_a_build_becomes_live_and_the_old_version_stays(copy, demo_products, make_encoder):
    old = live(copy)
    built = build_index(demo_products[:30], make_encoder(), copy)
    versions = list_versions(copy)
    assert {version.name for version in versions} == {old, built.directory.name}
    assert [version.name for version in versions if version.live] == [built.directory.name]
    assert {version.products for version in versions} == {30, 120}
    publish(copy, old)
    assert live(copy) == old
    assert len(IndexBundle.open(copy).store) == 120


def test_a_failing_build_leaves_nothing_behind(copy, demo_products, make_encoder):
    def broken():
        yield demo_products[0]
        raise CatalogError("line 2 is broken")

    before = list_versions(copy)
    with pytest.raises(CatalogError, match="line 2"):
        build_index(broken(), make_encoder(), copy)
    assert list_versions(copy) == before
    assert len(list((copy / "versions").iterdir())) == 1


def test_the_first_of_two_products_with_one_id_is_kept(tmp_path, make_encoder):
    heard: list[Product] = []
    twice = [Product("a", "kettle"), Product("b", "spade"), Product("a", "other")]
    built = build_index(twice, make_encoder(), tmp_path, duplicates=heard.append)
    assert built.quality["products"] == 2
    assert heard == [twice[2]]
    hits = Engine.open(tmp_path, encoder=make_encoder()).search(SearchRequest("kettle")).hits
    assert [hit.product["title"] for hit in hits] == ["kettle"]


def test_an_empty_catalogue_is_refused(tmp_path, make_encoder):
    with pytest.raises(CatalogError, match="no product"):
        build_index([], make_encoder(), tmp_path)


@pytest.mark.parametrize(
    "name",
    [
        "products.jsonl", "product_offsets.npy", "product_ids.json", "vectors.npy",
        "dense.json", "calibration.json", "lexical/rows.npy", "lexical/vocabulary.json",
    ],
)  # fmt: skip
def test_a_damaged_file_is_refused(copy, make_encoder, name):
    path = resolve(copy) / name
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(HashMismatch) as caught:
        Engine.open(copy, encoder=make_encoder())
    assert str(path) in str(caught.value)
    # Unverified, a truncated file must still not come out as anything but an error of ours.
    with pytest.raises(BundleError):
        Engine.open(copy, encoder=make_encoder(), verify=False)
    path.unlink()
    with pytest.raises(MissingFile):
        check_whole(copy)


def test_a_damaged_graph_is_refused(tmp_path, demo_products, make_encoder):
    settings = BuildSettings(dense=DenseSettings(plan="graph"))
    built = build_index(demo_products, make_encoder(), tmp_path, settings=settings)
    path = built.directory / "hnsw.bin"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(HashMismatch, match=r"hnsw\.bin"):
        Engine.open(tmp_path, encoder=make_encoder())
    with pytest.raises(BundleError, match="graph cannot be read"):
        Engine.open(tmp_path, encoder=make_encoder(), verify=False)
    path.unlink()
    with pytest.raises(MissingFile):
        check_whole(tmp_path)


def test_another_encoder_is_refused(built_index, make_encoder):
    with pytest.raises(EncoderMismatch, match="another encoder"):
        Engine.open(built_index, encoder=make_encoder(name="other"))


def test_an_index_without_its_encoder_says_so(built_index):
    with pytest.raises(MissingFile, match=r"manifest\.json"):
        Engine.open(built_index)


def test_paths_that_are_no_index(tmp_path, copy):
    with pytest.raises(MissingFile, match="no index here"):
        resolve(tmp_path / "nowhere")
    with pytest.raises(MissingFile, match="no version 'x'"):
        publish(copy, "x")
    with pytest.raises(MissingFile, match="no version"):
        publish(copy, "../" + copy.name)
    (copy / "current").unlink()
    with pytest.raises(MissingFile, match="is live"):
        resolve(copy)


def test_a_fitted_calibration_is_recorded(fitted, qrels):
    bundle = IndexBundle.open(fitted)
    calibration = bundle.calibration
    assert calibration.source == "fitted"
    assert calibration.queries == tuple(sorted(query_hash(query) for query in qrels))
    assert calibration.pairs == sum(len(grades) for grades in qrels.values())
    assert calibration.assumed == 50 * len(qrels)
    assert calibration.alpha_interval[0] <= calibration.alpha_interval[1]
    quality = json.loads((bundle.directory / "quality.json").read_text())
    assert quality["calibration"]["queries_hash"] == calibration.queries_hash
    assert quality["dense"]["plan"] == bundle.dense.settings.plan == "scan"
    assert quality["dense"]["recall_candidates"] == 1.0
    assert bundle.manifest.quality == quality


def test_calibration_survives_saving(fitted, tmp_path):
    calibration = IndexBundle.open(fitted).calibration
    calibration.save(tmp_path)
    assert Calibration.load(tmp_path) == calibration


def test_fitted_tiers_follow_the_judgments(fitted, qrels, make_encoder):
    engine = Engine.open(fitted, encoder=make_encoder())
    report = evaluate(engine, qrels).report
    assert report["tiers"]["accuracy"] > report["tiers"]["majority"]
    assert report["calibration"]["with_unjudged"]["random_kept"] < 0.2
    assert report["calibration"]["with_unjudged"]["brier_skill"] > 0.3
    assert report["nonsense"] == {
        "queries": 100,
        "no_confident_match": pytest.approx(0.95, abs=0.1),
    }
    assert report["overlap"] == {"trained": 0, "calibrated": len(qrels)}
    assert json.loads(json.dumps(report)) == report
    for mode in ("lexical", "semantic", "hybrid"):
        measured = report["modes"][mode]
        assert measured["ndcg@10"]["low"] <= measured["ndcg@10"]["mean"]
        assert measured["ndcg@10"]["mean"] <= measured["ndcg@10"]["high"] <= 1
        assert measured["recall@100"]["mean"] > 0.8
    assert set(report["difference_to_lexical"]) == {"semantic", "hybrid"}


def test_nonsense_has_no_confident_match_and_real_words_do(fitted, make_encoder):
    engine = Engine.open(fitted, encoder=make_encoder())
    nonsense = nonsense_queries(engine.bundle.lexical, 40, seed=3)
    silent = [engine.search(SearchRequest(query)).no_confident_match for query in nonsense]
    assert sum(silent) >= 34
    assert not engine.bundle.lexical.known(query_terms(" ".join(nonsense)))
    for query in ("red kettle", "blue rain jacket"):
        assert not engine.search(SearchRequest(query)).no_confident_match
    # Only the calibration differs: nothing is cut from what an evaluation sees.
    assert len(engine.retrieve(nonsense[0], "hybrid", 200)) == 120


def test_calibration_queries_that_trained_the_encoder_are_refused(
    tmp_path, demo_products, make_encoder, qrels
):
    trained = frozenset({query_hash(next(iter(qrels)))})
    with pytest.raises(JudgmentError, match=r"1 of \d+ calibration queries trained"):
        build_index(
            demo_products, make_encoder(), tmp_path, calibrate=FitOnJudgments(qrels, trained)
        )
    assert live(tmp_path) is None
    allowed = FitOnJudgments(qrels, trained, allow_in_sample=True)
    build_index(demo_products, make_encoder(), tmp_path, calibrate=allowed)
    assert IndexBundle.open(tmp_path).calibration.source == "in_sample"


def test_judgments_of_unknown_products_are_counted(tmp_path, demo_products, make_encoder, qrels):
    wider = {query: {**grades, "gone": 2} for query, grades in qrels.items()}
    built = build_index(demo_products, make_encoder(), tmp_path, calibrate=FitOnJudgments(wider))
    assert built.quality["calibration"]["left_out"] == len(qrels)


def test_a_calibration_that_cannot_be_is_refused_before_products_are_embedded(
    fitted, tmp_path, demo_products, make_encoder, qrels
):
    class Blind:
        """An encoder that must not be asked."""

        fingerprint, dim, train_queries = "blind", 8, frozenset()

    for calibrate, error in (
        (FitOnJudgments({"kettle": {"p000": 2}}), JudgmentError),
        (FitOnJudgments(qrels, frozenset(map(query_hash, qrels))), JudgmentError),
        (TakeFrom(fitted), EncoderMismatch),
    ):
        with pytest.raises(error):
            build_index(demo_products, Blind(), tmp_path, calibrate=calibrate)
    assert live(tmp_path) is None


def test_too_few_judgments_are_refused(tmp_path, demo_products, make_encoder):
    with pytest.raises(JudgmentError, match="too little"):
        build_index(
            demo_products,
            make_encoder(),
            tmp_path,
            calibrate=FitOnJudgments({"kettle": {"p000": 2}}),
        )


def test_a_calibration_can_be_taken_from_an_index_of_the_same_encoder(
    fitted, built_index, tmp_path, demo_products, make_encoder
):
    build_index(demo_products[:40], make_encoder(), tmp_path, calibrate=TakeFrom(fitted))
    taken, theirs = (IndexBundle.open(root).calibration for root in (tmp_path, fitted))
    assert taken == replace(theirs, source="transferred")
    other = make_encoder(name="other")
    with pytest.raises(EncoderMismatch, match="another encoder"):
        build_index(demo_products[:40], other, tmp_path, calibrate=TakeFrom(fitted))
    build_index(demo_products[:40], make_encoder(), tmp_path, calibrate=TakeFrom(built_index))
    assert IndexBundle.open(tmp_path).calibration.source == "default"


@pytest.mark.parametrize(
    ("source", "policy", "taken_source", "taken_policy"),
    [
        ("fitted", "balanced", "transferred", "balanced"),
        ("in_sample", "balanced", "transferred_in_sample", "balanced"),
        (
            *("fitted", "precision(exact)>=0.8@0.9", "transferred"),
            "precision(exact)>=0.8@0.9 (not promised here)",
        ),
    ],
)
def test_a_calibration_taken_over_shows_where_it_comes_from_and_promises_nothing(
    fitted, tmp_path, demo_products, make_encoder, source, policy, taken_source, taken_policy
):
    marked = replace(IndexBundle.open(fitted).calibration, source=source, policy=policy)
    theirs = tmp_path / "theirs"
    made = CalibrationPlan(lambda _bundle, _encoder: (marked, {}))
    build_index(demo_products[:40], make_encoder(), theirs, calibrate=lambda _store, _encoder: made)
    for root, other in ((tmp_path / "first", theirs), (tmp_path / "second", tmp_path / "first")):
        built = build_index(demo_products, make_encoder(), root, calibrate=TakeFrom(other))
        engine = Engine.open(root, encoder=make_encoder())
        assert (engine.calibration.source, engine.calibration.policy) == (
            taken_source,
            taken_policy,
        )
        assert engine.calibration.name.startswith(f"{taken_source}-")
        assert engine.calibration.modes == marked.modes
        recorded = built.quality["calibration"]
        assert (recorded["source"], recorded["policy"]) == (taken_source, taken_policy)
        assert any(taken_policy in line for line in summary(built, live=True))


@pytest.mark.parametrize(("products", "judged"), [(40, 10), (100, 50), (10_000, 60), (3, 3)])
def test_draws_are_distinct_unjudged_and_repeatable(products, judged):
    taken = set(range(judged))
    drawn = draw_unjudged("kettle", products, taken)
    assert len(drawn) == len(set(drawn)) == min(50, products - judged)
    assert not taken & set(drawn)
    assert drawn == draw_unjudged("kettle", products, taken)
    if products > 1000:
        assert drawn != draw_unjudged("spade", products, taken)
        assert abs(np.mean(drawn) / products - 0.5) < 0.2
