"""Small shops in other languages, built and searched end to end; odd input everywhere."""

# ruff: noqa: RUF001

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from catalog.errors import BundleError, CatalogError, QueryError
from catalog.model import Product
from index.build import BuildSettings, build_index
from index.engine import Engine
from index.request import SearchRequest
from index.words.settings import WordSettings

GERMAN = [
    Product("h1", "Hundefutter mit Huhn, 1,5 kg", "Wuffel", ("Tierbedarf", "Hunde")),
    Product("h2", "Feines Futter für Hunde 800g", "Wuffel", ("Tierbedarf", "Hunde")),
    Product("h3", "Hundenapf aus Edelstahl", "Napfwerk", ("Tierbedarf", "Hunde")),
    Product("n1", "Napf aus Keramik", "Napfwerk", ("Tierbedarf",)),
    Product("k1", "Katzenfutter mit Lachs", "Mauzi", ("Tierbedarf", "Katzen")),
    Product("k2", "Kratzbaum für Katzen", "Mauzi", ("Tierbedarf", "Katzen")),
    Product("t1", "Wasserkocher 1,7 Liter", "Brühwerk", ("Küche",)),
    Product("t2", "Kaffeemühle mit Kegelmahlwerk", "Brühwerk", ("Küche",)),
    Product("t3", "Wasserhahn Küche", "Nassmann", ("Küche",)),
    Product("r1", "Regenjacke für Damen, grün", "Nordwind", ("Mode",)),
    Product("r2", "Regenschirm 120 cm", "Nordwind", ("Mode",)),
    Product("f1", "Futter", "Mauzi", ("Tierbedarf",)),
    Product("b1", "Fahrradhelm Größe M", "Radlust", ("Sport",)),
]
JAPANESE = [
    Product("g1", "有機緑茶 ティーバッグ 50個入り", "静岡園", ("食品", "お茶")),
    Product("g2", "抹茶パウダー 100g", "静岡園", ("食品", "お茶")),
    Product("g3", "麦茶 ペットボトル 2リットル", "夏日", ("食品", "お茶")),
    Product("c1", "コーヒーメーカー ステンレス", "ＡＢＣ家電", ("家電",)),
    Product("c2", "電気ケトル 1.2L 白", "ＡＢＣ家電", ("家電",)),
    Product("b1", "ランニングシューズ メンズ", "Kaze", ("靴",)),
    Product("b2", "レインブーツ レディース", "Kaze", ("靴",)),
    Product("u1", "USBケーブル Type-C 1m", "つなぐ", ("家電",)),
    Product("u2", "モバイルバッテリー 10000mAh", "つなぐ", ("家電",)),
    Product("n1", "敷布団 シングル", "ねむり", ("寝具",)),
    Product("n2", "羽毛布団 ダブル", "ねむり", ("寝具",)),
    Product("n3", "枕カバー 綿100%", "ねむり", ("寝具",)),
]


def opened(root: Path, products: list[Product], words: WordSettings, encoder) -> Engine:
    build_index(products, encoder, root, settings=BuildSettings(words=words))
    return Engine.open(root, encoder=encoder)


@pytest.fixture(scope="module")
def german(tmp_path_factory, make_encoder):
    synonyms = tmp_path_factory.mktemp("de") / "synonyms.txt"
    synonyms.write_text("Regenjacke, Friesennerz\nFahrradhelm => Kopfschutz\n")
    root = tmp_path_factory.mktemp("german")
    return opened(root, GERMAN, WordSettings("de", synonyms), make_encoder())


@pytest.fixture(scope="module")
def japanese(tmp_path_factory, make_encoder):
    return opened(tmp_path_factory.mktemp("ja"), JAPANESE, WordSettings("ja"), make_encoder())


def best(engine: Engine, query: str, **more) -> list[str]:
    request = SearchRequest(query, mode="lexical", min_tier="irrelevant", **more)
    return [hit.id for hit in engine.search(request).hits]


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("Hundefutter", {"h1", "h2"}),
        ("futter für hunde", {"h1", "h2"}),
        ("Näpfe für Hunde", {"h3"}),
        ("katzenfutter lachs", {"k1"}),
        ("regenjacken grün", {"r1"}),
        ("Friesennerz", {"r1"}),
        ("wasserkocher 1.7l", {"t1"}),
        ("kaffeemuhle", {"t2"}),
        ("fahrradhelme", {"b1"}),
    ],
)
def test_german(german, query, first):
    assert set(best(german, query)[: len(first)]) == first


def test_german_slips_are_mended(german):
    result = german.search(SearchRequest("Wasserkoher", min_tier="irrelevant", lang="de-AT"))
    assert result.query.normalized == "wasserkocher"
    assert result.hits[0].id == "t1"


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("緑茶", "g1"),
        ("茶", None),
        ("ティーバッグ", "g1"),
        ("布団", None),
        ("羽毛布団", "n2"),
        ("ｹﾄﾙ", "c2"),
        ("abc家電 コーヒー", "c1"),
        ("type-c ケーブル", "u1"),
        ("１００ｇ", "g2"),
    ],
)
def test_japanese(japanese, query, first):
    found = best(japanese, query)
    assert found
    if first is not None:
        assert found[0] == first
    if query == "布団":
        assert set(found[:2]) == {"n1", "n2"}
    if query == "茶":
        assert set(found) == {"g1", "g2", "g3"}


@pytest.mark.parametrize(
    "query",
    [
        "🙂🙂",
        "قهوة عربية",
        "\u200fקפה",
        "a\u0301\u0302\u0303",
        "１２３",
        "ǆ",
        "ﷺ",
        "\ud800a",
        "ß" * 500,
    ],
)
def test_any_script_is_answered(german, japanese, query):
    for engine in (german, japanese):
        result = engine.search(SearchRequest(query, min_tier="irrelevant"))
        assert all(0.0 <= hit.relevance <= 1.0 for hit in result.hits)
        assert engine.suggester.suggest(query, 5) == engine.suggester.suggest(query, 5)


def test_another_language_is_refused(german):
    with pytest.raises(QueryError, match=r"lang.*expected de, found 'fr'"):
        german.search(SearchRequest("lait", lang="fr"))


def test_what_is_wrong_with_words_is_said_before_the_long_work(tmp_path, make_encoder):
    encoder = make_encoder()
    (tmp_path / "broken.txt").write_text("only one")
    for words in (
        WordSettings("xx"),
        WordSettings(synonyms=tmp_path / "broken.txt"),
        WordSettings(query_log=tmp_path / "none.txt"),
    ):
        settings = replace(BuildSettings(), words=words)
        with pytest.raises(CatalogError):
            build_index(iter(()), encoder, tmp_path / "root", settings=settings)
    assert encoder.encoded == 0


def test_the_files_of_the_words_are_hashed_and_described(german):
    files = german.bundle.manifest.files
    for part in ("lexical/analysis.json", "spelling/words.json", "suggest/entries.jsonl"):
        assert part in files
    assert german.bundle.manifest.config["words"] == {
        "language": "de",
        "synonym_groups": 2,
        "logged_queries": 0,
    }


@pytest.mark.parametrize("part", ["lexical/analysis.json", "spelling/words.json", "suggest"])
def test_an_index_from_before_is_refused(built_index, make_encoder, tmp_path, part):
    shutil.copytree(built_index, tmp_path / "old", symlinks=True)
    (version,) = (tmp_path / "old" / "versions").iterdir()
    path = version / part
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    manifest = json.loads((version / "manifest.json").read_text())
    assert any(name.startswith(part) for name in manifest["files"])
    with pytest.raises(BundleError, match=r"Build the index again|Restore it"):
        Engine.open(version, encoder=make_encoder(), verify=False)


def test_two_builds_give_the_same_words(german, tmp_path, make_encoder):
    again = opened(tmp_path / "again", GERMAN[::1], WordSettings("de"), make_encoder())
    ours, theirs = german.bundle.manifest.files, again.bundle.manifest.files
    same = [name for name in ours if name.startswith(("spelling/", "suggest/"))]
    assert same
    assert [ours[name] for name in same] == [theirs[name] for name in same]
