"""The shop's queries: drawn, worded, parted into three sets of different intents, counted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from random import Random

from catalog.demo.policy import Intent
from catalog.demo.wishes import Desires, Wish
from catalog.demo.wording import KIND_SHARES, misspelt, synonym, worded
from catalog.errors import CatalogError
from catalog.text import normalise

SPLITS = ("train", "calibration", "test")
FREQUENCY_SLOPE = 1.0  # frequency falls as rank ** -slope
_MOST_FREQUENT = 100_000
_MISSES = 200  # draws in a row of a set's own intents without a new query: the kind ran out
# How early a kind comes among the frequent queries: smaller is more frequent. Ours.
_HEAD = {
    "type": 1.0,
    "brand_type": 1.6,
    "type_attribute": 2.0,
    "use_case": 2.4,
    "synonym": 2.4,
    "misspelt": 3.5,
    "long_tail": 4.5,
}


@dataclass(frozen=True)
class DemoQuery:
    """A query, what it means, how often it is asked (Zipf) and to which set it belongs."""

    text: str
    kind: str
    intent: Intent
    split: str
    frequency: int


@dataclass(frozen=True)
class _Draft:
    text: str
    kind: str
    intent: Intent
    split: str


def make_queries(desires: Desires, counts: Mapping[str, int], rng: Random) -> list[DemoQuery]:
    """As many queries for each split as `counts` says, frequent ones first.

    Splits differ in normalised text and in intent too: a query, its synonym, its misspelling and
    its other word orders lie on the same side, so a held-out query asks for what no query of
    another split asks for. A kind that runs out leaves its share to the others.

    Raises:
        CatalogError: the shop does not yield that many different queries.

    """
    drafts = _Drafts(desires, counts, rng)
    for split in sorted(SPLITS, key=lambda split: counts[split]):  # scarce ones choose first
        for kind, share in KIND_SHARES.items():
            drafts.draw(split, kind, round(share * counts[split]))
        drafts.fill(split)
    return _with_frequencies(drafts.accepted, rng)


class _Drafts:
    """Queries accepted so far; every intent is bound to one split by the seed of `rng`."""

    def __init__(self, desires: Desires, counts: Mapping[str, int], rng: Random) -> None:
        self._desires, self._counts, self._rng = desires, counts, rng
        self._split_of: dict[tuple[object, ...], str] = {}
        self._seen: set[str] = set()
        self.accepted: list[_Draft] = []
        self._held = dict.fromkeys(SPLITS, 0)

    def draw(self, split: str, kind: str, wanted: int) -> int:
        """Accept up to `wanted` more queries of a kind, and no more than the split may hold."""
        wanted = min(wanted, self._counts[split] - self._held[split])
        patience = round(_MISSES * sum(self._counts.values()) / self._counts[split])
        found = missed = 0
        while found < wanted and missed < patience:
            missed += 1
            text, intent = _query(self._desires, kind, self._rng)
            if self._fits(text, intent, split):
                self.accepted.append(_Draft(text, kind, intent, split))
                self._held[split] += 1
                found, missed = found + 1, 0
        return found

    def fill(self, split: str) -> None:
        """Draw what kinds that ran out left open. Raises CatalogError when nothing is left."""
        while missing := self._counts[split] - self._held[split]:
            kinds = ("type_attribute", "long_tail", "misspelt")
            if not sum(self.draw(split, kind, -(-missing // len(kinds))) for kind in kinds):
                raise CatalogError(
                    f"the shop yields too few different queries for {split}",
                    expected=str(self._counts[split]),
                    found=str(self._held[split]),
                    hint="Ask for fewer queries or for more products.",
                )

    def _fits(self, text: str, intent: Intent, split: str) -> bool:
        form = normalise(text)
        if not form or form in self._seen or self._home(intent) != split:
            return False
        self._seen.add(form)
        return True

    def _home(self, intent: Intent) -> str:
        if intent.key not in self._split_of:
            weights = [self._counts[split] for split in SPLITS]
            self._split_of[intent.key] = self._rng.choices(SPLITS, weights)[0]
        return self._split_of[intent.key]


def _query(desires: Desires, kind: str, rng: Random) -> tuple[str, Intent]:
    """A query of a kind and its intent; an empty text when this draw gave none."""
    if kind == "misspelt":
        base = rng.choices(_KINDS, _WEIGHTS)[0]
        text, intent = _query(desires, base, rng)
        wrong = misspelt(text, rng) if text else ""
        return ("" if normalise(wrong) == normalise(text) else wrong), intent
    wish = _wish(desires, kind, rng)
    if kind != "synonym":
        return worded(wish, rng), wish.intent
    name = synonym(wish, rng)
    return (worded(wish, rng, name=name) if name else ""), wish.intent


_KINDS = [kind for kind in KIND_SHARES if kind != "misspelt"]
_WEIGHTS = [KIND_SHARES[kind] for kind in _KINDS]


def _wish(desires: Desires, kind: str, rng: Random) -> Wish:
    if kind == "type":
        return desires.for_type(rng)
    if kind == "brand_type":
        return desires.for_brand(rng)
    if kind == "use_case":
        return desires.for_use(rng)
    if kind == "long_tail":
        return desires.long_tail(rng)
    if kind == "synonym" and rng.random() < 0.5:
        return desires.for_type(rng)
    return desires.for_attributes(rng, 1)


def _with_frequencies(drafts: list[_Draft], rng: Random) -> list[DemoQuery]:
    ranked = sorted(drafts, key=lambda draft: _HEAD[draft.kind] * rng.random())
    return [
        DemoQuery(draft.text, draft.kind, draft.intent, draft.split, frequency)
        for draft, frequency in zip(ranked, zipf(len(ranked)), strict=True)
    ]


def zipf(count: int) -> Iterator[int]:
    """Frequencies of ranks 1, 2, …: whole numbers from 1."""
    return (max(1, round(_MOST_FREQUENT / rank**FREQUENCY_SLOPE)) for rank in range(1, count + 1))
