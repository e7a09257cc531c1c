"""Partners of queries: whose judgments make them, who is no negative, and what a batch gets."""

from __future__ import annotations

from random import Random

import pytest
import torch

from catalog.model import Product
from training.alike import AlikeQueries, alike_queries, pairs_line
from training.alike_batches import Accompanied, AccompaniedCollator, AccompaniedDataset
from training.batches import InstanceCollator, InstanceDataset
from training.corpus import Corpus
from training.instance_learner import InstanceLearner
from training.instances import Instance, graded_lists
from training.losses.query_contrast import query_contrast
from training.objectives import stage_one
from training.settings import GradedStageSettings, InstanceSettings, SupconSettings, TextSettings
from training.tokenizer import learn_tokenizer

JUDGED = {
    "oat milk": {1: 2, 2: 2, 3: 2, 4: 1},
    "oat drink": {1: 2, 2: 2, 3: 2, 6: 2},
    "vegan milk": {2: 2, 3: 2, 4: 2, 7: 2},
    "milk": {4: 2, 5: 2},
    "kettle": {9: 2, 1: 1, 2: 1},
}
ADDED = {"oat mikl": JUDGED["oat milk"], "plant drink": {1: 2, 2: 2, 3: 2, 6: 2}}
PRODUCTS = [Product(f"p{row}", f"title {row}") for row in range(10)]
SETTINGS = SupconSettings(pair_weight=0.5, pair_overlap=0.7)


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    items = [product.title for product in PRODUCTS]
    return Corpus(PRODUCTS, items, {**JUDGED, **ADDED}, {}, [], frozenset(ADDED))


@pytest.fixture(scope="module")
def collator(corpus: Corpus) -> AccompaniedCollator:
    texts = [*corpus.items, *corpus.train, "query:"]
    plain = InstanceCollator(
        learn_tokenizer(texts * 2, 200), TextSettings(query_prefix="query: "), corpus.items
    )
    return AccompaniedCollator(plain, alike_queries(corpus, SETTINGS))


def test_misspelt_and_synthetic_queries_make_no_pair(corpus: Corpus) -> None:
    alike = alike_queries(corpus, SETTINGS)
    assert alike.partners == {"oat milk": ["oat drink"], "oat drink": ["oat milk"]}
    assert alike.pairs == 1
    wider = alike_queries(corpus, SupconSettings(pair_overlap=0.3))
    assert wider.pairs == 3
    assert set(wider.partners) == {"oat milk", "oat drink", "vegan milk"}


def test_the_log_says_how_many_there_are(corpus: Corpus) -> None:
    said = pairs_line(alike_queries(corpus, SETTINGS), corpus, SETTINGS)
    assert said == (
        "query pairs: 1, of 2 queries among 5 judged "
        "(exact products in common: at least 2, overlap: at least 0.7)"
    )
    none = SupconSettings(pair_overlap=1.0)
    assert "query pairs: none among 5 judged" in pairs_line(
        alike_queries(corpus, none), corpus, none
    )


def test_who_shares_a_product_is_no_negative(corpus: Corpus) -> None:
    """Not the variant of a query, nor a query that shares too little to make a pair."""
    names = ["oat milk", "kettle", "oat drink", "oat mikl", "vegan milk", "milk", "kettle"]
    alike, apart = alike_queries(corpus, SETTINGS).relations(names)
    pairs = {(names[i], names[j]) for i, j in alike.nonzero().tolist()}
    assert pairs == {("oat milk", "oat drink"), ("oat drink", "oat milk")}
    for i, one in enumerate(names):
        for j, other in enumerate(names):
            shared = {r for r in corpus.train[one] if corpus.train[one][r] == 2} & {
                r for r in corpus.train[other] if corpus.train[other][r] == 2
            }
            assert bool(apart[i, j]) == (one != other and not shared), (one, other)
    assert not (alike & apart).any()


def test_a_query_without_an_exact_product_is_no_negative_of_itself() -> None:
    _, apart = AlikeQueries({}, {}).relations(["a", "b", "a"])
    assert apart.tolist() == [[False, True, False], [True, False, True], [False, True, False]]


def test_partners_are_drawn_evenly_and_by_seed_and_place(corpus: Corpus) -> None:
    wide = alike_queries(corpus, SupconSettings(pair_overlap=0.3))
    drawn = [wide.draw("oat milk", Random(seed)) for seed in range(200)]
    assert 70 < drawn.count("oat drink") < 130
    assert set(drawn) == {"oat drink", "vegan milk"}
    assert wide.draw("kettle", Random(1)) is None
    settings = InstanceSettings(items=4, assumed=1)
    plain = InstanceDataset(graded_lists(corpus.train, settings), 10, settings, length=20, seed=3)
    one, other = (AccompaniedDataset(plain, wide, seed=3) for _ in range(2))
    assert [one[at] for at in range(20)] == [other[at] for at in reversed(range(20))][::-1]
    assert [one[at].instance for at in range(20)] == [plain[at] for at in range(20)]
    assert len(one) == 20


def test_partners_follow_the_queries_of_a_batch(
    corpus: Corpus, collator: AccompaniedCollator
) -> None:
    milk = Accompanied(Instance("oat milk", (1, 4), (2, 1)), "oat drink")
    kettle = Accompanied(Instance("kettle", (9, 1, 2), (2, 1, 1)), None)
    batch = collator([milk, kettle, milk])
    plain = collator.instances([milk.instance, kettle.instance, milk.instance])
    for key in ("item_ids", "item_mask", "places", "grades", "present"):
        assert torch.equal(batch[key], plain[key])
    decoded = collator.instances.tokenizer.batch_decode(batch["query_ids"], True)
    assert decoded == [
        "query : oat milk",
        "query : kettle",
        "query : oat milk",
        "query : oat drink",
    ]
    assert batch["alike"].nonzero().tolist() == [[0, 3], [2, 3], [3, 0], [3, 2]]
    assert batch["apart"].nonzero().tolist() == [[0, 1], [1, 0], [1, 2], [1, 3], [2, 1], [3, 1]]
    drink = Accompanied(Instance("oat drink", (1,), (2,)), "oat milk")
    assert len(collator([milk, drink])["query_ids"]) == 2, "who is there already joins once"


class Echo(torch.nn.Module):
    """Takes vectors for token ids and gives them back as unit rows."""

    def embed(self, input_ids, attention_mask, side):
        return torch.nn.functional.normalize(input_ids.float(), dim=-1)


def numbers(queries: int = 4) -> dict[str, torch.Tensor]:
    """Three instances, and one more query that is a pair with the first."""
    rng = torch.Generator().manual_seed(2)
    places = torch.arange(6).reshape(3, 2)
    alike = torch.zeros(queries, queries, dtype=torch.bool)
    alike[0, -1] = alike[-1, 0] = True
    return {
        "query_ids": torch.randn(queries, 8, generator=rng),
        "query_mask": torch.ones(queries),
        "item_ids": torch.randn(6, 8, generator=rng),
        "item_mask": torch.ones(6),
        "places": places,
        "grades": torch.tensor([[2, 0]] * 3),
        "present": places >= 0,
        "alike": alike,
        "apart": ~alike & ~torch.eye(queries, dtype=torch.bool),
    }


def test_the_loss_is_the_instances_and_the_weighted_contrast_at_every_length() -> None:
    batch = numbers()
    settings, objective = GradedStageSettings(temperature=0.1), stage_one(SupconSettings())
    learner = InstanceLearner(Echo(), settings, objective, dims=(4,), pair_weight=0.25)
    alone = {**{k: v for k, v in batch.items() if k not in ("alike", "apart")}}
    alone |= {"query_ids": batch["query_ids"][:3], "query_mask": batch["query_mask"][:3]}
    lengths = [
        torch.nn.functional.normalize(Echo().embed(batch["query_ids"], None, "query")[:, :dim])
        for dim in (8, 4)
    ]
    contrast = [
        query_contrast(side @ side.T, batch["alike"], batch["apart"], learner.scale).item()
        for side in lengths
    ]
    expected = learner(**alone)["loss"].item() + 0.25 * sum(contrast) / 2
    assert learner(**batch)["loss"].item() == pytest.approx(expected, rel=1e-5)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert learner(**batch)["loss"].item() == learner(**batch)["loss"].item()


def test_a_batch_without_a_pair_is_the_plain_loss() -> None:
    batch = numbers()
    objective = stage_one(SupconSettings())
    learner = InstanceLearner(Echo(), GradedStageSettings(), objective, pair_weight=9.0)
    batch["alike"] = torch.zeros_like(batch["alike"])
    plain = {k: v for k, v in batch.items() if k not in ("alike", "apart")}
    assert learner(**batch)["loss"].item() == learner(**plain)["loss"].item()
