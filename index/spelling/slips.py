"""How likely a word comes out as another: the channel of the noisy channel.

One slip of the pen: a letter left out, put in, swapped with its neighbour or replaced. The shares
are ours, round numbers in the order that studies of typing and of query logs agree on; a key beside
the right one, a doubled letter and a letter that sounds alike are likelier than any other, the
first letter of a word is seldom wrong.
"""

from __future__ import annotations

from functools import cache
from math import log

from catalog.keyboard import QWERTY, neighbours

_LEFT_OUT, _PUT_IN, _SWAPPED, _REPLACED = 0.3, 0.2, 0.15, 0.35
_FIRST = log(0.3)  # the first letter
_LETTERS = 26
_DOUBLED = 0.5  # share of letters put in that double their neighbour
_SINGLE = 0.6  # a letter left out that stands alone, against one of a double
_NEAR = 0.5  # share of wrong letters that lie beside the right one on the keyboard
_ALIKE = 0.35  # share of wrong letters that sound like the right one
_SOUNDS = ("aeiouy", "ckqgx", "szxc", "sc", "dt", "bp", "fv", "mn", "gj", "vw", "iy", "lr")

IMPOSSIBLE = float("-inf")
_FAR = log(0.02)  # a second slip in one word, beside the first


def channel(typed: str, meant: str) -> float:
    """Natural logarithm of the chance that a slip turns `meant` into `typed`.

    Given that there was a slip; -inf when it takes more than two.
    """
    if typed == meant:
        return 0.0
    start = _common(typed, meant)
    end = _common(typed[start:][::-1], meant[start:][::-1])
    wrong, right = typed[start : len(typed) - end], meant[start : len(meant) - end]
    one = _one(wrong, right, meant, start)
    if one > IMPOSSIBLE:
        return one
    return _two(typed, meant, start)


def _one(wrong: str, right: str, meant: str, at: int) -> float:
    """One slip at letter `at` of `meant`, with equal letters around taken off."""
    place = (_FIRST if at == 0 else 0.0) - log(len(meant) + 1)
    if len(wrong) == 1 and len(right) == 1:
        return place + log(_REPLACED) + _replaced(wrong, right)
    if not wrong and len(right) == 1:
        return place + log(_LEFT_OUT) + log(1.0 if _doubles(right, meant, at) else _SINGLE)
    if len(wrong) == 1 and not right:
        beside = meant[max(0, at - 1) : at + 1]
        return place + log(_PUT_IN) + _put_in(wrong, beside)
    if len(wrong) == 2 and wrong == right[::-1]:
        return place + log(_SWAPPED)
    return IMPOSSIBLE


def _two(typed: str, meant: str, start: int) -> float:
    """Two slips: every first one at the first letter that differs, then one more."""
    best = IMPOSSIBLE
    for mended, cost in _mended(typed, meant, start):
        shared = _common(mended, meant)
        end = _common(mended[shared:][::-1], meant[shared:][::-1])
        wrong = mended[shared : len(mended) - end]
        right = meant[shared : len(meant) - end]
        if wrong or right:
            best = max(best, cost + _one(wrong, right, meant, shared) + _FAR)
    return best


def _mended(typed: str, meant: str, at: int) -> list[tuple[str, float]]:
    """`typed` with one slip undone at letter `at`, each with the logarithm of its chance."""
    found = []
    place = (_FIRST if at == 0 else 0.0) - log(len(meant) + 1)
    if at < len(meant):
        put_back = typed[:at] + meant[at] + typed[at:]
        found.append((put_back, place + log(_LEFT_OUT * _SINGLE)))
    if at < len(typed):
        beside = meant[max(0, at - 1) : at + 1]
        cost = place + log(_PUT_IN) + _put_in(typed[at], beside)
        found.append((typed[:at] + typed[at + 1 :], cost))
    if at < len(typed) and at < len(meant):
        cost = place + log(_REPLACED) + _replaced(typed[at], meant[at])
        found.append((typed[:at] + meant[at] + typed[at + 1 :], cost))
    if at + 1 < len(typed) and typed[at + 1] == meant[at : at + 1]:
        turned = typed[:at] + typed[at + 1] + typed[at] + typed[at + 2 :]
        found.append((turned, place + log(_SWAPPED)))
    return found


def _replaced(wrong: str, right: str) -> float:
    near, alike = _near().get(right, ""), _alike().get(right, "")
    share = (1.0 - _NEAR - _ALIKE) / _LETTERS
    share += _NEAR / len(near) if wrong in near else 0.0
    share += _ALIKE / len(alike) if wrong in alike else 0.0
    return log(share)


def _put_in(wrong: str, beside: str) -> float:
    near = "".join(_near().get(letter, "") for letter in beside)
    share = 0.2 / _LETTERS
    share += _DOUBLED if wrong in beside else 0.0
    share += 0.3 / len(near) if wrong in near else 0.0
    return log(share)


def _doubles(letter: str, meant: str, at: int) -> bool:
    return letter in (meant[at - 1 : at], meant[at + 1 : at + 2])


def _common(first: str, second: str) -> int:
    shared = 0
    for one, other in zip(first, second, strict=False):
        if one != other:
            break
        shared += 1
    return shared


@cache
def _near() -> dict[str, str]:
    return dict(neighbours(QWERTY))


@cache
def _alike() -> dict[str, str]:
    found: dict[str, set[str]] = {}
    for group in _SOUNDS:
        for letter in group:
            found.setdefault(letter, set()).update(set(group) - {letter})
    return {letter: "".join(sorted(others)) for letter, others in found.items()}
