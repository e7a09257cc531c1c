"""Normalisation, splits and round trips over text that nobody would think of."""

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.model import Grade, Judgment, Product
from catalog.readers import read_judgments, read_products, write_judgments, write_products
from catalog.split import query_hash, split_queries
from catalog.text import normalise

anything = st.text(st.characters(), max_size=40)
# Hypothesis seldom draws these, and they are where one round of folding is not enough.
awkward = st.text(
    st.sampled_from(
        "\u0345\u0308\u0390\u1e9e\u0130\u03a3\u212b\ufb01\u200d\u00ad\ufeff\u1100\u1161"
    ),
    max_size=8,
)
written = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@settings(max_examples=400)
@given(st.one_of(anything, awkward, st.builds(str.__add__, anything, awkward)))
def test_normalise_is_idempotent_and_leaves_nothing_unseen(text):
    found = normalise(text)
    assert normalise(found) == found
    assert found == " ".join(found.split())
    assert not {unicodedata.category(character) for character in found} & {"Cc", "Cf", "Cs"}


@given(written)
def test_normalise_does_not_tell_forms_or_outer_space_apart(text):
    assert normalise(unicodedata.normalize("NFD", text)) == normalise(text)
    assert normalise(f" \t{text}\n") == normalise(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  Oat\tMILK\n1L ", "oat milk 1l"),
        ("ﬁg \uff21\uff22\uff23 Straße", "fig abc strasse"),
        ("soft\u00adhyphen zero\u200bwidth\ufeff", "softhyphen zerowidth"),
        ("a\u0000b\u0007", "a b"),
        ("a\u0085b\u2028c\u00a0d\x1ce", "a b c d e"),
        ("e\u200d\u0301", "é"),
        ("\ud800x", "x"),
        ("½ ™ №", "1\u20442 tm no"),
        ("\u0130", "i\u0307"),
        ("🍵 ❤️", "🍵 ❤️"),
        ("\x00 \u200b", ""),
    ],
)
def test_normal_forms(text, expected):
    assert normalise(text) == expected


@given(st.lists(anything, max_size=30), st.floats(0, 1), st.integers(), st.randoms())
def test_a_split_parts_every_query_whatever_the_order(queries, fraction, seed, random):
    rest, held = split_queries(queries, fraction, seed)
    assert sorted([*rest, *held]) == sorted(set(queries))
    assert not set(map(query_hash, rest)) & set(map(query_hash, held))
    shuffled = list(queries)
    random.shuffle(shuffled)
    assert set(split_queries(shuffled, fraction, seed)[1]) == set(held)


def stripped(text):
    return text.strip() == text and text != ""


texts = written.filter(stripped)


@settings(max_examples=50)
@given(
    st.lists(
        st.builds(
            Product,
            id=texts,
            title=texts,
            brand=st.one_of(st.just(""), texts),
            category=st.lists(texts, max_size=3).map(tuple),
            attributes=st.dictionaries(texts, texts, max_size=3),
            description=st.one_of(st.just(""), texts),
            price=st.none() | st.floats(0, 1e9),
            stock=st.none() | st.integers(0, 2**53),
            popularity=st.none() | st.floats(0, 1e300),
        ),
        min_size=1,
        max_size=4,
        unique_by=lambda product: product.id,
    )
)
def test_products_survive_the_file(tmp_path_factory, products):
    path = tmp_path_factory.mktemp("p") / "p.jsonl"
    write_products(path, products)
    assert list(read_products(path, strict=True)) == products


# NUL stands in no CSV file; line ends other than \n and \r\n are told apart by no CSV writer.
cells = texts.filter(lambda text: "\0" not in text and "\r" not in text and normalise(text))


@settings(max_examples=50)
@given(
    st.lists(
        st.builds(Judgment, cells, cells, st.sampled_from(Grade), cells),
        min_size=1,
        max_size=4,
        unique_by=lambda judgment: (normalise(judgment.query), judgment.product_id),
    )
)
def test_judgments_survive_the_file(tmp_path_factory, judgments):
    path = tmp_path_factory.mktemp("j") / "j.tsv"
    write_judgments(path, judgments)
    assert list(read_judgments(path, strict=True)) == judgments


@settings(max_examples=150)
@given(st.binary(max_size=200), st.sampled_from(["p.jsonl", "p.csv", "p.tsv"]))
def test_no_bytes_bring_down_a_reader(tmp_path_factory, noise, name):
    path = tmp_path_factory.mktemp("n") / name
    good = b'{"id": "1", "title": "Mug"}\n' if name == "p.jsonl" else b"id,title\n1,Mug\n"
    path.write_bytes(good + noise)
    assert next(read_products(path)).id == "1"
    assert len(list(read_products(path))) >= 1
