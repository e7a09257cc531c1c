"""Which texts go into one call of the graph, and which calls run side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

T = TypeVar("T")
_CALLS_A_TASK = 16  # handing a thread a task costs a tenth of a call


def calls(lengths: Sequence[int], size: int) -> list[list[int]]:
    """Row numbers in groups of at most `size` rows, each group of rows of one length.

    Every row is in one group; longest rows first, so that memory peaks at the start.
    """
    by_length: dict[int, list[int]] = {}
    for row, length in enumerate(lengths):
        by_length.setdefault(length, []).append(row)
    longest_first = sorted(by_length.items(), reverse=True)
    return [group for _, rows in longest_first for group in chunks(rows, size)]


def side_by_side(
    call: Callable[[list[int]], int], groups: Sequence[list[int]], threads: int
) -> Iterator[int]:
    """The results of `call` for each group, in order, `threads` at a time."""
    if threads == 1 or len(groups) == 1:
        yield from map(call, groups)
        return

    def task(some: list[list[int]]) -> list[int]:
        return [call(group) for group in some]

    with ThreadPoolExecutor(threads) as pool:
        for done in pool.map(task, chunks(groups, _CALLS_A_TASK)):
            yield from done


def chunks(values: Iterable[T], size: int) -> Iterator[list[T]]:
    """The values of a stream, `size` at a time."""
    stream = iter(values)
    while chunk := list(islice(stream, size)):
        yield chunk
