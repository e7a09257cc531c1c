"""How much a query asks for besides a kind of thing: `sofa` 0, `linen sofa` 1, `gray linen sofa` 2.

A score means something else for each: what falls short of a bare `sofa` is another thing, what
falls short of the last one is a sofa of another colour. The number hangs on the query and the
catalogue as it was built alone, so a calibration may have curves for each (`index.calibration`).
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from catalog.errors import BundleError
from catalog.model import Product
from catalog.text import normalise
from index.words.analyser import Analyser
from index.words.corpus import Corpus
from index.words.terms import QueryTerms

WISHES_FILE = "wishes.json"
MOST_WISHES = 2  # two wishes and more are one number

# A term that stands in brand or attributes of this share of its products, or more, says which.
_NAMING = 0.2
_PRICE = re.compile(r"[$€£]|\b(?:under|below|less than|cheap|affordable|budget)\b")
_LONGEST = 6  # terms of a value; longer ones are texts

Phrase = frozenset[str]


@dataclass(frozen=True)
class Wishes:
    """What the products of a catalogue are asked by.

    `things` are the categories and `values` the brands and attributes, each as its terms; `naming`
    the terms that stand in brands or attributes as a rule.
    """

    things: frozenset[Phrase]
    values: frozenset[Phrase]
    naming: frozenset[str]

    @classmethod
    def learn(cls, products: Iterable[Product], corpus: Corpus, analyser: Analyser) -> Wishes:
        """Those of a catalogue; `corpus` holds the words of the same products."""
        things, values = set[str](), set[str]()
        for product in products:
            things.update(product.category)
            values.update((product.brand, *product.attributes.values()))
        return cls(
            _phrases(things, analyser), _phrases(values, analyser), _naming(corpus, analyser)
        )

    def count(self, terms: QueryTerms, text: str) -> int:
        """How many wishes a query has, `MOST_WISHES` at most; `text` is its normalised text."""
        asked = {term for term, _ in terms.counts}
        rest = set(asked)
        for thing in _within(rest, self._things):
            if thing <= rest:
                rest -= thing
        named = _within(rest, self._values)
        sizes = any(letter.isdigit() for term in rest for letter in term)
        count = len(terms.unwanted) + (_PRICE.search(text) is not None)
        if not count and not sizes and (not named or self.naming.isdisjoint(asked)):
            return 0
        for value in named:
            if value <= rest:
                rest -= value
                count += 1
        return min(MOST_WISHES, max(1, count))

    @cached_property
    def _things(self) -> dict[str, list[Phrase]]:
        return _by_term(self.things)

    @cached_property
    def _values(self) -> dict[str, list[Phrase]]:
        return _by_term(self.values)

    def save(self, directory: Path) -> None:
        """Write `wishes.json` into `directory`."""
        body = {
            "things": sorted(map(sorted, self.things)),
            "values": sorted(map(sorted, self.values)),
            "naming": sorted(self.naming),
        }
        (directory / WISHES_FILE).write_text(json.dumps(body, ensure_ascii=False) + "\n")

    @classmethod
    def load(cls, directory: Path) -> Wishes | None:
        """Read what `save` wrote, None where there is nothing. Raises BundleError."""
        path = directory / WISHES_FILE
        if not path.exists():
            return None
        try:
            body = json.loads(path.read_text())
            things, values = (
                frozenset(map(frozenset, body[name])) for name in ("things", "values")
            )
            return cls(things, values, frozenset(body["naming"]))
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise BundleError(
                f"what products are asked by cannot be read: {error}",
                where=path,
                hint="Build the index again.",
            ) from error


def _phrases(texts: Collection[str], analyser: Analyser) -> frozenset[Phrase]:
    found = (
        frozenset(term for term, _ in analyser.query_terms(normalise(text)).counts)
        for text in texts
    )
    return frozenset(phrase for phrase in found if 0 < len(phrase) <= _LONGEST)


def _naming(corpus: Corpus, analyser: Analyser) -> frozenset[str]:
    every: defaultdict[str, int] = defaultdict(int)
    which: defaultdict[str, int] = defaultdict(int)
    fields = [name for name in ("brand", "attributes") if name in corpus.fields]
    counts = np.stack([corpus.frequencies(), corpus.frequencies(fields)], axis=1).tolist()
    for word, (all_of_them, named) in zip(corpus.words, counts, strict=True):
        for term, _ in analyser.terms_of(word):
            every[term] += all_of_them
            which[term] += named
    return frozenset(term for term, count in which.items() if count >= _NAMING * every[term] > 0)


def _by_term(phrases: Iterable[Phrase]) -> dict[str, list[Phrase]]:
    """Each phrase by its first term, in alphabetical order."""
    table: defaultdict[str, list[Phrase]] = defaultdict(list)
    for phrase in phrases:
        table[min(phrase)].append(phrase)
    return dict(table)


def _within(terms: set[str], table: dict[str, list[Phrase]]) -> list[Phrase]:
    """The phrases of which all terms are there, the longest first."""
    found = [phrase for term in terms for phrase in table.get(term, ()) if phrase <= terms]
    return sorted(found, key=lambda phrase: (-len(phrase), sorted(phrase)))
