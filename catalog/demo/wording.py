"""Wishes in a shopper's words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random

from catalog.demo.noise import misheard, slip
from catalog.demo.spellings import spellings
from catalog.demo.wishes import Wish

# Axes whose values mostly stand before the noun.
_BEFORE = frozenset(
    ("flavour", "colour", "material", "scent", "diet", "fit", "formula", "season", "finish")
)
_OCCASIONS = frozenset((
    "baby shower", "housewarming", "holiday gift", "birthday party", "new parents", "wedding",
    "new puppy", "new kitten", "new homeowners", "graduation",
))  # fmt: skip
_OTHER_SPELLING = 0.25
_MISSPELLABLE = 4  # letters


def worded(wish: Wish, rng: Random, *, name: str = "") -> str:
    """The wish as a query. `name` stands in for the type's own name (a synonym)."""
    if wish.use:
        return _use(wish, rng)
    return _thing(wish, name or (wish.kind.name if wish.kind else wish.label), rng)


def synonym(wish: Wish, rng: Random) -> str:
    """Another name for the type asked for; empty if it has none."""
    return rng.choice(wish.kind.synonyms) if wish.kind and wish.kind.synonyms else ""


def misspelt(query: str, rng: Random) -> str:
    """The query with one slip, in two of ten also a second, of the keys, the ear or the space."""
    for _ in range(2 if rng.random() < 0.2 else 1):
        query = rng.choice(_ERRORS)(query, rng)
    return query


def _thing(wish: Wish, name: str, rng: Random) -> str:
    own = wish.kind is not None and name == wish.kind.name
    noun = _numbered(name.lower(), rng) if own else name
    before: list[str] = []
    after: list[str] = []
    for axis, value in wish.intent.attributes:
        (before if _leads(axis, value, rng) else after).append(_value(value, rng))
    words = [*before, noun, *after]
    if wish.intent.brand:
        words.insert(0 if rng.random() < 0.75 else len(words), wish.intent.brand.lower())
    if wish.cheap:
        words.insert(0, rng.choice(("cheap", "cheap", "affordable", "budget")))
    elif wish.intent.max_price is not None:
        amount = f"{wish.intent.max_price:g}"
        form = rng.choice(("under ${}", "under {}", "less than ${}", "below {} dollars"))
        words.append(form.format(amount))
    elif len(words) == 1 and rng.random() < 0.12:
        words.insert(0, rng.choice(("best", "buy", "good")))
    return _typed(" ".join(words), rng)


def _use(wish: Wish, rng: Random) -> str:
    occasion = wish.use in _OCCASIONS
    name = wish.kind.name if wish.kind else wish.label
    if not name:
        forms = _FOR_ALL_GIFTS if occasion else _FOR_ALL
        return _typed(rng.choice(forms).format(use=wish.use.removesuffix(" gift")), rng)
    noun = name.lower().replace(" & ", rng.choice((" and ", " & ", " ")))
    if wish.kind:
        noun = _numbered(noun, rng)
    if wish.kind and occasion and rng.random() < 0.6:
        form = rng.choice(("{noun} gift for {use}", "{noun} {use} gift", "{use} gift {noun}"))
        return _typed(form.format(use=wish.use.removesuffix(" gift"), noun=noun), rng)
    form = rng.choice(("{noun} for {use}", "{noun} for {use}", "{use} {noun}"))
    return _typed(form.format(use=wish.use, noun=noun), rng)


_FOR_ALL = ("{use} essentials", "things for {use}", "what to get for {use}", "{use}")
_FOR_ALL_GIFTS = ("gift for {use}", "{use} gift", "{use} gift ideas", "{use} present")


def _leads(axis: str, value: str, rng: Random) -> bool:
    if value.startswith(("for ", "with ", "no ")) or value[0].isdigit():
        return rng.random() < 0.15
    return rng.random() < (0.8 if axis in _BEFORE else 0.35)


def _value(value: str, rng: Random) -> str:
    others = spellings(value)
    if others and rng.random() < _OTHER_SPELLING:
        return rng.choice(others).lower()
    return value


def _numbered(noun: str, rng: Random) -> str:
    """The noun, in four of ten queries in the plural."""
    if rng.random() > 0.4 or noun.endswith(("s", "wear", "set", "'s")) or " for " in noun:
        return noun
    head, _, last = noun.rpartition(" ")
    if last in _UNCOUNTED:
        return noun
    if last.endswith(("ch", "sh", "x")):
        plural = last + "es"
    elif last.endswith("y") and last[-2:-1] not in set("aeiou"):
        plural = last[:-1] + "ies"
    elif last.endswith("fe"):
        plural = last[:-2] + "ves"
    elif last.endswith("mouse"):
        plural = last[:-5] + "mice"
    else:
        plural = last + "s"
    return f"{head} {plural}".strip()


_UNCOUNTED = frozenset((
    "milk", "water", "cola", "juice", "coffee", "tea", "butter", "oil", "rice", "oatmeal",
    "granola", "spaghetti", "yogurt", "cheese", "beef", "cilantro", "food", "litter", "jam",
    "shampoo", "detergent", "softener", "soap", "paper", "powder", "dough", "soil", "cream",
    "sunscreen", "toothpaste", "mouthwash", "repellent", "polish", "lotion", "conditioner",
))  # fmt: skip


def _typed(query: str, rng: Random) -> str:
    """Most people type small letters; some phones do not."""
    chance = rng.random()
    if chance < 0.03:
        return query[:1].upper() + query[1:]
    return query.title().replace("'S", "'s") if chance < 0.05 else query


def _keys(query: str, rng: Random) -> str:
    return _in_a_word(query, rng, slip)


def _ear(query: str, rng: Random) -> str:
    heard = _in_a_word(query, rng, misheard)
    return heard if heard != query else _keys(query, rng)


def _space(query: str, rng: Random) -> str:
    """Two words run together."""
    words = query.split(" ")
    if len(words) < 2:
        return _keys(query, rng)
    place = rng.randrange(1, len(words))
    return " ".join([*words[: place - 1], words[place - 1] + words[place], *words[place + 1 :]])


def _in_a_word(query: str, rng: Random, change: Callable[[str, Random], str]) -> str:
    words = query.split(" ")
    places = [i for i, w in enumerate(words) if len(w) >= _MISSPELLABLE and w.isalpha()]
    if not places:
        return query
    place = rng.choice(places)
    words[place] = change(words[place], rng)
    return " ".join(words)


_ERRORS = (_keys, _keys, _keys, _ear, _ear, _space)
KIND_SHARES: Mapping[str, float] = {
    "type": 0.12,
    "type_attribute": 0.22,
    "brand_type": 0.12,
    "use_case": 0.12,
    "synonym": 0.14,
    "long_tail": 0.16,
    "misspelt": 0.12,
}
