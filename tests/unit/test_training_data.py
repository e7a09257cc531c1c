"""From products and judgments to batches: spans, instances, datasets, collators, the teacher."""

from __future__ import annotations

from collections import Counter
from random import Random

import numpy as np
import pytest
import torch

from catalog.model import Product
from catalog.template import TextTemplate
from catalog.text import normalise
from training.batches import (
    EpochOrder,
    InstanceCollator,
    InstanceDataset,
    Pair,
    PairCollator,
    PairDataset,
    padded,
)
from training.instances import GradedList, Instance, draw_items, graded_lists
from training.settings import InstanceSettings, PretrainSettings, TextSettings
from training.spans import SpanPair, SpanSource, bare
from training.teacher import Taught, teach
from training.tokenizer import learn_tokenizer, token_ids

TEMPLATE = TextTemplate(description_words=3, query_prefix="query: ", item_prefix="passage: ")
KETTLE = Product(
    "k1",
    "Ardena Red Kettle 2 L",
    brand="Ardena",
    category=("Kitchen", "Kettles"),
    attributes={"colour": "red"},
    description="Boils water in a minute, and switches itself off.",
)
NAMED = ["ardena", "red", "kettle", "2", "l", "ardena", "kitchen", "kettles", "red"]
DESCRIBED = ["boils", "water", "in", "a", "minute,", "and", "switches", "itself", "off."]


def source(product, template=TEMPLATE):
    return SpanSource(product, template, template.item(product))


def draws(product, rest_share, count=200):
    rng = Random(5)
    return [source(product).draw(rng, rest_share) for _ in range(count)]


# --- spans -----------------------------------------------------------------------------------


def test_a_whole_pair_shows_the_products_own_text():
    for pair in draws(KETTLE, rest_share=0.0):
        assert pair.item == TEMPLATE.item(KETTLE)
        words = pair.query.removeprefix("query: ").split()
        assert 1 <= len(words) <= 6
        assert not Counter(words) - Counter(NAMED)


def test_hidden_words_cannot_be_read_anywhere_in_the_text():
    pairs = draws(KETTLE, rest_share=1.0)
    hidden = [(bare(word), pair.item) for pair in pairs for word in pair.query.split()[1:]]
    assert {word for word, _ in hidden} == set(map(bare, NAMED)), "every word gets its turn"
    for word, item in hidden:
        assert word not in map(bare, item.removeprefix("passage: ").split())


def test_what_is_not_hidden_stays_in_order():
    """The other words of the name, and a window of the description."""
    for pair in draws(KETTLE, rest_share=1.0):
        hidden = set(map(bare, pair.query.removeprefix("query: ").split()))
        assert pair.item.startswith("passage: ")
        shown = pair.item.removeprefix("passage: ").split()
        named = [word for word in NAMED if bare(word) not in hidden]
        assert shown[: len(named)] == named
        window = shown[len(named) :]
        left = [word for word in DESCRIBED if bare(word) not in hidden]
        assert len(window) <= 3
        assert " ".join(window) in " ".join(left)


def test_a_plural_is_hidden_with_its_singular():
    assert bare("kettles,") == bare("Kettle".lower()) == "kettle"


def test_the_share_of_hidden_spans_is_the_one_asked_for():
    whole = sum(pair.item == TEMPLATE.item(KETTLE) for pair in draws(KETTLE, 0.3, count=1000))
    assert 640 <= whole <= 760


@pytest.mark.parametrize(
    ("product", "words"),
    [
        (Product("SKU 1", ""), {"sku", "1"}),
        (Product("SKU 1", " \u200b "), {"sku", "1"}),
        (Product("k", "Kettle"), {"kettle"}),
    ],
    ids=["no name", "an invisible name", "one word"],
)
def test_short_names_still_make_pairs(product, words):
    for pair in [*draws(product, 1.0, 30), *draws(product, 0.0, 30)]:
        assert set(pair.query.removeprefix("query: ").split()) <= words
        assert pair.query != "query: "
        assert pair.item.startswith("passage: ")


def test_spans_follow_the_random_stream():
    assert draws(KETTLE, 0.5) == draws(KETTLE, 0.5)
    assert len(set(draws(KETTLE, 0.5))) > 50


# --- instances -------------------------------------------------------------------------------


GRADES = {**dict.fromkeys(range(3), 2), **dict.fromkeys(range(3, 5), 1)}
GRADES |= dict.fromkeys(range(5, 25), 0)
LIST = GradedList("kettle", GRADES)


def test_few_places_are_shared_out_among_the_grades():
    for seed in range(20):
        drawn = draw_items(LIST, 1000, InstanceSettings(items=7, assumed=0), Random(seed))
        assert Counter(drawn.grades) == {2: 3, 1: 2, 0: 2}
        assert drawn.grades == (2, 1, 0, 2, 1, 0, 2)
        assert len(set(drawn.products)) == 7
        assert all(GRADES[row] == grade for row, grade in zip(*parts(drawn), strict=True))


def parts(instance):
    return instance.products, instance.grades


def test_a_grade_that_runs_out_leaves_its_turns_to_others():
    drawn = draw_items(LIST, 1000, InstanceSettings(items=12, assumed=0), Random(0))
    assert Counter(drawn.grades) == {2: 3, 1: 2, 0: 7}


def test_every_judged_item_has_its_chance():
    settings = InstanceSettings(items=5, assumed=0)
    drawn = {
        row for seed in range(200) for row in draw_items(LIST, 9, settings, Random(seed)).products
    }
    assert drawn == set(GRADES)


def test_assumed_items_are_never_judged_ones():
    settings = InstanceSettings(items=25, assumed=10)
    for seed in range(50):
        drawn = draw_items(LIST, 40, settings, Random(seed))
        judged = [(row, grade) for row, grade in zip(*parts(drawn), strict=True) if row in GRADES]
        assumed = [
            (row, grade) for row, grade in zip(*parts(drawn), strict=True) if row not in GRADES
        ]
        assert dict(judged) == GRADES, "an assumed item took the place of a judged one"
        assert len({row for row, _ in assumed}) == len(assumed) <= 10
        assert all(grade == 0 and 25 <= row < 40 for row, grade in assumed)


def test_a_catalogue_of_judged_products_has_none_to_assume():
    drawn = draw_items(GradedList("q", {0: 2, 1: 1, 2: 0}), 3, InstanceSettings(), Random(1))
    assert sorted(zip(*parts(drawn), strict=True)) == [(0, 2), (1, 1), (2, 0)]


@pytest.mark.parametrize("assumed", [0, 3])
def test_lists_of_one_grade_need_assumed_items(assumed):
    graded = {"two": {0: 2, 1: 2}, "zero": {0: 0}, "both": {0: 2, 1: 0}, "near": {0: 2, 1: 1}}
    kept = [one.query for one in graded_lists(graded, InstanceSettings(assumed=assumed))]
    assert kept == (["both", "near", "two"] if assumed else ["both", "near"])


# --- datasets --------------------------------------------------------------------------------


def test_an_epoch_holds_every_place_once():
    order = EpochOrder(7, seed=3)
    epochs = [[order.place(index) for index in range(start, start + 7)] for start in (0, 7, 14)]
    assert all(sorted(epoch) == list(range(7)) for epoch in epochs)
    assert epochs[0] != epochs[1]
    assert [order.place(index) for index in (6, 0, 20)] == [
        epochs[0][6],
        epochs[0][0],
        epochs[2][6],
    ]


def products(count=9):
    names = ["kettle", "spade", "hose", "rug", "lamp", "chair", "clock", "bowl", "knife"]
    return [
        Product(f"p{n}", f"Red {names[n % 9]} {n}", description="made to last for years")
        for n in range(count)
    ]


def pair_dataset(seed=1, share=0.4):
    items = [TEMPLATE.item(product) for product in products()]
    return PairDataset(
        [source(product) for product in products()],
        items,
        [Taught("red rug", np.array([3, 0]), np.array([0.75, 0.25]))],
        PretrainSettings(teacher_share=share),
        length=60,
        seed=seed,
        query_prefix="query: ",
    )


def instance_dataset(seed=1):
    graded = [GradedList(f"q{n}", {n: 2, n + 1: 0}) for n in range(6)]
    return InstanceDataset(graded, 9, InstanceSettings(items=4, assumed=3), length=60, seed=seed)


@pytest.mark.parametrize("make", [pair_dataset, instance_dataset])
def test_an_item_depends_on_its_index_and_the_seed_alone(make):
    onwards = [make()[index] for index in range(60)]
    one = make()
    backwards = [one[index] for index in reversed(range(60))]
    assert onwards == backwards[::-1]
    assert onwards != [make(seed=2)[index] for index in range(60)]
    assert len(make()) == 60


def test_pairs_of_the_teacher_show_the_products_it_found():
    pairs = [pair_dataset(share=1.0)[index] for index in range(60)]
    assert {pair.texts.query for pair in pairs} == {"query: red rug"}
    counts = Counter(pair.product for pair in pairs)
    assert counts.keys() == {3, 0}
    assert counts[3] > counts[0]
    assert all(pair.texts.item == TEMPLATE.item(products()[pair.product]) for pair in pairs)


def test_without_a_teacher_every_product_comes_once_an_epoch():
    dataset = pair_dataset(share=0.0)
    for start in range(0, 54, 9):
        assert sorted(dataset[index].product for index in range(start, start + 9)) == list(range(9))


def test_instances_cycle_through_the_queries():
    dataset = instance_dataset()
    for start in range(0, 60, 6):
        queries = {dataset[index].query for index in range(start, start + 6)}
        assert queries == {f"q{n}" for n in range(6)}


# --- collators -------------------------------------------------------------------------------


TEXT = TextSettings(max_query_tokens=6, max_item_tokens=9, query_prefix="query: ")


@pytest.fixture(scope="module")
def tokenizer():
    return learn_tokenizer([TEMPLATE.item(one) for one in [*products(), KETTLE]] * 3, 200)


def test_padding_is_masked(tokenizer):
    batch = padded(tokenizer, ["red", "", "red kettle 2 l ardena kitchen"], 5, "query")
    ids, mask = batch["query_ids"], batch["query_mask"]
    assert ids.shape == mask.shape == (3, 5)
    assert mask.sum(dim=1).tolist() == [2, 1, 5], "an empty text keeps its [CLS]"
    assert (ids[mask == 0] == tokenizer.pad_token_id).all()
    assert (ids[:, 0] == tokenizer.cls_token_id).all()


def test_pairs_are_tokenised_side_by_side(tokenizer):
    pairs = [Pair(SpanPair("query: rug", "red rug"), 3), Pair(SpanPair("query: hose", "a hose"), 2)]
    batch = PairCollator(tokenizer, TEXT)(pairs)
    assert batch["products"].tolist() == [3, 2]
    for side, longest in (("query", 6), ("item", 9)):
        for row, pair in enumerate(pairs):
            text = pair.texts.query if side == "query" else pair.texts.item
            assert kept(batch, side, row) == token_ids(tokenizer, [text], longest)[0]


def kept(batch, side, row):
    return batch[f"{side}_ids"][row][batch[f"{side}_mask"][row] == 1].tolist()


def test_places_lead_to_the_items_own_texts(tokenizer):
    items = [TEMPLATE.item(product) for product in products()]
    instances = [
        Instance("rug", (5, 2, 7), (2, 1, 0)),
        Instance("red hose", (2, 8), (2, 0)),
        Instance("lamp", (7,), (1,)),
    ]
    batch = InstanceCollator(tokenizer, TEXT, items)(instances)
    assert batch["places"].shape == batch["grades"].shape == batch["present"].shape == (3, 3)
    assert batch["item_ids"].shape[0] == 4, "items that instances share are encoded once"
    assert batch["present"].sum(dim=1).tolist() == [3, 2, 1]
    for n, instance in enumerate(instances):
        query = token_ids(tokenizer, ["query: " + instance.query], 6)[0]
        assert kept(batch, "query", n) == query
        for k, row in enumerate(instance.products):
            assert batch["present"][n, k]
            assert int(batch["grades"][n, k]) == instance.grades[k]
            place = int(batch["places"][n, k])
            assert kept(batch, "item", place) == token_ids(tokenizer, [items[row]], 9)[0]
    scores = torch.rand(3, 4).gather(1, batch["places"])
    assert scores.shape == (3, 3), "places of filling are valid, too"


# --- tokenizer -------------------------------------------------------------------------------


def test_equal_texts_give_equal_ids(tokenizer):
    texts = [f"{a}{b}{c} {b}{c}{a}" for a in "abcd" for b in "efgh" for c in "ijkl"] * 2
    one, *others = (learn_tokenizer(texts, 120) for _ in range(4))
    for other in others:
        assert other.backend_tokenizer.to_str() == one.backend_tokenizer.to_str()


def test_letters_within_words_are_plain_pieces(tokenizer):
    assert set(tokenizer.all_special_tokens) == {"[PAD]", "[UNK]", "[CLS]"}
    assert len(tokenizer.get_added_vocab()) == 3
    assert tokenizer.get_vocab().keys() >= {"##e", "##d", "red"}
    assert tokenizer.tokenize("##e")[0] in {"#", "[UNK]"}, "a piece is not read off a user's text"
    assert sorted(tokenizer.get_vocab().values()) == list(range(len(tokenizer)))


def test_accents_and_case_do_not_matter(tokenizer):
    assert token_ids(tokenizer, ["Réd KETTLE"], 9) == token_ids(tokenizer, ["red kettle"], 9)


# --- teacher ---------------------------------------------------------------------------------


def test_the_teacher_shows_what_shares_a_word():
    shop = [*products(), KETTLE]
    queries = ["red kettles", "boiling water", "zebra", "the", "spade", ""]
    taught = {one.query: one for one in teach(shop, queries, depth=4)}
    assert set(taught) == {"red kettles", "boiling water", "spade"}
    for one in taught.values():
        assert len(one.products) == len(one.share) <= 4
        assert one.share.sum() == pytest.approx(1.0)
        assert (np.diff(one.share) <= 0).all()
        assert one.share.min() > 0
    assert taught["boiling water"].products.tolist() == [9]
    assert taught["spade"].products.tolist() == [1]
    for row in taught["red kettles"].products:
        assert {"red", "kettle"} & set(normalise(shop[row].title).split())


def test_nothing_is_taught_without_queries():
    assert teach(products(), [], depth=4) == []


def test_a_catalogue_without_words_teaches_nothing():
    assert teach([Product("a", ""), Product("b", "")], ["red kettle"], depth=4) == []
