"""Candidates from a bundle: the result set R(q, filter), or any pairs, both arms' scores filled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from index.bundle import IndexBundle
from index.calibration import Mode
from index.candidates import Arm, Candidates, absent, blended, with_rows
from index.stopwatch import Stopwatch
from index.subset import Subset
from index.words.terms import QueryTerms

Vector = NDArray[np.float32]
Scores = NDArray[np.float64]


def result_set(
    bundle: IndexBundle,
    terms: QueryTerms,
    vector: Vector | None,
    mode: Mode,
    *,
    alpha: float,
    exact: bool = False,
    depth: int | None = None,
    among: Subset | None = None,
    watch: Stopwatch | None = None,
) -> Candidates:
    """The union of each arm's best `depth` (c unless given), not ordered.

    The semantic arm proposes the products nearest by cosine; late interaction counts in their
    scores.

    `among` leaves out all other rows, as the bundle itself leaves out deleted ones.
    """
    watch = watch or Stopwatch()
    depth = depth or bundle.candidates
    among = bundle.standing(among)
    ranks = bundle.store.ranks
    near = None
    if vector is not None and mode != "lexical":
        rows, cosines = bundle.dense.top(vector, depth, ranks, exact=exact, among=among)
        every = bundle.dense.products if among is None else len(among)
        near = Arm(rows, cosines, full=0 < len(rows) < every)
        watch.lap("dense")
        if mode == "semantic":
            scores = _semantic(bundle, terms, cosines, rows)
            watch.lap("dense")
            return Candidates(rows, scores, scores, None, _reach(bundle, terms, near))
    beside = None if near is None else near.rows
    rows, scores, lexical = bundle.lexical.top(terms, depth, ranks, beside, among=among)
    said = Arm(rows, scores, full=len(rows) == depth)
    watch.lap("lexical")
    if vector is None or near is None:
        reach = scores[-1:].tolist() if said.full else []
        return Candidates(said.rows, said.scores, None, said.scores, tuple(reach))
    new = absent(said.rows, near.rows)
    rows = np.concatenate((near.rows, said.rows[new]))
    cosines = np.concatenate((near.scores, bundle.dense.score(vector, said.rows[new])))
    semantic = _semantic(bundle, terms, cosines, rows)
    watch.lap("dense")
    found = blended(rows, semantic, np.concatenate((lexical, said.scores[new])), alpha)
    beyond = [
        alpha * reach + (1.0 - alpha) * float(lexical[-1]) for reach in _reach(bundle, terms, near)
    ]
    if said.full:
        beyond.append(float(found.scores[rows == said.rows[-1]][0]))
    return replace(found, beyond=tuple(beyond))


def _reach(bundle: IndexBundle, terms: QueryTerms, near: Arm) -> tuple[float, ...]:
    """The semantic score that nothing beyond a full arm of cosines exceeds; else none."""
    if not near.full:
        return ()
    cosine = float(near.scores[-1])
    if terms.subwords is None or bundle.subwords is None:
        return (cosine,)
    return (terms.subwords.highest(cosine),)


def scored(
    bundle: IndexBundle,
    terms: QueryTerms,
    vector: Vector | None,
    mode: Mode,
    rows: NDArray[np.int64],
    *,
    alpha: float,
) -> Candidates:
    """Any products, in R or not: the same numbers as `result_set` gives them."""
    lexical = None if mode == "semantic" else bundle.lexical.score(terms, rows)
    semantic = None
    if vector is not None and mode != "lexical":
        semantic = semantic_scores(bundle, terms, vector, rows)
    return blended(rows, semantic, lexical, alpha)


def semantic_scores(
    bundle: IndexBundle, terms: QueryTerms, vector: Vector, rows: NDArray[np.int64]
) -> Scores:
    """Semantic scores of `rows`, (len(rows),) float64 in [-1, 1]: cosines, and late interaction."""
    return _semantic(bundle, terms, bundle.dense.score(vector, rows), rows)


def _semantic(
    bundle: IndexBundle, terms: QueryTerms, cosines: Scores, rows: NDArray[np.int64]
) -> Scores:
    if terms.subwords is None or bundle.subwords is None:
        return cosines
    return terms.subwords.mixed(cosines, bundle.subwords.take(rows))


def with_pinned(
    bundle: IndexBundle,
    found: Candidates,
    pinned: Sequence[int],
    terms: QueryTerms,
    vector: Vector | None,
    mode: Mode,
    *,
    alpha: float,
) -> Candidates:
    """R and the rows `pinned` that are not in it."""
    rows = np.array(pinned, np.int64)
    rows = rows[absent(rows, found.rows)]
    if not len(rows):
        return found
    return with_rows(found, scored(bundle, terms, vector, mode, rows, alpha=alpha))
