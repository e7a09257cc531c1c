"""Words that a vocabulary splits, read by their letters as well.

A slip of the finger turns a known word into pieces that have little to do with it, while most of
its short runs of letters stay (Bojanowski et al., TACL 2017). A vocabulary may therefore hold such
runs beside its subwords; they live in `tokenizer.json` and nowhere else, so that whoever reads a
text with that file, in training or in a service, reads it in the same way.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

# In front of a run of letters in the vocabulary. No text holds it: normalisation drops controls.
MARK = "\x01"
INNER = "##"  # how WordPiece marks a piece inside a word
SIZES = (2, 3, 4)


class LetterRuns:
    """The runs of letters that a vocabulary holds."""

    def __init__(self, numbers: Mapping[str, int]) -> None:
        """`numbers`: id of each run, without its mark."""
        self._numbers = numbers

    @classmethod
    def of(cls, vocabulary: Mapping[str, int]) -> LetterRuns | None:
        """Those among all tokens of a vocabulary; None when there are none."""
        numbers = {
            token.removeprefix(MARK): number
            for token, number in vocabulary.items()
            if token.startswith(MARK)
        }
        return cls(numbers) if numbers else None

    def ids(self, tokens: Sequence[str], words: Sequence[int | None]) -> list[int]:
        """Ids of the runs in each word of several pieces; `words[i]` is the word of `tokens[i]`."""
        found: list[int] = []
        for start, stop in _split_words(tokens, words):
            word = tokens[start] + "".join(
                token.removeprefix(INNER) for token in tokens[start + 1 : stop]
            )
            found += [self._numbers[run] for run in runs(word) if run in self._numbers]
        return found


def runs(word: str) -> list[str]:
    """Runs of 2, 3 and 4 letters of a word with its ends marked, in order, repeats included."""
    marked = f"<{word}>"
    return [
        marked[start : start + size] for size in SIZES for start in range(len(marked) - size + 1)
    ]


def commonest_runs(words: Iterable[str], count: int) -> list[str]:
    """At most `count` runs that most of these words hold, equal ones in alphabetical order."""
    holders = Counter(run for word in words for run in set(runs(word)))
    ranked = sorted(holders, key=lambda run: (-holders[run], run))
    return ranked[:count]


def _split_words(tokens: Sequence[str], words: Sequence[int | None]) -> Iterable[tuple[int, int]]:
    """First token and the one after the last of each word that has several."""
    start = 0
    for place in range(1, len(tokens) + 1):
        if place < len(tokens) and words[place] is not None and words[place] == words[start]:
            continue
        if place - start > 1:
            yield start, place
        start = place
