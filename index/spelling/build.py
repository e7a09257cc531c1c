"""Learning the dictionary from the words of a catalogue and, where there is one, a query log."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from catalog.text import normalise
from index.spelling.deletions import Deletions
from index.spelling.dictionary import Dictionary
from index.spelling.letters import Letters
from index.words.analyser import Analyser
from index.words.corpus import Corpus
from index.words.segment import is_unspaced
from index.words.settings import NAMING

_NAMING_WEIGHT = 4.0  # a product's name against its description
_LOG_WEIGHT = 8.0  # a logged query against a product
_TRUSTED_PRODUCTS = 3  # that hold a word no product is named by
_WINDOW = 2  # words between two that still stand beside each other, plus one


def learn(
    corpus: Corpus, analyser: Analyser, queries: Sequence[tuple[str, float]] = ()
) -> Dictionary:
    """The dictionary of a catalogue; `queries` are logged ones with their weights, above 0.

    A word is trusted when a product is named by it, when three products hold it, or when it is the
    joined spelling of a word that products write with a hyphen.
    """
    every = corpus.frequencies()
    naming = corpus.frequencies(name for name in NAMING if name in corpus.fields)
    sure = (naming > 0) | (every >= _TRUSTED_PRODUCTS)
    counts = zip(corpus.words, (every + _NAMING_WEIGHT * naming).tolist(), sure, strict=True)
    known = {word: (weight, bool(trusted)) for word, weight, trusted in counts if _is_spelt(word)}
    for word, products in corpus.only_hyphenated().items():
        known[word] = (1.0 + _NAMING_WEIGHT) * products, True
    names = sorted(known)
    numbers = {word: number for number, word in enumerate(names)}
    logged = _logged(queries, analyser)
    asked = np.array([logged.pop(word, 0.0) for word in names])
    weights = np.array([known[word][0] for word in names]) + _LOG_WEIGHT * asked
    others = {word: _LOG_WEIGHT * weight for word, weight in sorted(logged.items())}
    place = np.array([numbers.get(word, -1) for word in corpus.words], np.int64)
    pairs, times = _pairs(corpus, place, len(names), _logged_pairs(queries, analyser, numbers))
    trusted = [word for word in names if known[word][1]]
    return Dictionary(
        numbers,
        weights.astype(np.float32),
        frozenset(trusted),
        pairs,
        times,
        others,
        Letters.learn(trusted),
        Deletions.of([word if known[word][1] else "" for word in names]),
        float(weights.sum() + sum(others.values())) or 1.0,
    )


def _is_spelt(word: str) -> bool:
    return word[0].isalpha() and not is_unspaced(word)


def _logged(queries: Iterable[tuple[str, float]], analyser: Analyser) -> Counter[str]:
    counts: Counter[str] = Counter()
    for query, weight in queries:
        for word in set(analyser.words(normalise(query))):
            if _is_spelt(word):
                counts[word] += weight  # type: ignore[assignment]
    return counts


def _logged_pairs(
    queries: Iterable[tuple[str, float]], analyser: Analyser, numbers: dict[str, int]
) -> NDArray[np.int64]:
    """Words that stand close in a query, each distinct query once."""
    found: list[int] = []
    for query in dict.fromkeys(normalise(query) for query, _ in queries):
        known = [numbers.get(word, -1) for word in analyser.words(query)]
        for at, first in enumerate(known):
            for second in known[at + 1 : at + 1 + _WINDOW]:
                if min(first, second) >= 0:
                    found.append(min(first, second) * len(numbers) + max(first, second))
    return np.array(found, np.int64)


def _pairs(
    corpus: Corpus, place: NDArray[np.int64], size: int, logged: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Words that stand close in what products are named by or in queries, in either order."""
    found = [logged]
    for name in NAMING:
        if name not in corpus.fields:
            continue
        for rows, ids in corpus.chunks(name):
            numbers = place[ids]
            for step in range(1, _WINDOW + 1):
                first, second = numbers[:-step], numbers[step:]
                near = (rows[:-step] == rows[step:]) & (first >= 0) & (second >= 0)
                lower = np.minimum(first, second)[near]
                found.append(lower * size + np.maximum(first, second)[near])
    pairs, counts = np.unique(np.concatenate(found), return_counts=True)
    return pairs, counts.astype(np.int32)
