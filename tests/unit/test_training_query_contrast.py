"""The contrast of queries: its value by loops, its gradient, and who is left alone."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from training.losses.query_contrast import query_contrast

SCALE = torch.tensor(7.0)


def draw(seed: int, n: int = 7) -> tuple[Tensor, Tensor, Tensor]:
    """Scores of unit vectors, about one pair in five, about half of the others apart."""
    rng = torch.Generator().manual_seed(seed)
    vectors = torch.nn.functional.normalize(torch.randn(n, 5, generator=rng), dim=1)
    chance = torch.rand(n, n, generator=rng).triu(1)
    chance = chance + chance.T
    alike = (chance > 0) & (chance < 0.2)
    return vectors @ vectors.T, alike, chance > 0.45


def by_loops(scores: Tensor, alike: Tensor, apart: Tensor, scale: Tensor) -> Tensor:
    total = scores.new_zeros(())
    for i in range(len(scores)):
        partners = [p for p in range(len(scores)) if alike[i, p]]
        pushed = sum(torch.exp(scores[i, j] * scale) for j in range(len(scores)) if apart[i, j])
        for p in partners:
            pulled = torch.exp(scores[i, p] * scale)
            total = total - torch.log(pulled / (pulled + pushed)) / len(partners)
    return total


def gradient(scores: Tensor, alike: Tensor, apart: Tensor) -> Tensor:
    leaf = scores.clone().requires_grad_()
    query_contrast(leaf, alike, apart, SCALE).backward()
    assert leaf.grad is not None
    return leaf.grad


@pytest.mark.parametrize("seed", range(6))
def test_it_equals_loops_in_value_and_gradient(seed: int) -> None:
    scores, alike, apart = draw(seed)
    assert alike.any()
    slow = scores.clone().requires_grad_()
    value = by_loops(slow, alike, apart, SCALE)
    value.backward()
    assert query_contrast(scores, alike, apart, SCALE).item() == pytest.approx(
        value.item(), rel=1e-5
    )
    torch.testing.assert_close(gradient(scores, alike, apart), slow.grad, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("seed", range(3))
def test_the_gradient_is_the_finite_difference(seed: int) -> None:
    scores, alike, apart = draw(seed, n=5)
    found, step = gradient(scores, alike, apart), 1e-2
    for i in range(5):
        for j in range(5):
            up, down = scores.clone(), scores.clone()
            up[i, j] += step
            down[i, j] -= step
            slope = query_contrast(up, alike, apart, SCALE) - query_contrast(
                down, alike, apart, SCALE
            )
            assert found[i, j].item() == pytest.approx(slope.item() / (2 * step), abs=2e-2)


def test_two_pairs_by_hand() -> None:
    scores = torch.tensor([[1.0, 0.8, 0.1], [0.8, 1.0, 0.3], [0.1, 0.3, 1.0]])
    alike = torch.tensor([[0, 1, 0], [1, 0, 0], [0, 0, 0]]).bool()
    apart = torch.tensor([[0, 0, 1], [0, 0, 1], [1, 1, 0]]).bool()
    expected = math.log(1 + math.exp((0.1 - 0.8) * 7)) + math.log(1 + math.exp((0.3 - 0.8) * 7))
    assert query_contrast(scores, alike, apart, SCALE).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("seed", range(3))
def test_only_pairs_and_their_negatives_have_a_gradient(seed: int) -> None:
    scores, alike, apart = draw(seed)
    found = gradient(scores, alike, apart)
    paired = alike.any(dim=1, keepdim=True)
    assert (found[alike & apart.any(dim=1, keepdim=True)] < 0).all(), "pairs are pulled together"
    assert (found[apart & paired] > 0).all(), "others are pushed away"
    assert (found[~(alike | apart)] == 0).all(), "kin that make no pair are left alone"
    assert (found[~paired.expand_as(found)] == 0).all(), "who has no pair here pushes nobody"


def test_the_order_of_the_queries_does_not_matter() -> None:
    scores, alike, apart = draw(4)
    order = torch.tensor([3, 0, 6, 2, 5, 1, 4])
    moved = [each[order][:, order] for each in (scores, alike, apart)]
    straight = query_contrast(scores, alike, apart, SCALE).item()
    assert query_contrast(*moved, SCALE).item() == pytest.approx(straight, rel=1e-6)


def test_a_batch_without_a_pair_costs_nothing_and_stays_in_the_graph() -> None:
    scores, alike, apart = draw(1)
    found = gradient(scores, torch.zeros_like(alike), apart)
    assert query_contrast(scores, torch.zeros_like(alike), apart, SCALE).item() == 0
    assert torch.equal(found, torch.zeros_like(scores))


@pytest.mark.parametrize("at", [-1.0, 0.0, 1.0])
def test_equal_scores_and_pairs_without_negatives_give_finite_numbers(at: float) -> None:
    scores, alike, apart = draw(2)
    scores = torch.full_like(scores, at)
    assert torch.isfinite(gradient(scores, alike, apart)).all()
    alone = query_contrast(scores, alike, torch.zeros_like(apart), SCALE)
    assert alone.item() == 0
    assert torch.equal(gradient(scores, alike, torch.zeros_like(apart)), torch.zeros_like(scores))


def test_halves_are_computed_in_float32() -> None:
    scores, alike, apart = draw(3)
    found = query_contrast(scores.bfloat16(), alike, apart, SCALE)
    assert found.dtype == torch.float32
    exact = query_contrast(scores.bfloat16().float(), alike, apart, SCALE)
    assert found.item() == exact.item()
