"""Vectorised losses against plain loops, in value and gradient; and the edges of both."""

import math

import numpy as np
import pytest
import torch

from training.losses.circle import CircleSettings, circle
from training.losses.graded_supcon import graded_supcon
from training.losses.infonce import info_nce


def supcon_by_loops(scores, grades, present, scale):
    total = scores.new_zeros(())
    for s, r, p in zip(scores, grades, present, strict=True):
        items = [i for i in range(len(s)) if p[i]]
        lowest = min((int(r[i]) for i in items), default=0)
        above = [i for i in items if int(r[i]) > lowest]
        if not above:
            continue
        denominator = sum(torch.exp(s[j] * scale) for j in items)
        pulled = sum(int(r[i]) * torch.log(torch.exp(s[i] * scale) / denominator) for i in above)
        total = total - pulled / sum(int(r[i]) for i in above)
    return total


def circle_by_loops(scores, grades, present, c):
    as_positive = {2: (c.two_optimum, c.two_boundary)}
    as_positive[1] = (c.one_positive_optimum, c.one_positive_boundary)
    as_negative = {0: (c.zero_optimum, c.zero_boundary)}
    as_negative[1] = (c.one_negative_optimum, c.one_negative_boundary)
    total = scores.new_zeros(())
    for s, r, p in zip(scores, grades, present, strict=True):
        for a, b in ((2, 0), (1, 0), (2, 1)):
            ups = [s[i] for i in range(len(s)) if p[i] and int(r[i]) == a]
            downs = [s[j] for j in range(len(s)) if p[j] and int(r[j]) == b]
            if not ups or not downs:
                continue
            up = down = scores.new_zeros(())
            for x in ups:
                weight = max(as_positive[a][0] - x, x * 0)
                weight = weight.detach() if c.detach else weight
                up = up + torch.exp(-c.gamma * weight * (x - as_positive[a][1]))
            for x in downs:
                weight = min(as_negative[b][0] - x, x * 0)
                weight = weight.detach() if c.detach else weight
                down = down + torch.exp(-c.gamma * weight * (x - as_negative[b][1]))
            total = total + torch.log1p(up * down / len(downs))
    return total


def draw(seed, n=5, items=7):
    rng = np.random.default_rng(seed)
    scores = torch.tensor(rng.uniform(-0.9, 0.9, (n, items)), dtype=torch.float32)
    grades = torch.tensor(rng.integers(0, 3, (n, items)))
    present = torch.tensor(rng.random((n, items)) < 0.8)
    return scores, grades, present


def value_and_gradient(loss, scores):
    leaf = scores.clone().requires_grad_()
    value = loss(leaf)
    (gradient,) = torch.autograd.grad(value, leaf, allow_unused=True)
    return value.item(), gradient if gradient is not None else torch.zeros_like(leaf)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("temperature", [0.05, 0.2])
def test_supcon_equals_loops(seed, temperature):
    scores, grades, present = draw(seed)
    scale = torch.tensor(1 / temperature)
    fast = value_and_gradient(lambda s: graded_supcon(s, grades, present, scale), scores)
    slow = value_and_gradient(lambda s: supcon_by_loops(s, grades, present, scale), scores)
    assert fast[0] == pytest.approx(slow[0], rel=1e-4)
    torch.testing.assert_close(fast[1], slow[1], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("detach", [True, False])
@pytest.mark.parametrize("gamma", [4.0, 20.0])
def test_circle_equals_loops(seed, detach, gamma):
    scores, grades, present = draw(seed)
    settings = CircleSettings(gamma=gamma, detach=detach)
    fast = value_and_gradient(lambda s: circle(s, grades, present, settings), scores)
    slow = value_and_gradient(
        lambda s: circle_by_loops(s.double(), grades, present, settings), scores
    )
    assert fast[0] == pytest.approx(slow[0], rel=1e-4)
    torch.testing.assert_close(fast[1], slow[1], rtol=2e-3, atol=1e-3)


@pytest.mark.parametrize("seed", range(4))
def test_circle_gradient_without_detach_is_the_finite_difference(seed):
    scores, grades, present = draw(seed, n=2, items=4)
    settings = CircleSettings(gamma=3.0, detach=False)
    _, gradient = value_and_gradient(lambda s: circle(s, grades, present, settings), scores)
    step = 1e-3
    for place in np.ndindex(*scores.shape):
        up, down = scores.clone(), scores.clone()
        up[place] += step
        down[place] -= step
        slope = circle(up, grades, present, settings) - circle(down, grades, present, settings)
        assert gradient[place].item() == pytest.approx(slope.item() / (2 * step), abs=2e-2)


SCALE = torch.tensor(20.0)
LOSSES = {
    "supcon": lambda s, g, p: graded_supcon(s, g, p, SCALE),
    "circle": lambda s, g, p: circle(s, g, p, CircleSettings()),
}


@pytest.mark.parametrize("name", LOSSES)
def test_order_of_items_does_not_matter(name):
    scores, grades, present = draw(3)
    order = torch.tensor([6, 2, 0, 4, 1, 5, 3])
    straight = LOSSES[name](scores, grades, present)
    shuffled = LOSSES[name](scores[:, order], grades[:, order], present[:, order])
    assert shuffled.item() == pytest.approx(straight.item(), rel=1e-5)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("seed", range(4))
def test_filling_and_other_instances_get_no_gradient(name, seed):
    """Of a whole batch: what an instance's items are pulled by is its own items alone."""

    def gradient(scores, grades, present):
        return value_and_gradient(lambda s: LOSSES[name](s, grades, present), scores)[1]

    scores, grades, present = draw(seed)
    whole = gradient(scores, grades, present)
    assert torch.all(whole[~present] == 0)
    for row in range(len(scores)):
        own = (torch.arange(len(scores)) == row)[:, None]
        # The others quite different, then none of the others at all.
        changed = gradient(
            torch.where(own, scores, -scores.flip(1)),
            torch.where(own, grades, (grades + 1) % 3),
            torch.where(own, present, ~present),
        )
        alone = gradient(scores, grades, present & own)
        torch.testing.assert_close(changed[row], whole[row], rtol=1e-6, atol=0)
        torch.testing.assert_close(alone, whole * own, rtol=1e-6, atol=0)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("grade", [0, 1, 2])
def test_one_grade_alone_teaches_nothing(name, grade):
    scores, _, _ = draw(1)
    grades = torch.full_like(scores, grade, dtype=torch.long)
    value, gradient = value_and_gradient(
        lambda s: LOSSES[name](s, grades, torch.ones_like(grades, dtype=torch.bool)), scores
    )
    assert value == 0
    assert torch.all(gradient == 0)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("at", [-1.0, 0.0, 1.0])
def test_a_collapsed_encoder_gives_finite_numbers(name, at):
    _, grades, present = draw(2)
    scores = torch.full(grades.shape, at)
    present[0] = False  # and an instance of nothing but filling
    value, gradient = value_and_gradient(lambda s: LOSSES[name](s, grades, present), scores)
    assert math.isfinite(value)
    assert torch.isfinite(gradient).all()


@pytest.mark.parametrize("name", LOSSES)
def test_raising_an_irrelevant_item_raises_the_loss(name):
    # The mirror image does not hold for SupCon: an exact item already far ahead of the other exact
    # ones takes their share.
    scores, grades, present = draw(7)
    grades[:, 0], grades[:, 1] = 2, 0
    present[:, :2] = True
    scores[:, 1] = 0.5
    before = LOSSES[name](scores, grades, present)
    scores[:, 1] = 0.6
    assert LOSSES[name](scores, grades, present) > before


def slopes(loss, *leaves, step=1e-5):
    """Central differences of a function of float64 tensors, one list of slopes a leaf."""
    found = []
    for leaf in leaves:
        slope = torch.zeros_like(leaf)
        for place in np.ndindex(*leaf.shape):
            kept = leaf[place].item()
            leaf[place] = kept + step
            up = float(loss())
            leaf[place] = kept - step
            slope[place] = (up - float(loss())) / (2 * step)
            leaf[place] = kept
        found.append(slope)
    return found


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("temperature", [0.07, 0.5])
def test_supcon_has_the_value_of_loops_and_their_slopes(seed, temperature):
    """The loops in float64, nothing of autograd in them; the learnable 1/τ has a slope, too."""
    scores, grades, present = draw(seed, n=3, items=5)
    exact, scale = scores.double(), torch.tensor(1 / temperature, dtype=torch.float64)

    def loops():
        return supcon_by_loops(exact, grades, present, scale)

    leaf, learned = scores.clone().requires_grad_(), scale.float().requires_grad_()
    value = graded_supcon(leaf, grades, present, learned)
    assert value.item() == pytest.approx(float(loops()), rel=1e-5)
    gradients = torch.autograd.grad(value, (leaf, learned))
    for gradient, slope in zip(gradients, slopes(loops, exact, scale), strict=True):
        torch.testing.assert_close(gradient.double(), slope, rtol=1e-4, atol=1e-4)


def info_nce_by_loops(queries, items, products, scale):
    count = len(queries)
    scores = (queries @ items.T * scale).tolist()
    total = 0.0
    for i in range(count):
        others = [j for j in range(count) if j == i or products[j] != products[i]]
        total -= scores[i][i] - math.log(sum(math.exp(scores[i][j]) for j in others))
        total -= scores[i][i] - math.log(sum(math.exp(scores[j][i]) for j in others))
    return total / (2 * count)


@pytest.mark.parametrize("products", [[7, 3, 7, 9], [1, 2, 3, 4], [5, 5, 5, 5]])
@pytest.mark.parametrize("temperature", [0.1, 1.0])
def test_info_nce_has_the_value_of_loops_and_their_slopes(products, temperature):
    """A pair of the same product is no negative; with one product alone nothing is learned."""
    rng = np.random.default_rng(0)
    queries, items = (
        torch.nn.functional.normalize(torch.tensor(rng.normal(size=(4, 6)))) for _ in range(2)
    )
    scale, products = torch.tensor(1 / temperature, dtype=torch.float64), torch.tensor(products)

    def loops():
        return info_nce_by_loops(queries, items, products, scale)

    leaves = [part.clone().requires_grad_() for part in (queries, items, scale)]
    value = info_nce(*leaves[:2], products, leaves[2])
    assert value.item() == pytest.approx(loops(), rel=1e-9, abs=1e-12)
    gradients = torch.autograd.grad(value, leaves)
    for gradient, slope in zip(gradients, slopes(loops, queries, items, scale), strict=True):
        torch.testing.assert_close(gradient, slope, rtol=1e-6, atol=1e-8)
    if len(set(products.tolist())) == 1:
        assert value.item() == 0
        assert not any(gradient.any() for gradient in gradients)
