"""Distillation: the loss against loops, the teacher's two halves, and what a batch is made of."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import PreTrainedTokenizerFast

from catalog.model import Product
from training.bm25 import Bm25
from training.distil import Asked, DistilCollator, DistilLearner, QueryDataset, Teacher
from training.embed import embed_texts
from training.losses.listwise_kl import listwise_kl
from training.model import TwinEncoder
from training.network import text_template
from training.settings import DistilSettings, TextSettings
from training.spans import SpanSource

SETTINGS = DistilSettings(
    steps=4, batch=4, temperature=0.05, learn_temperature=False, depth=3, drawn=2
)
TEXT = TextSettings(max_query_tokens=8, max_item_tokens=20)


def by_loops(scores, targets, scale):
    total = 0.0
    for s, t in zip(scores.tolist(), targets.tolist(), strict=True):
        ps = [math.exp(x * scale) for x in s]
        pt = [math.exp(x * scale) for x in t]
        total += sum(
            b / sum(pt) * math.log(b / sum(pt) / (a / sum(ps))) for a, b in zip(ps, pt, strict=True)
        )
    return total / len(scores)


@pytest.mark.parametrize("scale", [1.0, 20.0])
def test_the_loss_is_what_loops_give_and_its_gradient_the_difference_of_shares(scale: float):
    rng = np.random.default_rng(3)
    scores = torch.tensor(rng.uniform(-1, 1, (3, 5)), dtype=torch.float32, requires_grad=True)
    targets = torch.tensor(rng.uniform(0, 1, (3, 5)), dtype=torch.float32)
    loss = listwise_kl(scores, targets, torch.tensor(scale))
    assert loss.item() == pytest.approx(by_loops(scores.detach(), targets, scale), rel=1e-4)
    loss.backward()
    shares = torch.softmax(scores.detach() * scale, 1) - torch.softmax(targets * scale, 1)
    assert torch.allclose(scores.grad, shares * scale / 3, atol=1e-5)


def test_a_student_that_agrees_up_to_a_shift_has_nothing_to_learn():
    targets = torch.rand(4, 6)
    assert listwise_kl(targets - 0.7, targets, torch.tensor(20.0)).item() == pytest.approx(
        0, abs=1e-5
    )


SHOP = [
    Product("a", "Red Kettle", brand="Ardena"),
    Product("b", "Kettle Kettle Kettle"),
    Product("c", "Blue Lamp", description="beside a red kettle"),
    Product("d", "Green Chair"),
]


def test_a_share_is_of_the_bound_and_unknown_words_count():
    bm25 = Bm25(SHOP)
    (kettle,), (both,), (foreign,) = (
        [bm25.share(terms) for terms in bm25.terms([query])]
        for query in ("kettle", "kettle zebra", "zebra")
    )
    assert (kettle >= 0).all()
    assert (kettle < 1).all()
    assert kettle.argmax() == 1
    assert kettle[3] == 0
    assert (both[:3] < kettle[:3]).all(), "half of the query is unknown"
    assert not foreign.any()
    assert not Bm25([Product("x", "!!!")]).share(["word"]).any()


@pytest.fixture(scope="module")
def parts(checkpoint: Path, demo_products: list[Product]):
    encoder = TwinEncoder.load(checkpoint).eval()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_file=str(checkpoint / "tokenizer.json"), pad_token="<pad>"
    )
    template = text_template(TEXT)
    items = [template.item(product) for product in demo_products]
    return encoder, tokenizer, items, demo_products


def test_the_teacher_blends_a_cosine_that_no_longer_moves_with_bm25(parts) -> None:
    encoder, tokenizer, items, products = parts
    queries = [products[0].title, "nothing anybody sells"]
    bm25 = Bm25(products)
    teacher = Teacher(encoder, tokenizer, items, bm25, blend=0.4)
    cosines = (
        embed_texts(encoder, tokenizer, queries, "query")
        @ embed_texts(encoder, tokenizer, items, "item").T
    )
    shares = np.stack([bm25.share(terms) for terms in bm25.terms(queries)])
    assert np.allclose(teacher.scores(queries), 0.4 * cosines + 0.6 * shares, atol=1e-5)
    before = teacher.scores(queries)
    saved = {name: tensor.clone() for name, tensor in encoder.state_dict().items()}
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter.mul_(0.5).add_(0.1)
    assert np.array_equal(teacher.scores(queries), before)
    encoder.load_state_dict(saved)


def test_a_batch_holds_each_querys_best_and_some_of_the_next(parts) -> None:
    encoder, tokenizer, items, products = parts
    teacher = Teacher(encoder, tokenizer, items, Bm25(products), blend=0.4)
    collator = DistilCollator(tokenizer, TEXT, items, teacher, SETTINGS)
    asked = [Asked(products[place].title, f"{place}") for place in (0, 7, 11)]
    batch = collator(asked)
    scores = teacher.scores([one.query for one in asked])
    assert batch["targets"].shape == (3, len(batch["item_ids"]))
    assert torch.equal(batch["targets"].max(dim=1).values, torch.tensor(scores.max(axis=1)))
    assert len(batch["item_ids"]) <= 3 * (SETTINGS.drawn + 1)
    third = np.sort(scores, axis=1)[:, -SETTINGS.depth]
    good_for_one = (batch["targets"] >= torch.tensor(third)[:, None]).any(dim=0)
    assert good_for_one.all(), "nothing is drawn from below any query's depth"
    again = collator(asked)
    assert all(torch.equal(batch[key], again[key]) for key in batch)


def test_queries_come_from_both_sources_and_repeat(parts) -> None:
    *_, items, products = parts
    template = text_template(TEXT)
    sources = [SpanSource(p, template, i) for p, i in zip(products, items, strict=True)]

    def drawn(share: float, real: list[str]) -> list[str]:
        settings = DistilSettings(real_share=share)
        data = QueryDataset(sources, real, settings, length=200, seed=4)
        return [data[place].query for place in range(len(data))]

    mixed = drawn(0.3, ["a real query"])
    assert 30 <= mixed.count("a real query") <= 90
    assert mixed == drawn(0.3, ["a real query"])
    assert all(drawn(1.0, [])), "without real queries all are spans"


def test_a_few_steps_bring_the_student_nearer_to_its_teacher(parts, checkpoint: Path) -> None:
    _, tokenizer, items, products = parts
    encoder = TwinEncoder.load(checkpoint).eval()
    teacher = Teacher(encoder, tokenizer, items, Bm25(products), blend=0.2)
    collator = DistilCollator(tokenizer, TEXT, items, teacher, SETTINGS)
    batch = collator([Asked(products[place].title, f"{place}") for place in range(0, 16, 2)])
    learner = DistilLearner(encoder, SETTINGS)
    optimizer = torch.optim.Adam(encoder.parameters(), lr=1e-3)
    losses = []
    for _ in range(12):
        loss = learner(**batch)["loss"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.85 * losses[0]
    assert not learner.log_scale.requires_grad
