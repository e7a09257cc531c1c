"""How much a string looks like a word of this shop: a model of three letters at a time.

Brands and names that no shop has heard of look like words; a slip often does not. The model gives
the chance of an unknown word, against which every correction has to stand.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from math import log
from typing import Any

_SHARES = (0.75, 0.2, 0.05)  # of three letters, of two, of any letter at all


class Letters:
    """Logarithms of P(letter | two before it) for what was seen, with two ways to back off."""

    def __init__(
        self, triples: Mapping[str, float], pairs: Mapping[str, float], letters: int
    ) -> None:
        self._triples, self._pairs = triples, pairs
        self._pair_share, self._any = _SHARES[1], _SHARES[2] / max(1, letters)
        self._letters = letters
        self._unseen = log(self._any)

    def chance(self, word: str) -> float:
        """Natural logarithm of the chance of `word` as one drawn from the words learnt."""
        text = f"\n\n{word}\n"
        total = 0.0
        for at in range(2, len(text)):
            known = self._triples.get(text[at - 2 : at + 1])
            if known is None:
                pair = self._pairs.get(text[at - 1 : at + 1])
                known = self._unseen if pair is None else log(self._pair_share * pair + self._any)
            total += known
        return total

    @classmethod
    def learn(cls, words: Iterable[str]) -> Letters:
        """The model of a list of words, each counted once."""
        triples: Counter[str] = Counter()
        for word in words:
            text = f"\n\n{word}\n"
            triples.update(text[at - 2 : at + 1] for at in range(2, len(text)))
        pairs: Counter[str] = Counter()
        before: Counter[str] = Counter()
        single: Counter[str] = Counter()
        for triple, count in triples.items():
            pairs[triple[1:]] += count
            before[triple[:2]] += count
            single[triple[1]] += count
        letters = len({triple[2] for triple in triples})
        share = {pair: count / single[pair[0]] for pair, count in pairs.items()}
        three, two, one = _SHARES
        logs = {
            triple: log(
                three * count / before[triple[:2]] + two * share[triple[1:]] + one / letters
            )
            for triple, count in triples.items()
        }
        return cls(logs, share, letters)

    def record(self) -> dict[str, Any]:
        """The model as JSON values."""
        return {
            "triples": {name: round(value, 5) for name, value in self._triples.items()},
            "pairs": {name: round(value, 7) for name, value in self._pairs.items()},
            "letters": self._letters,
        }

    @classmethod
    def from_record(cls, body: Mapping[str, Any]) -> Letters:
        """What `record` gave. Raises KeyError or TypeError."""
        return cls(body["triples"], body["pairs"], int(body["letters"]))
