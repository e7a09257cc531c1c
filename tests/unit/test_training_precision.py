"""Losses see float32 whatever the backbone computes in."""

import pytest
import torch

from training import learner as module
from training.instance_learner import InstanceLearner
from training.learner import PairLearner
from training.losses.circle import CircleSettings
from training.objectives import stage_one, stage_two
from training.settings import GradedStageSettings, StageSettings, SupconSettings


class Echo(torch.nn.Module):
    """Takes vectors for token ids and gives them back, as an encoder's float32 unit rows."""

    def embed(self, input_ids, attention_mask, side):
        return torch.nn.functional.normalize(input_ids.float(), dim=-1)


@pytest.mark.parametrize("objective", [stage_one(SupconSettings()), stage_two(CircleSettings())])
def test_instance_scores_under_autocast_are_those_without(objective):
    torch.manual_seed(0)
    queries, items = torch.randn(4, 64), torch.randn(12, 64)
    places = torch.arange(12).reshape(4, 3)
    grades = torch.tensor([[0, 1, 2]] * 4)
    batch = (queries, torch.ones(4), items, torch.ones(12), places, grades, grades >= 0)
    learner = InstanceLearner(Echo(), GradedStageSettings(temperature=0.05), objective)
    plain = learner(*batch)["loss"]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = learner(*batch)["loss"]
    assert mixed.dtype == torch.float32
    assert mixed.item() == plain.item()


def test_pair_logits_under_autocast_are_float32(monkeypatch):
    torch.manual_seed(0)
    seen = []
    real = module.info_nce

    def spy(queries, items, products, scale):
        seen.append((queries @ items.T).dtype)
        return real(queries, items, products, scale)

    monkeypatch.setattr(module, "info_nce", spy)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        PairLearner(Echo(), StageSettings(temperature=0.1))(
            torch.randn(4, 8), torch.ones(4), torch.randn(4, 8), torch.ones(4), torch.arange(4)
        )
    assert seen == [torch.float32]
