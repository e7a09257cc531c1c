"""Queries that mean nothing, to calibrate and to test what the engine makes of them.

An encoder gives every text a vector, and some product is always nearest. Where the lexical arm
knows none of the words, nothing else contradicts it: only a calibration that has seen nonsense can
tell that the nearest product is still no match.
"""

from __future__ import annotations

import numpy as np

from index.analysis import query_terms
from index.lexical import LexicalArm

_LETTERS = np.array(list("abcdefghijklmnopqrstuvwxyz"))
_LONGEST = 9


def nonsense_queries(lexical: LexicalArm, count: int, seed: int) -> list[str]:
    """`count` queries of one to four random words of 3 to 9 letters, none of them in `lexical`."""
    rng = np.random.default_rng(seed)
    found: list[str] = []
    while len(found) < count:
        lengths = rng.integers(3, _LONGEST + 1, size=1 + len(found) % 4)
        query = " ".join("".join(rng.choice(_LETTERS, size=length)) for length in lengths)
        if not lexical.knows(query_terms(query)):
            found.append(query)
    return found
