"""What the runs of an ablation share: the corpus, the test judgments, and where they are kept."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from catalog.artefact import hash_file
from catalog.issues import Issues
from catalog.readers import read_judgments
from catalog.text import normalise
from training.ablation.config import AblationConfig
from training.ablation.measuring import Graded
from training.base import Base
from training.corpus import Corpus, read_corpus
from training.network import text_template

_MEASURED = 2  # what a run's record holds; one that was measured otherwise is made anew


def corpus_of(config: AblationConfig, base: Base) -> Corpus:
    """The corpus of an ablation, its dev split by the first seed.

    Test files may hold the same queries, graded by two policies say.

    Raises:
        CatalogError, JudgmentError: a file cannot be read; a test query is in a training file; the
            base has seen one, or a query of the dev split.

    """
    corpus = read_corpus(
        config.files,
        text_template(config.recipe.text),
        dev_fraction=config.recipe.dev_fraction,
        seed=config.seeds[0],
        issues=Issues(),
    )
    base.refuse_leaks(corpus.dev, config.files.held_out)
    return corpus


def graded_of(path: Path, corpus: Corpus) -> Graded:
    """The judgments of a test file: normalised query → product position → grade."""
    position = {product.id: row for row, product in enumerate(corpus.products)}
    graded: dict[str, dict[int, int]] = {}
    for one in read_judgments(path, known_products=position):
        graded.setdefault(normalise(one.query), {})[position[one.product_id]] = int(one.grade)
    return graded


def key_of(config: AblationConfig, base: Base, judge: str) -> str:
    """Runs of other data, recipe, base or judge go elsewhere; seeds, arms, rates may be added."""
    files = config.files
    inputs = [*files.products, *files.qrels, *files.extra_qrels, *files.queries]
    inputs += list(config.tests.values())
    recipe = replace(config.recipe, seed=0).record()
    hashes = [hash_file(path) for path in inputs]
    body: list[Any] = [_MEASURED, recipe, config.seeds[0], hashes, base.inputs, judge]
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:12]
