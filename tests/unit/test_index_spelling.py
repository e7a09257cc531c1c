from __future__ import annotations

from itertools import product
from string import ascii_lowercase

import pytest

from catalog.errors import BundleError
from catalog.model import Product
from catalog.slips import with_a_slip
from index.budgets import OverBudget
from index.lexical_build import LexicalBuilder
from index.spelling.build import learn
from index.spelling.deletions import Deletions
from index.spelling.dictionary import Dictionary
from index.spelling.letters import Letters
from index.spelling.slips import IMPOSSIBLE, channel
from index.spelling.speller import Speller
from index.words.settings import NAMING

KINDS = ("kettle", "toaster", "blender", "mattress", "keyboard", "headphones", "backpack")
BRANDS = ("Samsonite", "Yeti", "Näsby", "Garmin")
SHOP = [
    Product(
        f"{number}",
        f"{brand} {colour} {kind} with storage bag XR-{number}",
        brand,
        ("Home", kind.title()),
        description=f"Durable {kind}, dishwasher safe, made for every day.",
    )
    for number, (brand, colour, kind) in enumerate(
        product(BRANDS, ("white", "black", "green"), KINDS)
    )
]


@pytest.fixture(scope="module")
def shop():
    builder = LexicalBuilder(learn=lambda corpus: corpus.learn(NAMING))
    for one in SHOP:
        builder.add(one)
    return builder, builder.build()


@pytest.fixture(scope="module")
def dictionary(shop):
    builder, index = shop
    return learn(builder.corpus, index.analyser, [("wireless speaker", 40.0), ("ipad", 30.0)])


@pytest.fixture(scope="module")
def speller(shop, dictionary):
    return Speller.over(dictionary, shop[1])


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("kettel", "kettle"),
        ("white mattresss", "white mattress"),
        ("green hedphones", "green headphones"),
        ("backpak garmin", "backpack garmin"),
        ("garmn bag", "garmin bag"),
        ("samsonit bag", "samsonit bag"),  # the same stem: found as it is
        ("storagebag", "storage bag"),
        ("key bord", "key bord"),
        ("dish washr safe", "dish washr safe"),
        ("toster, white!", "toaster, white!"),
        ("bleck toaster", "black toaster"),
        ("head fones", "head fones"),
        ("head phones keybord", "headphones keyboard"),
        # No product has the plural of the one, nor the singular of the other.
        ("white toasterss", "white toasters"),
        ("green blendres", "green blenders"),
        ("keyboadrs, black", "keyboards, black"),
        ("hedphone", "headphone"),
    ],
)
def test_slips_are_mended(speller, typed, read):
    text, corrections = speller.correct(typed)
    assert text == read
    mended = typed
    for correction in corrections:
        mended = mended.replace(correction.typed, correction.meant, 1)
    assert mended == read
    assert bool(corrections) == (typed != read)


@pytest.mark.parametrize(
    "typed",
    [
        "kettle",
        "kettles",
        "samsonite",
        "xr-12",
        "kettel500",
        "kettel-500",
        "ipad",
        "qzvwk",
        "xq zt vb",
        "bag",
        "🙂",
        "緑茶",
        "قهوة",
        "zzz yyyy kettel qqqqqq wwwww",
        " ".join(f"kettel{letter}" for letter in ascii_lowercase),
        "",
    ],
)
def test_what_is_known_or_hopeless_stays(speller, typed):
    assert speller.correct(typed) == (typed, ())


def test_a_space_too_many_is_taken_out(speller):
    assert speller.correct("tooaster matt ress")[0] == "toaster mattress"


def test_a_correction_over_its_budget_is_given_up_and_not_kept(speller):
    with pytest.raises(OverBudget):
        speller.correct("tooaster matress", 0.0)
    assert speller.correct("tooaster matress")[0] == "toaster mattress"
    assert speller.correct("tooaster matress", 0.0)[0] == "toaster mattress"  # that is known now
    assert speller.correct("kettle", 0.0) == ("kettle", ())


def test_the_oldest_corrections_are_forgotten(shop, dictionary, monkeypatch):
    monkeypatch.setattr("index.spelling.speller._CACHE", 2)
    speller = Speller.over(dictionary, shop[1])
    for typed in ("tooaster", "matress", "keybord"):
        speller.correct(typed)
    assert list(speller._kept) == ["matress", "keybord"]


def test_without_a_dictionary_everything_stays(shop):
    assert Speller.over(None, shop[1]).correct("kettel") == ("kettel", ())


def test_a_dictionary_survives_its_files(shop, dictionary, speller, tmp_path):
    dictionary.save(tmp_path / "spelling")
    again = Speller.over(Dictionary.load(tmp_path / "spelling"), shop[1])
    for one in SHOP[::7]:
        typed = with_a_slip(one.title, 3) or one.title
        assert again.correct(typed) == speller.correct(typed)
    (tmp_path / "spelling" / "pairs.npy").write_bytes(b"")
    with pytest.raises(BundleError, match=r"spelling dictionary.*Build the index again"):
        Dictionary.load(tmp_path / "spelling")


def test_the_same_catalogue_gives_the_same_files(shop, dictionary, tmp_path):
    builder, index = shop
    dictionary.save(tmp_path / "one")
    again = learn(builder.corpus, index.analyser, [("ipad", 30.0), ("wireless speaker", 40.0)])
    again.save(tmp_path / "two")
    for path in sorted((tmp_path / "one").iterdir()):
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes(), path.name


@pytest.mark.parametrize(
    ("likelier", "less", "meant"),
    [
        ("kettel", "kettsle", "kettle"),  # neighbours swapped, a letter of nowhere put in
        ("kerttle", "keqttle", "kettle"),  # the key beside, a key far off
        ("ketle", "kttle", "kettle"),  # half of a double left out
        ("kettla", "kettlq", "kettle"),  # a vowel for a vowel
        ("kertle", "lettle", "kettle"),  # the first letter is seldom wrong
        ("kettl", "kttl", "kettle"),  # one slip, two
    ],
)
def test_likelier_slips_are_likelier(likelier, less, meant):
    assert 0.0 > channel(likelier, meant) > channel(less, meant) > IMPOSSIBLE


def test_more_than_two_slips_are_out_of_reach():
    assert channel("ktl", "kettle") == IMPOSSIBLE
    assert channel("kettle", "kettle") == 0.0


def edits(word: str, letters: str) -> set[str]:
    found = {word[:at] + word[at + 1 :] for at in range(len(word))}
    found |= {word[:at] + x + word[at:] for at in range(len(word) + 1) for x in letters}
    found |= {word[:at] + x + word[at + 1 :] for at in range(len(word)) for x in letters}
    swaps = range(len(word) - 1)
    return found | {word[:at] + word[at + 1] + word[at] + word[at + 2 :] for at in swaps}


def test_every_word_within_one_slip_is_found_and_has_a_chance():
    words = ["abab", "abba", "kettles", "kettle", "a" * 30]
    table = Deletions.of(words)
    for number, word in enumerate(words[:4]):
        for typed in edits(word, "abk"):
            assert number in table.near(typed, 1)
            assert channel(typed, word) > IMPOSSIBLE


def slips_between(first: str, second: str) -> int:
    """Edits, a swap of neighbours being one (optimal string alignment)."""
    rows = [[max(i, j) if not i or not j else 0 for j in range(len(second) + 1)]
            for i in range(len(first) + 1)]  # fmt: skip
    for i in range(1, len(first) + 1):
        for j in range(1, len(second) + 1):
            rows[i][j] = min(
                rows[i - 1][j] + 1,
                rows[i][j - 1] + 1,
                rows[i - 1][j - 1] + (first[i - 1] != second[j - 1]),
            )
            if i > 1 and j > 1 and first[i - 2 : i] == second[j - 2 : j][::-1]:
                rows[i][j] = min(rows[i][j], rows[i - 2][j - 2] + 1)
    return rows[-1][-1]


def test_every_long_word_within_two_slips_is_found_and_has_a_chance():
    table = Deletions.of(["kettles"])
    typed = {twice for once in edits("kettles", "e") for twice in edits(once, "s")}
    for text in sorted(typed | {f"{text}k" for text in sorted(typed)[::5]}):
        if slips_between(text, "kettles") <= 2:
            assert channel(text, "kettles") > IMPOSSIBLE, text
            assert 0 in table.near(text, 2), text


def test_words_look_likelier_than_noise():
    letters = Letters.learn(one.title.lower().split()[2] for one in SHOP)
    assert letters.chance("keyble") > letters.chance("qxzvwk")
    again = Letters.from_record(letters.record())
    assert again.chance("keyble") == pytest.approx(letters.chance("keyble"), abs=1e-3)
