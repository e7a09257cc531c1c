"""The file of synthetic queries of a run: whether it is wanted, and what it holds."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from catalog.errors import TrainingError
from catalog.issues import Issues
from catalog.model import Product
from training.augment.generated import FileQueries
from training.corpus import CorpusFiles
from training.recipe import Recipe


def refuse_unused(files: CorpusFiles, recipe: Recipe) -> None:
    """Raise TrainingError when a file is given of which no query would be taken."""
    if files.synthetic is not None and not recipe.augment.synthetic_share:
        raise TrainingError(
            "none of the synthetic queries in this file would be used",
            where=files.synthetic,
            expected="a share of the products that may get one: "
            "--set augment.synthetic_share=0.05, or 1 for all",
            found="augment.synthetic_share = 0",
        )


def file_queries(
    files: CorpusFiles, products: Sequence[Product], say: Callable[[str], None]
) -> FileQueries | None:
    """The queries of `files.synthetic`, with a word on what was wrong in it; None without one.

    Raises:
        CatalogError: it cannot be read, lacks a column or has no query for any of `products`; when
            `files.strict` also the first broken line.

    """
    if files.synthetic is None:
        return None
    issues = Issues()
    found = FileQueries.read(
        files.synthetic,
        known_products={product.id for product in products},
        strict=files.strict,
        issues=issues,
    )
    if issues.total:
        say(issues.summary())
    return found
