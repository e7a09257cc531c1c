"""Spelling noise over any text: one edit, one word, the same by seed, originals untouched."""

import unicodedata
from math import sqrt

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from catalog.errors import TrainingError
from catalog.keyboard import QWERTY, neighbours
from catalog.text import normalise
from training.augment.sounds import sounding_alike
from training.augment.spelling import (
    LEAST_LETTERS,
    SHORT_CHANCE,
    SLIPS,
    misspelt,
    misspelt_queries,
    variants_of,
)

BY_NAME = {slip.name: slip for slip in SLIPS}
anything = st.text(st.characters(), max_size=30)
scripts = st.text(
    st.sampled_from("aeéñkst tz-' 5½ кофе قهوة コー 커피 ᄏ\u1165 दूध้\u0301"), max_size=30
)
worded = st.text(st.sampled_from("abcdefghijklmnopqrstuvwxyz '-07"), max_size=40)
queries = st.one_of(anything, scripts, worded)
# Surely with a word that may change.
alphabets = (
    "abcdefghijklmnopqrstuvwxyz",
    "éñüßaøt",
    "кофейник",
    "カップ커피포트",
    "दूधताज़ा",
    "قهوة",
)
long_words = st.sampled_from(alphabets).flatmap(
    lambda alphabet: st.text(st.sampled_from(alphabet), min_size=8, max_size=12)
)
long_queries = st.builds("{} {}".format, long_words, worded)
english = st.builds("{} {}".format, st.text(st.sampled_from(alphabets[0]), min_size=6), worded)
other_scripts = st.lists(
    st.sampled_from(alphabets[2:]).flatmap(lambda one: st.text(st.sampled_from(one), min_size=7)),
    min_size=1,
    max_size=3,
).map(" ".join)
seeds = st.integers(0, 2**32)


def letters(text):
    """Characters with their marks, written a second time."""
    found = ""
    for character in text:
        marks = unicodedata.category(character).startswith("M")
        found += character if marks and found else f"\0{character}"
    return found.split("\0")[1:]


def distance(one, other):
    """Edits between two sequences, a swap of neighbours being one (optimal string alignment)."""
    rows = [[max(i, j) if not i or not j else 0 for j in range(len(other) + 1)]
            for i in range(len(one) + 1)]  # fmt: skip
    for i in range(1, len(one) + 1):
        for j in range(1, len(other) + 1):
            rows[i][j] = min(
                rows[i - 1][j] + 1,
                rows[i][j - 1] + 1,
                rows[i - 1][j - 1] + (one[i - 1] != other[j - 1]),
            )
            if i > 1 and j > 1 and one[i - 1] == other[j - 2] and one[i - 2] == other[j - 1]:
                rows[i][j] = min(rows[i][j], rows[i - 2][j - 2] + 1)
    return rows[-1][-1]


def changed_word(query, variant):
    """The word that differs, before and after; fails unless exactly one does."""
    before, after = normalise(query).split(" "), variant.split(" ")
    assert len(before) == len(after)
    different = [pair for pair in zip(before, after, strict=True) if pair[0] != pair[1]]
    assert len(different) == 1
    return different[0]


@settings(max_examples=300, deadline=None)
@given(st.one_of(queries, long_queries), seeds)
@example("2x4 12oz 4k", 1)
@example("\u1100 \u1161 \ud800", 1)
def test_a_variant_is_another_normalised_query_with_one_word_changed(query, seed):
    variant = misspelt(query, seed)
    assert variant == misspelt(query, seed), "the same by seed"
    assert variant == misspelt(normalise(query), seed), "whatever form it came in"
    if variant is None:
        return
    assert variant
    assert variant != normalise(query)
    assert variant == normalise(variant)
    before, after = changed_word(query, variant)
    assert not any(unicodedata.category(character)[0] == "N" for character in before)
    assert any(character.isalpha() for character in after)


@pytest.mark.parametrize("name", [name for name in BY_NAME if name != "sounds_alike"])
@settings(max_examples=100, deadline=None)
@given(english, seeds)
def test_keys_and_hands_make_one_edit(name, query, seed):
    variant = misspelt(query, seed, [BY_NAME[name]])
    assume(variant is not None)
    before, after = map(letters, changed_word(query, variant))
    assert distance(before, after) == 1
    assert len(after) - len(before) == {"left_out": -1, "put_in": 1}.get(name, 0)
    if name == "swapped":
        assert sorted(after) == sorted(before)
    if name == "wrong_key":
        (right, wrong), *more = (
            pair for pair in zip(before, after, strict=True) if len(set(pair)) > 1
        )
        assert not more
        assert wrong in neighbours(QWERTY)[right]


@settings(max_examples=100, deadline=None)
@given(english, seeds)
def test_what_sounds_alike_is_one_of_the_documented_spellings(query, seed):
    variant = misspelt(query, seed, [BY_NAME["sounds_alike"]])
    assume(variant is not None)
    before, after = changed_word(query, variant)
    assert after in [other for at in range(len(before)) for other in sounding_alike(before, at)]


@settings(max_examples=100, deadline=None)
@given(other_scripts, seeds)
def test_other_scripts_lose_or_swap_letters_and_gain_none(query, seed):
    variant = misspelt(query, seed)
    assume(variant is not None)
    before, after = map(letters, changed_word(query, variant))
    assert distance(before, after) == 1
    assert not set(after) - set(before)
    assert len(after) == len(before) - 1 or sorted(after) == sorted(before)


words = st.text(st.sampled_from("abcdefghijklmnop"), min_size=1, max_size=8)
graded_queries = st.dictionaries(
    st.lists(words, min_size=1, max_size=3).map(" ".join),
    st.dictionaries(st.integers(0, 9), st.integers(0, 2), min_size=1, max_size=4),
    max_size=12,
)


@settings(max_examples=100, deadline=None)
@given(graded_queries, st.floats(0, 1), seeds, st.data())
def test_originals_stay_and_variants_repeat_a_judged_list(graded, share, seed, data):
    found = misspelt_queries(graded, share, seed)
    assert dict(list(found.items())[: len(graded)]) == graded
    origin = variants_of(graded, share, seed)
    assert found.keys() - graded.keys() == origin.keys()
    for variant, query in origin.items():
        assert found[variant] == graded[query]
        changed_word(query, variant)
    assert len(set(origin.values())) == len(origin), "one variant a query"
    if origin:
        known = data.draw(st.sampled_from(sorted(origin)))
        assert known not in variants_of(graded, share, seed, {known})


@settings(max_examples=50, deadline=None)
@given(graded_queries, seeds, words)
def test_a_querys_variant_does_not_depend_on_the_other_queries(graded, seed, more):
    asked = {*graded, more}
    alone = {query: variant for q in asked for variant, query in variants_of([q], 1, seed).items()}
    together = {query: variant for variant, query in variants_of(asked, 1, seed).items()}
    assert together.items() <= alone.items()
    dropped = {alone[query] for query in alone.keys() - together.keys()}
    assert dropped <= {*asked, *together.values()}, "for the sake of another query only"


@pytest.mark.parametrize("share", [0.3, 0.4, 0.5])
def test_the_share_that_is_kept_lies_within_binomial_bounds(share):
    names = [f"{first}er {last}ing" for first in _stems(60) for last in _stems(40)]
    kept = len(variants_of(names, share, 7))
    assert abs(kept - share * len(names)) < 4 * sqrt(len(names) * share * (1 - share))


def test_no_share_adds_nothing_and_a_whole_one_nearly_all():
    names = {f"{first} kettle": {1: 2} for first in _stems(30)}
    assert misspelt_queries(names, 0, 1) == names
    assert len(misspelt_queries(names, 1, 1)) == 2 * len(names)


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_a_share_is_a_share(share):
    with pytest.raises(TrainingError, match="share of misspelt queries is out of range"):
        misspelt_queries({"kettle": {1: 2}}, share, 1)


def test_short_words_are_rarely_touched():
    short = sum(misspelt("tv", seed) is not None for seed in range(2000))
    assert abs(short - 2000 * SHORT_CHANCE) < 4 * sqrt(2000 * SHORT_CHANCE)
    beside = sum(misspelt("tv stand", seed).endswith(" stand") for seed in range(2000))
    assert beside < 2000 * SHORT_CHANCE
    assert LEAST_LETTERS == 4


@pytest.mark.parametrize("query", ["", " ", "42", "4k", "x", "1.5l 500gb a2", "½", "!!!", "🍵"])
def test_some_queries_can_only_be_spelt_right(query):
    assert all(misspelt(query, seed) is None for seed in range(50))


def test_slips_are_met_as_often_as_their_weights_say():
    """`plant` has nothing that sounds alike, so the other weights share the whole."""
    assert not any(sounding_alike("plant", place) for place in range(5))
    found = [misspelt("plant", seed) for seed in range(2000)]
    whole = sum(slip.weight for slip in SLIPS if slip.name != "sounds_alike")
    for name, length in (("left_out", 4), ("put_in", 6)):
        share = BY_NAME[name].weight / whole
        met = sum(len(variant) == length for variant in found)
        assert abs(met - 2000 * share) < 4 * sqrt(2000 * share * (1 - share))
    assert sum(variant[0] != "p" for variant in found) < 2000 / 5, "the first letter is safer"


@pytest.mark.parametrize(
    ("word", "others"),
    [
        ("phone", {"fone"}),
        ("coffee", {"koffee", "cofee"}),
        ("receipt", {"reciept", "reseipt"}),
        ("ceiling", {"cieling", "seiling"}),
        ("knife", {"nife"}),
        ("accommodate", {"acommodate", "accomodate"}),
        ("calendar", {"kalendar", "callendar"}),
        ("wrench", {"rench"}),
        ("cushions", {"kushions"}),
        ("portable", {"portible"}),
        ("batteries", {"bateries", "battereis"}),
        ("milk", {"mylk"}),
    ],
)
def test_spellings_that_sound_alike(word, others):
    found = {other for at in range(len(word)) for other in sounding_alike(word, at)}
    assert others <= found
    assert word not in found


def test_neighbouring_keys_are_mutual_and_those_of_the_layout():
    near = neighbours(QWERTY)
    assert set(near) == set("abcdefghijklmnopqrstuvwxyz")
    assert all(key in near[other] for key, others in near.items() for other in others)
    assert (set(near["g"]), set(near["q"]), set(near["p"])) == (set("fhtyvb"), set("wa"), set("ol"))
    assert neighbours((("ab", 0.0), ("c", 0.5))) == {"a": "bc", "b": "ac", "c": "ab"}


def _stems(count):
    consonants, vowels = "bcdfghjklmnprstv", "aeiou"
    return [
        f"{consonants[at % 16]}{vowels[at % 5]}{consonants[at // 16 * 3 % 16]}{vowels[at % 3]}nt"
        for at in range(count)
    ]
