"""Names that stand twice in one object of a JSON body: readers would silently take the last."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Any

from service.problems import Fault, pointer

_MOST_FAULTS = 20


class _Twice(Exception):  # noqa: N818, a state rather than a fault
    """An object has a name twice."""


class _Pairs(list[tuple[str, Any]]):
    """An object as it is written."""


def _refuse(pairs: list[tuple[str, Any]]) -> None:
    if len(dict(pairs)) != len(pairs):
        raise _Twice


# Numbers are of no interest here, and some have more digits than an integer may.
_QUICK = json.JSONDecoder(object_pairs_hook=_refuse, parse_int=float)
_WHOLE = json.JSONDecoder(object_pairs_hook=_Pairs, parse_int=float)


def given_twice(body: bytes, names: int) -> list[Fault]:
    """Where a name stands twice in a body that was read already, and is JSON.

    `names` is how many are known to be there. Where there are no more colons than that there is no
    room for another, which spares most searches a second reading.
    """
    if body.count(b":") <= names:
        return []
    try:
        return _found(body.decode())
    except RecursionError:  # deeper than anything that is taken
        return []


def _found(text: str) -> list[Fault]:
    try:
        _QUICK.decode(text)
    except _Twice:
        return [*islice(_faults(_WHOLE.decode(text), ()), _MOST_FAULTS)]
    return []


def _faults(value: Any, above: tuple[int | str, ...]) -> Iterator[Fault]:
    inside: list[tuple[int | str, Any]] = []
    if isinstance(value, _Pairs):
        for name, count in Counter(name for name, _ in value).items():
            if count > 1:
                yield Fault(pointer((*above, name)), "given more than once")
        inside = [*value]
    elif isinstance(value, list):
        inside = [*enumerate(value)]
    for step, each in inside:
        yield from _faults(each, (*above, step))
