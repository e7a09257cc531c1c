"""The words of a text as a part of its vector."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import PreTrainedTokenizerFast

from catalog.errors import TrainingError
from training.model import TwinEncoder, with_words
from training.network import fresh_encoder
from training.recipe import Recipe, load_recipe
from training.tokenizer import learn_tokenizer, token_ids
from training.words import WordSketch

ITEMS = [
    "red steel kettle",
    "blue steel kettle",
    "red wool blanket, 2 blankets",
    "oat drink organic",
    "almond drink organic",
    "the running shoes",
    "the walking shoe",
    "the tent",
    "the stove",
    "the lamp",
] * 3


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return learn_tokenizer(ITEMS, 400)


def batch(
    tokenizer: PreTrainedTokenizerFast, texts: list[str], width: int = 24
) -> tuple[torch.Tensor, torch.Tensor]:
    ids = token_ids(tokenizer, texts, width)
    rows = torch.zeros(len(ids), width, dtype=torch.long)
    mask = torch.zeros_like(rows)
    for number, row in enumerate(ids):
        rows[number, : len(row)] = torch.tensor(row)
        mask[number, : len(row)] = 1
    return rows, mask


def sketch(tokenizer: PreTrainedTokenizerFast, dim: int = 4096, share: float = 0.3) -> WordSketch:
    ids = token_ids(tokenizer, ITEMS, 24)
    return WordSketch.of(tokenizer, ids, dim=dim, share=share, seed=5)


def cosine(tokenizer: PreTrainedTokenizerFast, first: str, second: str) -> float:
    one, other = sketch(tokenizer)(*batch(tokenizer, [first, second]))
    return float(one @ other)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("red kettle", "kettle red", 1.0),
        ("red kettle", "red blanket", 1 / 2),
        ("red kettle", "red steel kettle", 2 / 6**0.5),
        ("red kettle", "oat drink", 0.0),
        ("shoe", "shoes", 1.0),
        ("kettle kettle red", "kettle", (2 / 3) ** 0.5),  # twice counts √2 times
        ("red, kettle!", "red kettle", 1.0),
        ("the kettle", "kettle", 1.0),  # half the products hold `the`
    ],
)
def test_shared_words_are_counted(
    tokenizer: PreTrainedTokenizerFast, first: str, second: str, expected: float
) -> None:
    assert cosine(tokenizer, first, second) == pytest.approx(expected, abs=0.06)


def test_a_word_that_the_vocabulary_splits_counts_for_nothing(
    tokenizer: PreTrainedTokenizerFast,
) -> None:
    assert len(tokenizer.tokenize("kettel")) > 1
    assert cosine(tokenizer, "red kettel", "red") == pytest.approx(1.0, abs=1e-6)
    empty = sketch(tokenizer)(*batch(tokenizer, ["kettel", ""]))
    assert not empty.any()


def test_padding_batch_mates_and_the_draw_change_nothing(
    tokenizer: PreTrainedTokenizerFast,
) -> None:
    words = sketch(tokenizer, dim=64)
    alone = words(*batch(tokenizer, ["red steel kettle"], 4))
    among = words(*batch(tokenizer, ["oat drink", "red steel kettle", ""], 24))[1:2]
    assert torch.equal(alone, among)
    assert torch.equal(words.signs, sketch(tokenizer, dim=64).signs)
    assert set(words.signs[words.signs.any(dim=1)].unique().tolist()) == {-1, 1}


def encoder(tokenizer: PreTrainedTokenizerFast) -> TwinEncoder:
    torch.manual_seed(3)
    recipe = load_recipe("bag", {"network.width": "16", "network.dim": "16"})
    return fresh_encoder(recipe, len(tokenizer), 0).eval()


def test_scores_are_the_share_of_words_and_the_rest_of_what_was_learned(
    tokenizer: PreTrainedTokenizerFast, tmp_path: Path
) -> None:
    plain = encoder(tokenizer)
    longer = with_words(plain, sketch(tokenizer, dim=64, share=0.3))
    tokens = batch(tokenizer, ["red kettle", "blue steel kettle"])
    query, item = plain.embed(*tokens, "query"), plain.embed(*tokens, "item")
    words = longer.words(*tokens)  # type: ignore[misc]
    assert longer.spec.dim == 16 + 64
    whole = longer.embed(*tokens, "query") @ longer.embed(*tokens, "item").T
    assert torch.allclose(whole, 0.7 * query @ item.T + 0.3 * words @ words.T, atol=1e-6)
    longer.save(tmp_path)
    loaded = TwinEncoder.load(tmp_path).eval()
    assert all(torch.equal(*pair) for pair in zip(loaded(*tokens), longer(*tokens), strict=True))


def test_a_text_without_words_is_what_was_learned(tokenizer: PreTrainedTokenizerFast) -> None:
    plain = encoder(tokenizer)
    longer = with_words(plain, sketch(tokenizer, dim=64))
    tokens = batch(tokenizer, ["kettel"])
    found = longer.embed(*tokens, "query")
    assert torch.allclose(found[:, :16], plain.embed(*tokens, "query"), atol=1e-6)
    assert found.norm().item() == pytest.approx(1.0, abs=1e-6)


def test_training_moves_no_word(tokenizer: PreTrainedTokenizerFast) -> None:
    longer = with_words(encoder(tokenizer), sketch(tokenizer, dim=64))
    assert not [name for name, _ in longer.named_parameters() if name.startswith("words")]
    tokens = batch(tokenizer, ["red kettle"])
    (longer.embed(*tokens, "query") * longer.embed(*tokens, "item")).sum().backward()
    assert longer.query_head.weight.grad is not None


@pytest.mark.parametrize(
    "changes",
    [
        {"network.word_dim": "256"},
        {"network.word_dim": "64", "network.base_model": "some/encoder"},
        {"network.word_dim": "200", "network.matryoshka": "[64]"},
        {"network.word_share": "1"},
    ],
)
def test_what_does_not_fit_is_refused(changes: dict[str, str]) -> None:
    with pytest.raises(TrainingError, match=r"word_dim|word_share|fit"):
        load_recipe("bag", changes)


def test_a_recipe_has_no_words_unless_it_says_so() -> None:
    assert Recipe().network.word_dim == 0
    assert load_recipe("esci").network.word_dim == 128
