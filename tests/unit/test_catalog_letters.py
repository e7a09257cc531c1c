"""Runs of letters: the same ids wherever a text is read, and only for words that are split."""

from __future__ import annotations

from pathlib import Path

import pytest

from catalog.letters import MARK, LetterRuns, commonest_runs, runs

TEXTS = [
    "almond milk unsweetened oat drink",
    "organic almond butter",
    "oat milk barista edition",
    "peanut butter crunchy",
] * 5
QUERIES = [
    "almnd milk",
    "oat mlik barsta",
    "",
    "peanut butter",
    "Étagère zzz \x01al almondish " * 4,
]


def test_the_runs_of_a_word_have_its_ends_marked() -> None:
    assert runs("oat") == ["<o", "oa", "at", "t>", "<oa", "oat", "at>", "<oat", "oat>"]
    assert runs("") == ["<>"]


def test_the_commonest_runs_are_counted_once_a_word_and_ties_go_by_letters() -> None:
    assert commonest_runs(["papa", "pa"], 2) == ["<p", "<pa"]
    assert commonest_runs(["papa", "pa"], 0) == []
    assert commonest_runs(["b", "a"], 9) == ["<a", "<a>", "<b", "<b>", "a>", "b>"]


def test_only_words_of_several_pieces_are_read_by_letters() -> None:
    letters = LetterRuns.of({"oat": 0, "al": 1, "##mn": 2, f"{MARK}<a": 7, f"{MARK}mn>": 8})
    assert letters is not None
    assert letters.ids(["al", "##mn", "oat"], [0, 0, 1]) == [7, 8]
    assert letters.ids(["oat", "al", "##mn"], [0, 1, 1]) == [7, 8]
    assert letters.ids(["oat", "oat"], [0, 1]) == []
    assert letters.ids(["[CLS]", "[SEP]"], [None, None]) == []
    assert letters.ids([], []) == []
    assert LetterRuns.of({"oat": 0}) is None


def test_training_and_serving_read_a_text_alike(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    from export.tokens import TokenReader
    from training.tokenizer import learn_tokenizer, pretrained_tokenizer, token_ids

    tokenizer = learn_tokenizer(TEXTS, 120, 200)
    tokenizer.save_pretrained(tmp_path)
    reader = TokenReader(tmp_path / "tokenizer.json")
    again = pretrained_tokenizer(str(tmp_path))
    for longest in (4, 16, 64):
        expected = token_ids(tokenizer, QUERIES, longest)
        assert reader.ids(QUERIES, longest) == expected
        assert token_ids(again, QUERIES, longest) == expected
        assert max(map(len, expected)) <= longest
    assert reader.vocabulary_size == len(tokenizer)
    misspelt, known = token_ids(tokenizer, ["almnd milk", "almond milk"], 64)
    names = tokenizer.convert_ids_to_tokens(misspelt)
    assert f"{MARK}alm" in names
    assert not any(name.startswith(MARK) for name in tokenizer.convert_ids_to_tokens(known))


def test_a_text_cannot_name_a_run() -> None:
    pytest.importorskip("transformers")
    from training.tokenizer import learn_tokenizer, token_ids

    tokenizer = learn_tokenizer(TEXTS, 120, 200)
    assert token_ids(tokenizer, [f"{MARK}<o"], 9) == token_ids(tokenizer, ["<o"], 9)
