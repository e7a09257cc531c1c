"""The small values: products, grades, errors, the template, the encoder's settings, splits."""

import copy
import json
import pickle
from dataclasses import asdict

import pytest

import catalog.errors
from catalog.encoder_spec import SPEC_FILE, EncoderSpec
from catalog.errors import BundleError, CatalogError, GradusError, MissingFile
from catalog.model import Grade, Product
from catalog.split import query_hash, split_queries
from catalog.template import TextTemplate


def test_gains():
    assert [grade.gain for grade in Grade] == [0, 0.5, 1]


def test_a_product_can_be_copied_and_sent():
    product = Product("1", "Mug")
    assert pickle.loads(pickle.dumps(product)) == copy.deepcopy(product) == product
    assert asdict(product)["attributes"] == {}


def test_an_error_says_what_where_expected_found_and_what_to_do():
    error = CatalogError("bad", where="f:3", expected="a", found="b", hint="Do c.")
    assert str(error) == "f:3: bad (expected a, found b). Do c."
    assert str(CatalogError("bad")) == "bad"
    assert error.code == "catalog_error"


def test_every_error_has_its_own_code_and_stands_in_the_drawn_tree():
    errors = [
        value
        for value in vars(catalog.errors).values()
        if isinstance(value, type) and issubclass(value, GradusError)
    ]
    assert len({error.code for error in errors}) == len(errors)
    for error in errors:
        assert f" {error.__name__} " in catalog.errors.__doc__.replace("\n", " ")


def test_the_template_reads_name_category_brand_attributes():
    product = Product(
        "1",
        "Oat  Milk",
        brand="Oatly",
        category=("Food", "Drinks", "Milk"),
        attributes={"size": "1 L", "note": ""},
        description="Creamy oat drink for coffee",
    )
    assert TextTemplate().item(product) == "oat milk; in food > drinks; by oatly; size 1 l"
    longer = TextTemplate(category_levels=3, description_words=2, item_prefix="passage: ")
    expected = "passage: oat milk; in food > drinks > milk; by oatly; size 1 l; creamy oat"
    assert longer.item(product) == expected
    assert TextTemplate(category_levels=0).item(product).startswith("oat milk; by oatly")
    assert TextTemplate().item(Product("1", "Mug")) == "mug"
    assert TextTemplate(query_prefix="query: ").query(" ÖL ") == "query: öl"


def test_encoder_settings_round_trip(tmp_path):
    spec = EncoderSpec(8, pooling="weighted", template=TextTemplate(query_prefix="é: "))
    spec.save(tmp_path)
    assert EncoderSpec.load(tmp_path) == spec


@pytest.mark.parametrize(
    "change",
    [
        {"dim": 0},
        {"dim": "8"},
        {"dim": True},
        {"max_item_tokens": -1},
        {"pooling": "max"},
        {"novelty": 1},
        {"template": None},
        {"template": {"category_levels": -1}},
        {"template": {"query_prefix": None}},
        {"template": {"novelty": 1}},
    ],
)
def test_encoder_settings_out_of_range(tmp_path, change):
    body = asdict(EncoderSpec(8)) | change
    (tmp_path / SPEC_FILE).write_text(json.dumps(body))
    with pytest.raises(BundleError, match=r"encoder\.json cannot be read"):
        EncoderSpec.load(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", "{}", '"x"', "{"])
def test_encoder_settings_that_are_none(tmp_path, text):
    (tmp_path / SPEC_FILE).write_text(text)
    with pytest.raises(BundleError, match="cannot be read"):
        EncoderSpec.load(tmp_path)


def test_encoder_settings_missing(tmp_path):
    with pytest.raises(MissingFile, match=r"encoder\.json"):
        EncoderSpec.load(tmp_path)


def test_query_hashes_are_of_the_normal_form_and_stable():
    assert query_hash(" Oat  MILK") == query_hash("oat milk") == "c0dc195721ecbd39"
    assert query_hash("oat milk") != query_hash("oat milks")


def test_splits_do_not_move():
    queries = [f"query {i}" for i in range(20)]
    rest, held = split_queries(queries, 0.2, seed=7)
    assert held == ["query 1", "query 6", "query 11", "query 13"]
    assert rest == [query for query in queries if query not in held]
    assert split_queries(queries, 0.2, seed=8)[1] != held


def test_split_edges():
    assert split_queries([], 0.5) == ([], [])
    assert split_queries(["a", "b", "a"], 0.0) == (["a", "b"], [])
    assert split_queries(["a", "b", "a"], 1.0) == ([], ["a", "b"])
    assert len(split_queries(["a", "b"], 0.001)[1]) == 1
    assert len(split_queries(["a", "b"], 0.999)[0]) == 1
    with pytest.raises(ValueError, match="fraction"):
        split_queries(["a"], 1.5)
