"""Late interaction from the network to a search: what is served is what the network says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from catalog.errors import BundleError, EncoderMismatch, HashMismatch
from catalog.model import Product
from export.build import export_encoder
from export.bundle import EncoderBundle
from export.cli import app
from export.likeness import FLOOR, LIKENESS_FILE, SHARE
from index.build import BuildSettings, build_index
from index.engine import Engine
from index.late import SUBWORDS_FILE
from index.live.updatable import UpdatableIndex
from index.live.updates import Patch, Put
from index.request import SearchRequest

pytestmark = pytest.mark.slow

QUERIES = ("red kettle", "almond milk", "wool socks blue", "zzz qqq")
MORE = (Product("new-1", "red kettle of steel"), Product("new-2", "oat milk, 1 l"))


def trained(checkpoint: Path) -> Any:
    """The bag of a checkpoint, with token vectors that stand in no one place of a text."""
    import torch

    from training.model import TwinEncoder

    model = TwinEncoder.load(checkpoint).eval()
    embeddings: Any = model.backbone.embeddings
    with torch.no_grad():
        for table in (embeddings.position_embeddings, embeddings.token_type_embeddings):
            table.weight.zero_()
    return model


@pytest.fixture(scope="module")
def bag(make_checkpoint: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    from catalog.artefact import read_manifest, write_manifest

    directory = make_checkpoint(
        tmp_path_factory.mktemp("bag") / "checkpoint", layers=0, pooling="weighted"
    )
    manifest = read_manifest(directory, "checkpoint")
    trained(directory).save(directory)
    write_manifest(directory, "checkpoint", config=manifest.config)
    return directory


def exported(checkpoint: Path, out: Path, *options: str) -> Path:
    found = CliRunner().invoke(
        app, [str(checkpoint), "--out", str(out), "--precision", "int8", *options]
    )
    assert found.exit_code == 0, found.output
    return out


@pytest.fixture(scope="module")
def encoder(bag: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return exported(bag, tmp_path_factory.mktemp("late") / "encoder")


@pytest.fixture(scope="module")
def index(
    encoder: Path, demo_products: list[Product], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    root = tmp_path_factory.mktemp("late_index") / "index"
    build_index(demo_products, EncoderBundle.load(encoder), root, encoder_dir=encoder)
    return root


def by_the_network(model: Any, bundle: EncoderBundle, query: str, product: Product) -> float:
    """Late interaction of a pair as the formula has it, from the network itself."""
    import torch

    template = bundle.spec.template
    reader = bundle._tokens
    asked, held = (
        [token for token in ids if token not in reader.special]
        for ids in (
            reader.ids([template.query(query)], bundle.spec.max_query_tokens)[0],
            reader.ids([template.item(product)], bundle.spec.max_item_tokens)[0],
        )
    )
    if not asked:
        return 0.0
    with torch.inference_mode():

        def vectors(ids: list[int]) -> Any:
            tokens = torch.tensor(ids)[:, None]
            hidden = model.backbone(
                input_ids=tokens, attention_mask=torch.ones_like(tokens)
            ).last_hidden_state[:, 0]
            return hidden

        hidden = vectors(asked)
        weights = torch.softmax(model.token_weight(hidden)[:, 0].double(), 0)
        left = torch.nn.functional.normalize(model.query_head(hidden), dim=-1)
        right = torch.nn.functional.normalize(model.item_head(vectors(held)), dim=-1)
        best = (left @ right.T).max(1).values.clamp_min(FLOOR).double()
        return float((weights * (best - FLOOR) / (1 - FLOOR)).sum())


def test_semantic_scores_are_cosine_and_late_interaction_of_the_network(bag, index, demo_products):
    engine = Engine.open(index)
    model, bundle = trained(bag), engine.encoder
    for query in QUERIES:
        prepared = engine.prepare(SearchRequest(query, mode="semantic", correct=False))
        vector = engine.encode(prepared)
        rows = np.arange(0, len(demo_products), 7)
        found = engine.pairs(prepared.terms, vector, "semantic", rows).scores
        cosines = engine.bundle.dense.score(vector, rows)
        products = list(engine.bundle.store.products(rows.tolist()))
        late = [by_the_network(model, bundle, query, product) for product in products]
        expected = (1 - SHARE) * cosines + SHARE * np.array(late)
        assert found == pytest.approx(expected, abs=SHARE / 255), query


def test_a_product_put_live_scores_as_one_built_in(encoder, index, demo_products, tmp_path):
    live = UpdatableIndex(Engine.open(index))
    live.apply([Put(product) for product in MORE])
    root = tmp_path / "index"
    built = EncoderBundle.load(encoder)
    build_index([*demo_products, *MORE], built, root, encoder_dir=encoder)
    for query in QUERIES:
        scores = []
        for engine in (live.engine, Engine.open(root)):
            prepared = engine.prepare(SearchRequest(query, mode="semantic", correct=False))
            rows = np.array([engine.bundle.store.row(product.id) for product in MORE])
            pairs = engine.pairs(prepared.terms, engine.encode(prepared), "semantic", rows)
            scores.append(pairs.scores.tolist())
        assert scores[0] == scores[1]


def semantic(engine: Engine, query: str, name: str) -> float:
    prepared = engine.prepare(SearchRequest(query, mode="semantic", correct=False))
    rows = np.array([engine.bundle.store.row(name)])
    return float(engine.pairs(prepared.terms, engine.encode(prepared), "semantic", rows).scores[0])


def test_what_is_read_again_from_the_journal_scores_the_same(index, demo_products, tmp_path):
    """A new text, a price alone, and a price after a new text: here, after a restart, elsewhere."""
    journal = tmp_path / "journal.ndjson"
    name = demo_products[3].id
    live = UpdatableIndex.open(Engine.open(index), journal)
    untouched = semantic(live.engine, "red kettle", name)
    live.apply([Patch(name, {"price": 3.5}), *(Put(product) for product in MORE)])
    live.apply([Patch(MORE[0].id, {"price": 9.0}), Patch(MORE[1].id, {"title": "red kettle"})])
    again = UpdatableIndex.open(Engine.open(index), journal)
    for engine in (live.engine, again.engine):
        assert semantic(engine, "red kettle", name) == untouched
        assert engine.bundle.subwords is not None
        assert len(engine.bundle.subwords) == len(engine.bundle.store)
    for product in MORE:
        scores = {semantic(each.engine, "red kettle", product.id) for each in (live, again)}
        assert len(scores) == 1
    once = UpdatableIndex(Engine.open(index))
    once.apply([Put(replace(MORE[1], title="red kettle"))])
    asked = [semantic(each.engine, "red kettle", MORE[1].id) for each in (again, once)]
    assert asked[0] == asked[1]


def built(products: list[Product], encoder: Path, root: Path, settings: BuildSettings) -> Engine:
    made = EncoderBundle.load(encoder)
    build_index(products, made, root, settings=settings, encoder_dir=encoder)
    return Engine.open(root)


def test_shorter_vectors_keep_late_interaction(encoder, index, demo_products, tmp_path):
    whole = Engine.open(index)
    cut = built(demo_products, encoder, tmp_path / "index", BuildSettings(dims=8))
    assert cut.bundle.dense.dim == 8
    rows = np.arange(5)
    for query in QUERIES:
        late = []
        for engine in (whole, cut):
            prepared = engine.prepare(SearchRequest(query, mode="semantic", correct=False))
            found = engine.pairs(prepared.terms, engine.encode(prepared), "semantic", rows).scores
            late.append(
                found - (1 - SHARE) * engine.bundle.dense.score(engine.encode(prepared), rows)
            )
        assert late[0] == pytest.approx(late[1], abs=1e-12)


def test_shards_keep_their_own_subwords(encoder, demo_products, tmp_path, index):
    whole = Engine.open(index)
    cut = built(demo_products, encoder, tmp_path / "index", BuildSettings(shards=3))
    for query in QUERIES:
        request = SearchRequest(query, mode="semantic", min_tier="irrelevant", exact=True)
        assert [(hit.id, hit.relevance) for hit in whole.search(request).hits] == [
            (hit.id, hit.relevance) for hit in cut.search(request).hits
        ]


def test_the_share_is_for_the_exporter_to_say(bag, encoder, tmp_path):
    without = exported(bag, tmp_path / "none", "--late", "0")
    other = exported(bag, tmp_path / "other", "--late", "0.25")
    assert not (without / LIKENESS_FILE).exists()
    bundles = [EncoderBundle.load(directory) for directory in (encoder, without, other)]
    assert len({bundle.fingerprint for bundle in bundles}) == 3
    assert bundles[1].asked_subwords("red kettle") is None
    assert bundles[1].product_subwords(MORE) is None
    asked = bundles[2].asked_subwords("red kettle")
    assert asked is not None
    assert asked.share == 0.25


@pytest.mark.parametrize("share", ["1.5", "-0.1"])
def test_what_is_no_share_is_refused(bag, tmp_path, share):
    with pytest.raises(BundleError, match="share"):
        export_encoder(bag, tmp_path / "encoder", late=float(share))
    found = CliRunner().invoke(app, [str(bag), "--out", str(tmp_path / "e"), "--late", share])
    assert found.exit_code == 2
    assert not (tmp_path / "e").exists()


def test_some_parts_without_subwords_are_refused(encoder, demo_products, tmp_path):
    root = tmp_path / "index"
    built = build_index(
        demo_products,
        EncoderBundle.load(encoder),
        root,
        settings=BuildSettings(shards=2),
        encoder_dir=encoder,
    )
    (built.directory / "shards" / "1-of-2" / SUBWORDS_FILE).unlink()
    with pytest.raises(BundleError, match="only some parts"):
        Engine.open(root, verify=False)


def test_a_network_with_layers_has_none(checkpoint, tmp_path):
    bundle = EncoderBundle.load(exported(checkpoint, tmp_path / "encoder"))
    assert bundle.asked_subwords("red kettle") is None


def test_damage_is_found(index, encoder, tmp_path, demo_products):
    root = tmp_path / "index"
    built = build_index(demo_products, EncoderBundle.load(encoder), root, encoder_dir=encoder)
    held = built.directory / SUBWORDS_FILE
    content = held.read_bytes()
    held.write_bytes(content[:-4] + b"\x00\x00\x00\x00")
    with pytest.raises(HashMismatch):
        Engine.open(root)
    held.unlink()
    with pytest.raises(EncoderMismatch, match="late interaction"):
        Engine.open(root, verify=False)
    held.write_bytes(content[:40])
    with pytest.raises(BundleError, match="subwords of products"):
        Engine.open(root, verify=False)
