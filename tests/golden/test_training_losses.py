"""Published and derived values of both losses (tolerance: float32 rounding of the inputs)."""

import pytest
import torch

from training.losses.circle import CircleSettings, circle
from training.losses.graded_supcon import graded_supcon

SCORES = torch.tensor([[0.8, 0.6, 0.5, 0.3, 0.1, -0.1]], dtype=torch.float32)
GRADES = torch.tensor([[2, 2, 1, 0, 0, 0]])
CASES = {"L20": (2, 0), "L10": (1, 0), "L21": (2, 1)}
TOLERANCE = 5e-6


@pytest.mark.parametrize(
    ("gamma", "case", "value"),
    [
        (32, "L20", 3.111951),
        (32, "L10", 0.515085),
        (32, "L21", 2.580060),
        (64, "L20", 6.914724),
        (64, "L10", 0.709920),
        (64, "L21", 4.967447),
        (80, "L20", 8.904909),
        (80, "L10", 0.857061),
        (80, "L21", 6.202095),
    ],
)
def test_circle_of_one_case(gamma, case, value):
    present = torch.isin(GRADES, torch.tensor(CASES[case]))
    loss = circle(SCORES, GRADES, present, CircleSettings(gamma=gamma))
    assert loss.item() == pytest.approx(value, abs=TOLERANCE)


@pytest.mark.parametrize("gamma", [32, 64, 80])
def test_circle_adds_up_its_cases(gamma):
    settings = CircleSettings(gamma=gamma)
    parts = [
        circle(SCORES, GRADES, torch.isin(GRADES, torch.tensor(pair)), settings)
        for pair in CASES.values()
    ]
    whole = circle(SCORES, GRADES, torch.ones_like(GRADES, dtype=torch.bool), settings)
    assert whole.item() == pytest.approx(sum(part.item() for part in parts), rel=1e-6)


@pytest.mark.parametrize(
    ("temperature", "all_grades", "two_and_one"),
    [(0.05, 2.820626, 2.020581), (0.07, 2.069559, 1.497348), (0.10, 1.576384, 1.169846)],
)
def test_graded_supcon(temperature, all_grades, two_and_one):
    scale = torch.tensor(1 / temperature)
    everything = torch.ones_like(GRADES, dtype=torch.bool)
    loss = graded_supcon(SCORES, GRADES, everything, scale)
    assert loss.item() == pytest.approx(all_grades, abs=TOLERANCE)
    # Without grade-0 items the lowest grade is 1, so that only grade 2 is pulled.
    loss = graded_supcon(SCORES, GRADES, everything & (GRADES > 0), scale)
    assert loss.item() == pytest.approx(two_and_one, abs=TOLERANCE)
