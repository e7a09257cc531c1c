"""Values of the command line checked: one of a few words, or a number in its range."""

from __future__ import annotations

from collections.abc import Collection
from typing import TypeVar

from catalog.errors import BundleError

Number = TypeVar("Number", int, float)
Word = TypeVar("Word", bound=str)


def one_of(option: str, value: str, words: Collection[Word]) -> Word:
    """The word itself. Raises BundleError when it is none of `words`."""
    for word in words:
        if word == value:
            return word
    raise BundleError(
        f"there is no such {option}", expected=f"one of {', '.join(words)}", found=value
    )


def within(option: str, value: Number, least: Number, most: Number) -> Number:
    """The number itself. Raises BundleError when it lies outside."""
    if least <= value <= most:
        return value
    raise BundleError(f"{option} is out of range", expected=f"{least} to {most}", found=str(value))
