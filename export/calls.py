"""Which texts go into one call of the graph."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeVar

T = TypeVar("T")


def calls(lengths: Sequence[int], size: int) -> list[list[int]]:
    """Row numbers in groups of at most `size` rows, each group of rows of one length.

    Every row is in one group; longest rows first, so that memory peaks at the start.
    """
    by_length: dict[int, list[int]] = {}
    for row, length in enumerate(lengths):
        by_length.setdefault(length, []).append(row)
    longest_first = sorted(by_length.items(), reverse=True)
    return [group for _, rows in longest_first for group in chunks(rows, size)]


def chunks(values: Iterable[T], size: int) -> Iterator[list[T]]:
    """The values of a stream, `size` at a time."""
    stream = iter(values)
    while chunk := list(islice(stream, size)):
        yield chunk
