"""A query's text to the text that is searched for, and what was changed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import exp, inf, log
from threading import Lock
from time import perf_counter

from index.budgets import OverBudget
from index.lexical import LexicalArm
from index.spelling.deletions import LEAST_FOR_TWO, MOST_LETTERS
from index.spelling.dictionary import NOTHING, Dictionary
from index.spelling.slips import IMPOSSIBLE, channel

LEAST_LETTERS = 3
_ALONE = 4  # letters of a word that may be mended without a neighbour's word for it
MOST_UNKNOWN = 8  # words of one query; a text with more was not typed by a shopper
_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*")
_SLIP = log(0.06)  # that a word of a query is misspelt
_SPACE_LOST = log(0.003)
_SPACE_ADDED = log(0.003)
_UNKNOWN = 0.04  # that a word spelt right is none of the shop's
_MARGIN = log(10.0)  # how much likelier a correction has to be
_INFLECTED = log(0.3)  # that a word stands in the form that no product has
_ENOUGH = log(10.0)  # so much likelier with one slip, two need not be looked for
_VOUCHED = 2  # times that two words stand beside each other in the catalogue
_UNDERSTOOD = 3  # products that hold another form of a word that hardly any product holds
_CACHE = 1 << 14


@dataclass(frozen=True)
class Correction:
    """One word, or two, read as something else."""

    typed: str
    meant: str

    def record(self) -> dict[str, str]:
        """As an answer shows it."""
        return {"from": self.typed, "to": self.meant}


_Corrected = tuple[str, tuple[Correction, ...]]


@dataclass(frozen=True)
class _Word:
    """A word of the query and where it stands.

    `settled`: not to be touched; `glued`: what follows is no space.
    """

    text: str
    start: int
    end: int
    settled: bool
    known: bool
    glued: bool


class Speller:
    """Immutable but for a cache of answers; safe to share between threads.

    `understood` tells words that the index knows in another form: inflected, compounds, synonyms.
    """

    def __init__(self, dictionary: Dictionary | None, understood: Callable[[str], bool]) -> None:
        self.dictionary = dictionary or NOTHING
        self._understood = understood
        self._kept: dict[str, _Corrected] = {}
        self._keeping = Lock()

    @classmethod
    def over(cls, dictionary: Dictionary | None, lexical: LexicalArm) -> Speller:
        """The speller of an index; one that leaves everything alone without a dictionary."""
        analyser, written = lexical.analyser, (dictionary or NOTHING).words

        def understood(word: str) -> bool:
            # A rare word that a description holds may be a slip of the shop's own.
            least = _UNDERSTOOD if word in written else 1
            return all(
                lexical.document_frequency(term) >= least for term, _ in analyser.terms_of(word)
            )

        return cls(dictionary, understood)

    def correct(self, text: str, seconds: float = inf) -> _Corrected:
        """The normalised text with its slips mended, and the corrections in order.

        A word with a digit beside it (a size, a model number), a word of fewer than three letters
        or very many and a word that the catalogue trusts stay as they are. A query most of whose
        words would stay unknown all the same is not in the shop's language, and stays; so does one
        with more than eight unknown words.

        Raises OverBudget between two words once it has taken `seconds`.
        """
        kept = self._kept.get(text)
        if kept is None:
            kept = self._correct(text, perf_counter() + seconds)
            with self._keeping:
                if len(self._kept) >= _CACHE:
                    del self._kept[next(iter(self._kept))]  # the oldest
                self._kept[text] = kept
        return kept

    def _correct(self, text: str, until: float) -> _Corrected:
        trusted = self.dictionary.trusted
        if all(token in trusted for token in text.split(" ")):
            return text, ()
        words = list(self._words(text, until))
        if not 0 < sum(not word.settled for word in words) <= MOST_UNKNOWN:
            return text, ()
        changes = self._changes(words, until)
        unknown = sum(not word.known for word in words) - sum(span[2] for span in changes)
        if not changes or 2 * unknown > len(words):
            return text, ()
        parts, at = [], 0
        corrections = []
        for start, end, _, meant in changes:
            parts += [text[at:start], meant]
            corrections.append(Correction(text[start:end], meant))
            at = end
        return "".join((*parts, text[at:])), tuple(corrections)

    def _words(self, text: str, until: float) -> Iterator[_Word]:
        dictionary = self.dictionary
        for token in re.finditer(r"\S+", text):
            _go_on(until)
            model = any(character.isdecimal() for character in token[0])
            whole = token[0] in dictionary.trusted or self._understood(token[0])
            for match in _WORD.finditer(text, token.start(), token.end()):
                word = match[0]
                known = whole or word in dictionary.trusted or self._understood(word)
                settled = known or model or not LEAST_LETTERS <= len(word) <= MOST_LETTERS
                glued = match.end() < token.end()
                yield _Word(word, match.start(), match.end(), settled, known or model, glued)

    def _changes(self, words: Sequence[_Word], until: float) -> list[tuple[int, int, int, str]]:
        """(start, end, unknown words mended, replacement) of each correction, in order."""
        found: list[tuple[int, int, int, str]] = []
        read = [word.text for word in words]
        at = 0
        while at < len(words):
            _go_on(until)
            joined = self._joined(words, at)
            if joined is not None:
                found.append((words[at].start, words[at + 1].end, 2, joined))
                at += 2
                continue
            word = words[at]
            if not word.settled:
                around = read[max(0, at - 2) : at] + read[at + 1 : at + 3]
                meant = self._meant(word.text, around)
                if meant is not None:
                    read[at] = meant
                    found.append((word.start, word.end, 1, meant))
            at += 1
        return found

    def _meant(self, typed: str, around: Sequence[str]) -> str | None:
        """What was meant by an unknown word, None when it is best left alone."""
        stay = self._stay(typed) + _MARGIN
        best, value = self._best(typed, around, 1)
        if value < stay + _ENOUGH and len(typed) >= LEAST_FOR_TWO - 1:
            best, value = max((best, value), self._best(typed, around, 2), key=lambda each: each[1])
        apart, chance = self._apart(typed)
        if chance > value:
            best, value = apart, chance
        return best if value > stay else None

    def _stay(self, typed: str) -> float:
        """Logarithm of the chance that an unknown word is meant as it is."""
        dictionary = self.dictionary
        return log(_UNKNOWN * exp(dictionary.letters.chance(typed)) + dictionary.share(typed))

    def _best(self, typed: str, around: Sequence[str], slips: int) -> tuple[str, float]:
        best, value = typed, IMPOSSIBLE
        for meant, word in self._candidates(typed, slips):
            slip = channel(typed, meant)
            if slip > IMPOSSIBLE and (len(typed) >= _ALONE or self._vouched(word, around)):
                chance = _SLIP + slip + self.dictionary.chance(word, around)
                if meant != word:
                    chance += _INFLECTED
                if chance > value:
                    best, value = meant, chance
        return best, value

    def _candidates(self, typed: str, slips: int) -> Iterator[tuple[str, str]]:
        """Words that may be meant, each with the catalogue's word that speaks for it.

        That is the word itself; or, of a plural or singular in `s` that no product writes while the
        index knows it for the other, that other one.
        """
        dictionary = self.dictionary
        for word in dictionary.near(typed, slips):
            yield word, word
        if len(typed) <= _ALONE:
            return
        other = typed[:-1] if typed[-1] == "s" else typed + "s"
        for word in dictionary.near(other, slips):
            if typed[-1] == "s":
                meant = word + "s"
            elif word[-1] == "s":
                meant = word[:-1]
            else:
                continue
            if meant not in dictionary.words and self._understood(meant):
                yield meant, word

    def _vouched(self, word: str, around: Sequence[str]) -> bool:
        return any(self.dictionary.beside(word, other) >= _VOUCHED for other in around)

    def _apart(self, typed: str) -> tuple[str, float]:
        """The best way to put one space into an unknown word."""
        dictionary = self.dictionary
        best, value = typed, IMPOSSIBLE
        for at in range(2, len(typed) - 1):
            first, second = typed[:at], typed[at:]
            if first in dictionary.trusted and second in dictionary.trusted:
                together = dictionary.beside(first, second)
                if together > 1:
                    chance = _SPACE_LOST - log(len(typed)) + log(together / dictionary.total)
                    if chance > value:
                        best, value = f"{first} {second}", chance
        return best, value

    def _joined(self, words: Sequence[_Word], at: int) -> str | None:
        """One trusted word out of two unknown ones with a space between."""
        if at + 1 >= len(words):
            return None
        first, second = words[at], words[at + 1]
        if first.known or second.known or first.glued or second.start != first.end + 1:
            return None
        joined = first.text + second.text
        if len(joined) < LEAST_LETTERS or joined not in self.dictionary.trusted:
            return None
        apart = self._stay(first.text) + self._stay(second.text)
        chance = _SPACE_ADDED + log(self.dictionary.share(joined))
        return joined if chance > apart + _MARGIN else None


def _go_on(until: float) -> None:
    if perf_counter() > until:
        raise OverBudget
