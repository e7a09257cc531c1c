"""What a stage remembers: the average of its weights, where it began, and its two rates."""

import pytest
import torch
from transformers import BertConfig

from catalog.encoder_spec import EncoderSpec
from catalog.template import TextTemplate
from training.callbacks import without_better
from training.instance_learner import InstanceLearner, moved_from
from training.learner import PairLearner
from training.losses.graded_supcon import graded_supcon
from training.model import TwinEncoder, fresh_backbone
from training.objectives import stage_one
from training.settings import GradedStageSettings, StageSettings, SupconSettings
from training.stages import OrderedTrainer, _arguments

SPEC = EncoderSpec(
    dim=4,
    max_query_tokens=4,
    max_item_tokens=4,
    pooling="weighted",
    architecture="tiny",
    template=TextTemplate(),
)


@pytest.fixture
def encoder() -> TwinEncoder:
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=20,
        hidden_size=4,
        num_hidden_layers=1,
        num_attention_heads=1,
        intermediate_size=8,
        max_position_embeddings=8,
        hidden_dropout_prob=0.5,
    )
    return TwinEncoder(fresh_backbone(config), SPEC)


def batch():
    ids, mask = torch.tensor([[1, 2, 3], [4, 5, 6]]), torch.ones(2, 3, dtype=torch.long)
    places = torch.tensor([[0, 1], [1, 0]])
    return (ids, mask, ids + 6, mask, places, torch.tensor([[2, 0], [2, 0]]), places >= 0)


def walk(learner: PairLearner, values: list[float]) -> None:
    for value in values:
        with torch.no_grad():
            learner.encoder.query_head.weight.fill_(value)
        learner.remember()


def test_the_average_forgets_its_first_steps_faster(encoder):
    """Copy, then keep min(decay, (1+n)/(10+n)) of what was: 2/11, 3/12, …"""
    learner = PairLearner(encoder, StageSettings(average=0.9))
    walk(learner, [1.0, 2.0, 4.0])
    second = 1.0 * 2 / 11 + 2.0 * 9 / 11
    expected = second * 3 / 12 + 4.0 * 9 / 12
    assert learner.result.query_head.weight[0, 0].item() == pytest.approx(expected, rel=1e-6)
    assert learner.encoder.query_head.weight[0, 0].item() == 4.0
    learner.settle()
    assert learner.encoder.query_head.weight[0, 0].item() == pytest.approx(expected, rel=1e-6)


def test_a_long_average_keeps_at_most_its_decay(encoder):
    learner = PairLearner(encoder, StageSettings(average=0.5))
    walk(learner, [0.0] * 50 + [8.0])
    assert learner.result.query_head.weight[0, 0].item() == pytest.approx(4.0)


def test_without_an_average_the_last_weights_count(encoder):
    learner = PairLearner(encoder, StageSettings())
    walk(learner, [1.0, 2.0])
    learner.settle()
    assert learner.result is encoder
    assert encoder.query_head.weight[0, 0].item() == 2.0


def test_staying_costs_nothing_at_the_start_and_its_weight_after_a_move(encoder):
    encoder.eval()
    plain = InstanceLearner(encoder, GradedStageSettings(), stage_one(SupconSettings()))
    held = InstanceLearner(encoder, GradedStageSettings(stay=0.5), stage_one(SupconSettings()))
    assert held(*batch())["loss"].item() == pytest.approx(plain(*batch())["loss"].item(), rel=1e-6)
    before = encoder.embed(*batch()[:2], "query").detach()
    with torch.no_grad():
        encoder.query_head.weight.mul_(torch.tensor([[-1.0], [1.0], [1.0], [1.0]]))
    moved = moved_from(encoder.embed(*batch()[:2], "query"), before).item()
    assert moved > 0.01
    extra = held(*batch())["loss"].item() - plain(*batch())["loss"].item()
    assert extra == pytest.approx(0.5 * 2 * moved, rel=1e-4)


def test_where_the_stage_began_neither_learns_nor_drops_out(encoder):
    held = InstanceLearner(
        encoder, GradedStageSettings(stay=0.5), stage_one(SupconSettings())
    ).train()
    assert encoder.training
    assert not held.origin.training
    assert all(not weight.requires_grad for weight in held.origin.parameters())
    one = held.origin.embed(*batch()[:2], "query")
    assert torch.equal(one, held.origin.embed(*batch()[:2], "query"))


def test_heads_have_their_own_rate(encoder, tmp_path):
    settings = StageSettings(steps=10, batch=2, learning_rate=1e-3)
    trainer = OrderedTrainer(
        model=PairLearner(encoder, settings), args=_arguments(settings, tmp_path, 1)
    )
    trainer.head_rate = 4.0
    body, heads = trainer.create_optimizer().param_groups
    assert (body["lr"], heads["lr"]) == (1e-3, 4e-3)
    learned = {id(weight) for weight in heads["params"]}
    names = {name for name, weight in encoder.named_parameters() if id(weight) in learned}
    assert names == {
        "token_weight.weight",
        "token_weight.bias",
        "query_head.weight",
        "item_head.weight",
    }
    every = sum(weight.requires_grad for weight in trainer.model.parameters())
    assert len(body["params"]) + len(heads["params"]) == every


def test_beginnings_of_vectors_are_trained_as_vectors_of_their_own(encoder):
    encoder.eval()
    settings = GradedStageSettings()
    whole = InstanceLearner(encoder, settings, stage_one(SupconSettings()))
    nested = InstanceLearner(encoder, settings, stage_one(SupconSettings()), dims=(2,))
    ids, mask, items, item_mask, places, grades, present = batch()
    queries, products = nested.sides(ids, mask, items, item_mask)
    short = [torch.nn.functional.normalize(side[:, :2], dim=1) for side in (queries, products)]
    cut = graded_supcon((short[0] @ short[1].T).gather(1, places), grades, present, whole.scale)
    expected = (whole(*batch())["loss"] + cut) / 2
    assert nested(*batch())["loss"].item() == pytest.approx(expected.item(), rel=1e-5)


@pytest.mark.parametrize(
    ("curve", "since"),
    [([], 0), ([0.5], 0), ([0.5, 0.6], 0), ([0.6, 0.5, 0.6], 2), ([0.1, 0.9, 0.3, 0.4, 0.2], 3)],
)
def test_how_long_nothing_was_better(curve, since):
    assert without_better(curve) == since


def test_the_best_is_what_a_stage_ends_with(encoder):
    learner = PairLearner(encoder, StageSettings(patience=1))
    walk(learner, [1.0])
    learner.keep_best()
    walk(learner, [2.0])
    learner.settle()
    assert encoder.query_head.weight[0, 0].item() == 1.0
