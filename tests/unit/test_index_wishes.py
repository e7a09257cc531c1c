"""How much a query asks for, by what the products of a catalogue are asked by."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from catalog.errors import BundleError
from catalog.model import Product
from catalog.text import normalise
from index.calibrating.found import Tops
from index.calibrating.modes import QUERIES_FOR_WISHES, Company, by_wishes
from index.calibration import (
    Calibration,
    Link,
    ModeCalibration,
    Thresholds,
    WishCalibration,
    default_calibration,
)
from index.pairs import Pairs
from index.words.analyser import Analyser
from index.words.corpus import Corpus
from index.words.wishes import WISHES_FILE, Wishes

SHOP = [
    Product(
        f"p{number}",
        f"{colour} {thing} by {brand}",
        brand,
        ("Home", f"{thing}s"),
        {"colour": colour, "fabric": fabric},
        "a thing for every home",
    )
    for number, (brand, colour, thing, fabric) in enumerate(
        [
            ("Ardena", "gray", "Sofa", "linen"),
            ("Ardena", "navy blue", "Sofa", "velvet"),
            ("Home Joy", "red", "Kettle", "steel"),
            ("Home Joy", "gray", "Sofa Bed", "linen"),
        ]
    )
]


@pytest.fixture(scope="module")
def wishes() -> Wishes:
    corpus = Corpus(("title", "brand", "category", "attributes", "description"), Analyser())
    for product in SHOP:
        attributes = " ".join(product.attributes.values())
        texts = (product.title, product.brand, " ".join(product.category), attributes)
        corpus.add(dict(zip(corpus.fields, (*texts, product.description), strict=True)))
    return Wishes.learn(SHOP, corpus, Analyser())


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("sofa", 0),
        ("sofa bed", 0),
        ("something nice", 0),
        ("thing for every home", 0),
        ("ardena sofa", 1),
        ("linen sofa", 1),
        ("navy blue sofa", 1),
        ("sofas 2 m", 1),
        ("sofa under $300", 1),
        ("sofa without velvet", 1),
        ("gray linen sofa", 2),
        ("ardena navy blue velvet sofa", 2),
    ],
)
def test_wishes_are_counted_besides_the_thing(wishes, query, count):
    text = normalise(query)
    assert wishes.count(Analyser().query_terms(text), text) == count


def test_wishes_survive_the_disk(wishes, tmp_path: Path):
    wishes.save(tmp_path)
    assert Wishes.load(tmp_path) == wishes
    first = (tmp_path / WISHES_FILE).read_bytes()
    wishes.save(tmp_path)
    assert (tmp_path / WISHES_FILE).read_bytes() == first


@pytest.mark.parametrize("content", ["", "[]", '{"things": [], "values": 7, "naming": []}'])
def test_a_damaged_file_is_named(tmp_path: Path, content: str):
    (tmp_path / WISHES_FILE).write_text(content)
    with pytest.raises(BundleError, match="asked by"):
        Wishes.load(tmp_path)


def test_an_index_from_before_has_none(tmp_path: Path):
    assert Wishes.load(tmp_path) is None


def pairs_of(queries: dict[int, int], seed: int = 1) -> Pairs:
    """So many queries by number of wishes; the more wishes, the better a score must be."""
    rng, columns = np.random.default_rng(seed), []
    asked = np.repeat([*queries], [*queries.values()])
    for number, wishes in enumerate(asked.tolist()):
        score = rng.random(30)
        grade = (score > 0.2 + 0.2 * wishes).astype(int) + (score > 0.4 + 0.2 * wishes)
        drawn = np.arange(30) >= 20
        score[drawn], grade[drawn] = rng.random(10) * 0.1, 0
        query, count = np.full(30, number), np.full(30, wishes)
        columns.append((score, score, grade, query, drawn, count))
    return Pairs(*(np.concatenate(parts) for parts in zip(*columns, strict=True)))


def company() -> Company:
    def tops(score: float) -> dict:
        wishes = np.repeat(np.arange(3), 60)
        return {"hybrid": Tops(np.full(180, score), np.zeros(180, bool), wishes)}

    return Company(real=tops(1.0), half_known=tops(0.1), unrelated=tops(0.1), unknown=np.zeros(0))


def test_each_number_of_wishes_has_cuts_of_its_own():
    fitted = by_wishes(pairs_of({0: 60, 1: 60, 2: QUERIES_FOR_WISHES - 1}), 0.5, company())
    assert fitted[2] is None
    none, one = fitted[0], fitted[1]
    assert none is not None
    assert one is not None
    scores = np.linspace(0, 1, 1001)
    for part, lower, upper in ((none.hybrid, 0.2, 0.4), (one.hybrid, 0.4, 0.6)):
        grades = part.thresholds.grades(part.link.relevance(scores))
        assert scores[grades > 0].min() == pytest.approx(lower, abs=0.03)
        assert scores[grades > 1].min() == pytest.approx(upper, abs=0.03)
    assert none.half_known.thresholds.substitute >= none.hybrid.thresholds.substitute


def test_too_few_queries_share_the_curves_of_all():
    assert by_wishes(pairs_of({0: 20, 1: 20, 2: 20}), 0.5, company()) == ()


def test_a_calibration_says_which_part_a_query_has(tmp_path: Path):
    shipped = default_calibration()
    own = ModeCalibration(Link((0.0, 1.0), (0.1, 0.9), (0.0, 0.5)), Thresholds(0.6, 0.3))
    strict = ModeCalibration(own.link, Thresholds(0.7, 0.5))
    mine = Calibration(
        shipped.alpha,
        shipped.alpha_interval,
        shipped.modes,
        "fitted",
        wishes=(WishCalibration(own, strict), None, None),
    )
    assert mine.part("hybrid", 0) == own
    assert mine.part("half_known", 0) == strict
    assert mine.part("hybrid", 1) == mine.modes["hybrid"]
    assert mine.part("lexical", 0) == mine.modes["lexical"]
    assert shipped.part("hybrid", 2) == shipped.modes["hybrid"]
    mine.save(tmp_path)
    again = Calibration.load(tmp_path)
    assert again == mine
    assert again.name == mine.name
    assert (
        Calibration(shipped.alpha, shipped.alpha_interval, shipped.modes, "fitted").name
        != mine.name
    )
