"""The losses of the ablation's rivals against plain loops, and what all of them hold to."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from training.losses.binary_nce import binary_nce
from training.losses.circle import CircleSettings, circle
from training.losses.cosent import cosent
from training.losses.graded_supcon import graded_supcon
from training.losses.triplet import weighted_triplet

SCALE = torch.tensor(10.0)
GRADED = {
    "supcon": lambda s, r, p: graded_supcon(s, r, p, SCALE),
    "circle": lambda s, r, p: circle(s, r, p, CircleSettings()),
    "cosent": lambda s, r, p: cosent(s, r, p, SCALE),
    "triplet": lambda s, r, p: weighted_triplet(s, r, p, 0.2),
}


def draw(seed, n=4, items=6):
    rng = np.random.default_rng(seed)
    scores = torch.tensor(rng.uniform(-0.9, 0.9, (n, items)), dtype=torch.float64)
    grades = torch.tensor(rng.integers(0, 3, (n, items)))
    return scores, grades, torch.tensor(rng.random((n, items)) < 0.8)


def pairs(r, p):
    kept = [i for i in range(len(r)) if p[i]]
    return [(i, j) for i in kept for j in kept if r[i] > r[j]]


def cosent_by_loops(s, r, p):
    total = 0.0
    for s_, r_, p_ in zip(s.tolist(), r.tolist(), p.tolist(), strict=True):
        total += math.log(1 + sum(math.exp(10 * (s_[j] - s_[i])) for i, j in pairs(r_, p_)))
    return total


def triplet_by_loops(s, r, p):
    total = 0.0
    for s_, r_, p_ in zip(s.tolist(), r.tolist(), p.tolist(), strict=True):
        weights = [r_[i] - r_[j] for i, j in pairs(r_, p_)]
        losses = [
            w * max(0.0, w * 0.2 - s_[i] + s_[j])
            for w, (i, j) in zip(weights, pairs(r_, p_), strict=True)
        ]
        total += sum(losses) / max(1.0, sum(weights))
    return total


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(
    ("name", "loops"), [("cosent", cosent_by_loops), ("triplet", triplet_by_loops)]
)
def test_values_equal_loops(name, loops, seed):
    scores, grades, present = draw(seed)
    value = GRADED[name](scores, grades, present).item()
    assert value == pytest.approx(loops(scores, grades, present), rel=1e-5)


@pytest.mark.parametrize("name", ["cosent", "triplet"])
def test_gradients_equal_finite_differences(name):
    scores, grades, present = draw(3, n=2, items=4)
    scores = scores.float().requires_grad_()
    (gradient,) = torch.autograd.grad(GRADED[name](scores, grades, present), scores)
    step = 1e-3
    for place in np.ndindex(*scores.shape):
        up, down = scores.detach().clone(), scores.detach().clone()
        up[place] += step
        down[place] -= step
        slope = (GRADED[name](up, grades, present) - GRADED[name](down, grades, present)) / step / 2
        assert gradient[place].item() == pytest.approx(slope.item(), abs=2e-2)


def binary_nce_by_loops(scores, places, grades, present, scale):
    total = 0.0
    for s, at, r, p in zip(
        *(part.tolist() for part in (scores, places, grades, present)), strict=True
    ):
        exact = {at[i] for i in range(len(at)) if p[i] and r[i] == 2}
        others = sum(math.exp(scale * s[j]) for j in range(len(s)) if j not in exact)
        terms = [
            -math.log(math.exp(scale * s[i]) / (math.exp(scale * s[i]) + others)) for i in exact
        ]
        total += sum(terms) / max(1, len(terms))
    return total


@pytest.mark.parametrize("seed", range(6))
def test_binary_nce_has_the_value_of_loops_and_their_slopes(seed):
    rng = np.random.default_rng(seed)
    scores = torch.tensor(rng.uniform(-0.9, 0.9, (3, 8)), dtype=torch.float32)
    places = torch.tensor(np.stack([rng.permutation(8)[:4] for _ in range(3)]))
    grades = torch.tensor(rng.integers(0, 3, (3, 4)))
    present = torch.tensor(rng.random((3, 4)) < 0.8)
    leaf, scale = scores.clone().requires_grad_(), SCALE.clone().requires_grad_()
    value = binary_nce(leaf, places, grades, present, scale)

    def loops(moved, temperature=10.0):
        return binary_nce_by_loops(moved, places, grades, present, temperature)

    exact, step = scores.double(), 1e-5
    assert value.item() == pytest.approx(loops(exact), rel=1e-5)
    gradient, of_scale = torch.autograd.grad(value, (leaf, scale))
    for place in np.ndindex(*scores.shape):
        up, down = exact.clone(), exact.clone()
        up[place] += step
        down[place] -= step
        slope = (loops(up) - loops(down)) / (2 * step)
        assert gradient[place].item() == pytest.approx(slope, rel=1e-4, abs=1e-4)
    slope = (loops(exact, 10 + step) - loops(exact, 10 - step)) / (2 * step)
    assert of_scale.item() == pytest.approx(slope, rel=1e-4, abs=1e-5)


@pytest.mark.parametrize("name", GRADED)
@pytest.mark.parametrize(
    "case",
    ["one grade", "padding only", "collapsed"],
)
def test_edges_have_finite_values_and_gradients(name, case):
    scores, grades, present = draw(1)
    scores = scores.float()
    if case == "one grade":
        grades = torch.ones_like(grades)
    if case == "padding only":
        present = torch.zeros_like(present)
    if case == "collapsed":
        scores = torch.ones_like(scores)
    scores.requires_grad_()
    value = GRADED[name](scores, grades, present)
    (gradient,) = torch.autograd.grad(value, scores)
    assert torch.isfinite(value)
    assert torch.isfinite(gradient).all()
    if case != "collapsed":
        assert value.item() == 0.0
        assert not gradient.any()


@pytest.mark.parametrize("name", GRADED)
@given(seed=st.integers(0, 10_000))
@settings(max_examples=25, deadline=None)
def test_what_every_loss_holds_to(name, seed):
    """The order of items does not matter, no item pulls at another instance, better is better."""
    scores, grades, present = draw(seed)
    scores = scores.float().requires_grad_()
    loss = GRADED[name]
    value = loss(scores, grades, present)
    order = torch.randperm(scores.shape[1], generator=torch.Generator().manual_seed(seed))
    moved = loss(scores[:, order], grades[:, order], present[:, order])
    assert moved.item() == pytest.approx(value.item(), rel=1e-4, abs=1e-5)
    (first,) = torch.autograd.grad(loss(scores[:1], grades[:1], present[:1]), scores)
    (whole,) = torch.autograd.grad(value, scores)
    torch.testing.assert_close(whole[0], first[0], rtol=1e-4, atol=1e-5)
    for row in range(len(scores)):
        kept = [i for i in range(scores.shape[1]) if present[row, i]]
        grade = grades[row].tolist()
        if name == "supcon":
            # Softmax shares: one item may have too much, those above the lowest grade together not.
            above = [i for i in kept if grade[i] > min(grade[j] for j in kept)]
            assert whole[row, above].sum().item() <= 1e-5
        elif kept:
            best = max(grade[i] for i in kept)
            assert whole[row, [i for i in kept if grade[i] == best]].max().item() <= 1e-6


def test_an_instance_without_an_exact_item_teaches_binary_nce_nothing():
    scores = torch.rand(2, 5, requires_grad=True)
    places, grades = torch.tensor([[0, 1], [2, 3]]), torch.tensor([[1, 0], [1, 1]])
    value = binary_nce(scores, places, grades, torch.ones_like(places, dtype=torch.bool), SCALE)
    assert value.item() == 0.0
    assert not torch.autograd.grad(value, scores)[0].any()
