"""One letter wrong, always the same one."""

import re

from catalog.keyboard import QWERTY, neighbours
from catalog.slips import with_a_slip

NEAR = neighbours(QWERTY)


def one_edit(right: str, wrong: str) -> bool:
    """Left out, doubled, swapped with the next or a neighbouring key, never the first letter."""
    outcomes = set()
    for at in range(1, len(right)):
        outcomes |= {right[:at] + right[at + 1 :], right[: at + 1] + right[at:]}
        outcomes |= {right[:at] + key + right[at + 1 :] for key in NEAR[right[at]]}
        swapped = right[at + 1 : at + 2] + right[at]
        outcomes.add(right[:at] + swapped + right[at + 2 :])
    return wrong in outcomes - {right}


def test_one_word_has_one_edit_and_the_rest_stays():
    kinds = set()
    for seed in range(60):
        slipped = with_a_slip("Almond  milk 10 oz", seed)
        first, second, *rest = slipped.split(" ")
        assert rest == ["10", "oz"]
        assert (first == "almond") != (second == "milk")
        right, wrong = ("almond", first) if second == "milk" else ("milk", second)
        assert one_edit(right, wrong)
        kinds.add(len(wrong) - len(right))
    assert kinds == {-1, 0, 1}


def test_the_seed_decides():
    assert with_a_slip("oat drink", 3) == with_a_slip("OAT drink", 3)
    assert len({with_a_slip("oat drink", seed) for seed in range(20)}) > 5


def test_short_words_go_wrong_only_where_there_is_no_long_one():
    assert {with_a_slip("red mug lamp", seed)[:8] for seed in range(20)} == {"red mug "}
    assert re.fullmatch(r"[a-z]{1,3} 4k|tv 4k", with_a_slip("tv 4k", 1))
    assert with_a_slip("tv 4k", 1) != "tv 4k"


def test_numbers_alone_stay_right():
    assert with_a_slip("42", 0) is None
    assert with_a_slip("x 1.5", 0) is None
    assert with_a_slip("aa", 0) in {"a", "aaa", "aq", "aw", "as", "az"}
