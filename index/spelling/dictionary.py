"""What the shop's words are and how common: the source of the noisy channel."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import log
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from catalog.errors import BundleError
from index.spelling.deletions import Deletions
from index.spelling.letters import Letters

WORDS_FILE, WEIGHTS_FILE = "words.json", "weights.npy"
PAIRS_FILE, COUNTS_FILE = "pairs.npy", "counts.npy"
LETTERS_FILE, LOGGED_FILE = "letters.json", "logged.json"
_CONTEXT = 0.5  # share of a word's chance that its neighbours decide


@dataclass(frozen=True, eq=False)
class Dictionary:
    """The catalogue's words by number, ascending, and how they stand beside each other.

    `weights` (words,) float32 are counts of use, 0 or more; `trusted` words are never corrected.
    `pairs` (pairs,) int64 ascending are `lower · words + higher` of two words that stand close in
    products or queries, `counts` how often. `logged` are words that only queries use, with weights.
    """

    words: Mapping[str, int]
    weights: NDArray[np.float32]
    trusted: frozenset[str]
    pairs: NDArray[np.int64]
    counts: NDArray[np.int32]
    logged: Mapping[str, float]
    letters: Letters
    deletions: Deletions
    total: float

    @cached_property
    def names(self) -> list[str]:
        """The words in order of their numbers."""
        return list(self.words)

    def near(self, typed: str, slips: int) -> list[str]:
        """Words of the catalogue that may lie within one or two slips, most of them do."""
        numbers = self.deletions.near(typed, slips)
        names = self.names
        return [names[number] for number in dict.fromkeys(numbers)]

    def share(self, word: str) -> float:
        """Chance that a word of a query is this one, 0 for one never seen."""
        number = self.words.get(word)
        weight = self.logged.get(word, 0.0) if number is None else float(self.weights[number])
        return weight / self.total

    def beside(self, word: str, other: str) -> int:
        """How often two words stand close to each other; 0 when one is not in the catalogue."""
        first, second = self.words.get(word), self.words.get(other)
        if first is None or second is None:
            return 0
        key = min(first, second) * len(self.words) + max(first, second)
        at = int(self.pairs.searchsorted(key))
        return int(self.counts[at]) if at < len(self.pairs) and self.pairs[at] == key else 0

    def chance(self, word: str, neighbours: Sequence[str]) -> float:
        """Natural logarithm of the chance of a known word beside these neighbours."""
        alone = self.share(word)
        best = alone
        for other in neighbours:
            together = self.beside(word, other)
            if together:
                given = together / (1.0 + float(self.weights[self.words[other]]))
                best = max(best, _CONTEXT * min(1.0, given) + (1.0 - _CONTEXT) * alone)
        return log(best)

    def save(self, directory: Path) -> None:
        """Write the dictionary into a new directory."""
        directory.mkdir(parents=True)
        trusted = [int(word in self.trusted) for word in self.words]
        _dump(directory / WORDS_FILE, {"words": list(self.words), "trusted": trusted})
        _dump(directory / LETTERS_FILE, self.letters.record())
        _dump(directory / LOGGED_FILE, {"weights": dict(self.logged), "total": self.total})
        np.save(directory / WEIGHTS_FILE, self.weights)
        np.save(directory / PAIRS_FILE, self.pairs)
        np.save(directory / COUNTS_FILE, self.counts)
        self.deletions.save(directory)

    @classmethod
    def load(cls, directory: Path) -> Dictionary:
        """Map what `save` wrote. Raises BundleError when it cannot be read."""
        try:
            listed = json.loads((directory / WORDS_FILE).read_text())
            logged = json.loads((directory / LOGGED_FILE).read_text())
            words = {word: number for number, word in enumerate(listed["words"])}
            weights, pairs, counts = (
                np.asarray(np.load(directory / name, mmap_mode="r"))
                for name in (WEIGHTS_FILE, PAIRS_FILE, COUNTS_FILE)
            )
            if len(weights) != len(words) or len(pairs) != len(counts):
                raise ValueError("the sizes of its files disagree")
            flags = zip(words, listed["trusted"], strict=True)
            return cls(
                words,
                weights,
                frozenset(word for word, flag in flags if flag),
                pairs,
                counts,
                logged["weights"],
                Letters.from_record(json.loads((directory / LETTERS_FILE).read_text())),
                Deletions.load(directory),
                float(logged["total"]),
            )
        except (OSError, ValueError, KeyError, TypeError, EOFError) as error:
            raise BundleError(
                f"the spelling dictionary cannot be read: {error}",
                where=directory,
                hint="Build the index again.",
            ) from error


NOTHING = Dictionary(
    {},
    np.empty(0, np.float32),
    frozenset(),
    np.empty(0, np.int64),
    np.empty(0, np.int32),
    {},
    Letters({}, {}, 0),
    Deletions.of([]),
    1.0,
)


def _dump(path: Path, body: object) -> None:
    path.write_text(json.dumps(body, ensure_ascii=False) + "\n", encoding="utf-8")
