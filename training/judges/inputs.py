"""Products and judgments from files, as judges speak of them: by position."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from catalog.issues import Issues
from catalog.model import Product
from catalog.readers import read_judgments
from catalog.template import TextTemplate
from catalog.text import normalise
from training.corpus import CorpusFiles, read_corpus


def read_goods(
    paths: Sequence[Path], layout: str | None, *, strict: bool, issues: Issues
) -> Sequence[Product]:
    """The products of all files, the first of each id. Raises as `read_corpus` does."""
    files = CorpusFiles(products=paths, layout=layout, strict=strict)
    return read_corpus(files, TextTemplate(), dev_fraction=0.0, seed=0, issues=issues).products


def read_graded(
    paths: Sequence[Path], position: Mapping[str, int], *, strict: bool, issues: Issues
) -> dict[str, dict[int, int]]:
    """Normalised query → product position → grade, of all files; the first judgment counts."""
    graded: dict[str, dict[int, int]] = {}
    for path in paths:
        for one in read_judgments(path, known_products=position, strict=strict, issues=issues):
            grades = graded.setdefault(normalise(one.query), {})
            grades.setdefault(position[one.product_id], int(one.grade))
    return graded
