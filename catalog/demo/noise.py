"""How listings go wrong: spellings, shouting, marketing, slips of the keyboard."""

from __future__ import annotations

from random import Random

from catalog.demo.spellings import spellings

# Shares of products, ours: frequent enough to be met, rare enough to stay noise.
OTHER_SPELLING = 0.30
SHOUTED_BRAND = 0.06
NO_BRAND = 0.10
MARKETING = 0.08
TYPO = 0.012
SYNONYM_AS_NAME = 0.06
LEFT_OUT = 0.12
_ABBREVIATIONS = (
    (" with ", " w/ "),
    (" and ", " & "),
    ("Package", "Pkg"),
    ("Stainless Steel", "SS"),
    ("Assorted", "Asst"),
    ("Organic", "Org"),
)
_ALL_CAPITALS = frozenset((
    "us", "xs", "s", "m", "l", "xl", "tv", "usb", "spf", "tpe", "pvc", "hd", "aa", "aaa", "uv",
    "pc", "bbq", "oj", "evoo",
))  # fmt: skip
_NEIGHBOURS = {
    "a": "sq", "b": "vn", "c": "xv", "d": "sf", "e": "wr", "f": "dg", "g": "fh", "h": "gj",
    "i": "uo", "j": "hk", "k": "jl", "l": "k", "m": "n", "n": "bm", "o": "ip", "p": "o",
    "q": "wa", "r": "et", "s": "ad", "t": "ry", "u": "yi", "v": "cb", "w": "qe", "x": "zc",
    "y": "tu", "z": "x",
}  # fmt: skip
_SOUNDS = (
    ("ph", "f"), ("ie", "ei"), ("ei", "ie"), ("ck", "k"), ("ough", "off"), ("tion", "shun"),
    ("er", "or"), ("ea", "ee"), ("ai", "ay"), ("c", "k"), ("s", "z"), ("i", "y"), ("a", "e"),
)  # fmt: skip


def spelt(value: str, rng: Random) -> str:
    """An attribute value as one seller writes it: now and then another spelling."""
    if rng.random() < OTHER_SPELLING and (others := spellings(value)):
        return rng.choice(others)
    return value


def capitals(value: str) -> str:
    """A value with capitals, units after a number as they are: `Dark Roast`, `12 oz`, `US 7`."""
    if value[0].isdigit():
        return value
    return " ".join(
        word.upper() if word in _ALL_CAPITALS else word[:1].upper() + word[1:]
        for word in value.split()
    )


def slip(word: str, rng: Random) -> str:
    """One slip in a word of at least two letters: swap, drop, double, neighbour key."""
    place = rng.randrange(1, len(word))
    kind = rng.randrange(4)
    if kind == 0:
        return word[: place - 1] + word[place] + word[place - 1] + word[place + 1 :]
    if kind == 1:
        return word[:place] + word[place + 1 :]
    if kind == 2:
        return word[:place] + word[place] + word[place:]
    return word[:place] + rng.choice(_NEIGHBOURS.get(word[place], word[place])) + word[place + 1 :]


def misheard(word: str, rng: Random) -> str:
    """A word written as it sounds; the word itself when nothing in it sounds alike."""
    fitting = [pair for pair in _SOUNDS if pair[0] in word[1:]]
    if not fitting:
        return word
    groups = [pair for pair in fitting if len(pair[0]) > 1]  # the likelier mistakes
    written, heard = rng.choice(groups or fitting)
    place = word.index(written, 1)
    return word[:place] + heard + word[place + len(written) :]


def slipped(text: str, rng: Random, least: int = 4) -> str:
    """One slip in one of the words of letters of at least `least`; the text itself if none."""
    words = text.split(" ")
    places = [i for i, word in enumerate(words) if len(word) >= least and word.isalpha()]
    if places:
        place = rng.choice(places)
        words[place] = slip(words[place], rng)
    return " ".join(words)


def abbreviated(text: str, rng: Random) -> str:
    """The text with one common abbreviation if one fits."""
    fitting = [pair for pair in _ABBREVIATIONS if pair[0] in text]
    return text.replace(*rng.choice(fitting), 1) if fitting else text
