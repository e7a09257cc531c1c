"""What a run learns from: products, graded queries, queries without grades."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from catalog.errors import CatalogError, TrainingError
from catalog.issues import Issue, Issues
from catalog.model import Judgment, Product
from catalog.readers import read_judgments, read_products, read_queries
from catalog.split import query_hash, split_queries
from catalog.template import TextTemplate
from catalog.text import normalise
from training.held_out import refuse_held_out
from training.judge import HUMAN

Graded = Mapping[str, Mapping[int, int]]  # query → product position → grade
Sources = Mapping[str, Mapping[int, str]]  # query → product position → who graded


@dataclass(frozen=True)
class Corpus:
    """Products and their encoder texts, judgments split by query, and ungraded queries.

    Queries are normalised. `train` and `dev` share no query; `queries` has none of `dev`. `added`
    are the queries of `train` that nobody judged as they stand: synthetic and misspelt ones.
    `sources` says who gave a grade of `train` where it was no person; `inherited` are hashes of the
    queries that the base model was trained on before.
    """

    products: Sequence[Product]
    items: Sequence[str]
    train: Graded
    dev: Graded
    queries: Sequence[str]
    added: frozenset[str] = frozenset()
    inherited: frozenset[str] = frozenset()
    sources: Sources = field(default_factory=dict)

    @property
    def judged(self) -> Graded:
        """The training judgments as the files gave them."""
        return {query: rows for query, rows in self.train.items() if query not in self.added}

    @property
    def seen(self) -> frozenset[str]:
        """Hashes of every query that touches training or the choice of a model."""
        used = (*self.train, *self.dev, *self.queries)
        return self.inherited.union(query_hash(query) for query in used)


@dataclass(frozen=True)
class CorpusFiles:
    """The files of a run.

    `extra_qrels` teach but are never drawn into the dev split; `synthetic` has queries that were
    written for products.
    """

    products: Sequence[Path]
    qrels: Sequence[Path] = ()
    extra_qrels: Sequence[Path] = ()
    queries: Sequence[Path] = ()
    held_out: Sequence[Path] = ()
    synthetic: Path | None = None
    layout: str | None = None
    strict: bool = False


def read_corpus(
    files: CorpusFiles, template: TextTemplate, *, dev_fraction: float, seed: int, issues: Issues
) -> Corpus:
    """Read the files and carve the dev queries from `qrels`.

    Raises:
        CatalogError, JudgmentError: a file cannot be read.
        JudgmentError: a query of `held_out` is also in a training file.
        TrainingError: no product at all.

    """
    products = _products(files, issues)
    position = {product.id: row for row, product in enumerate(products)}
    main, main_by = _judgments(files.qrels, position, files, issues)
    extra, extra_by = _judgments(files.extra_qrels, position, files, issues)
    queries = [
        normalise(query)
        for path in files.queries
        for query, _ in read_queries(path, strict=files.strict, issues=issues)
    ]
    refuse_held_out([*main, *extra, *queries], files.held_out, issues)
    dev_queries: set[str] = set()
    if dev_fraction > 0 and len(main) > 1:
        dev_queries = set(split_queries(list(main), dev_fraction, seed)[1])
    train = {query: grades for query, grades in main.items() if query not in dev_queries}
    for query, grades in extra.items():
        if query not in dev_queries:
            train[query] = {**grades, **train.get(query, {})}
    return Corpus(
        products=products,
        items=[template.item(product) for product in products],
        train=train,
        dev={query: main[query] for query in main if query in dev_queries},
        queries=[q for q in dict.fromkeys(queries) if q and q not in dev_queries],
        sources=_sources(train, main, main_by, extra_by),
    )


def vocabulary_texts(corpus: Corpus) -> list[str]:
    """What the subwords are learned from; queries count threefold, being short."""
    products = (
        f"{p.title} {p.brand} {' '.join(p.category)} {' '.join(p.attributes.values())} "
        f"{p.description}"
        for p in corpus.products
    )
    return [*(normalise(text) for text in products), *list(corpus.queries) * 3]


def _products(files: CorpusFiles, issues: Issues) -> list[Product]:
    found: dict[str, Product] = {}
    for path in files.products:
        for product in read_products(path, files.layout, strict=files.strict, issues=issues):
            if product.id in found:
                _refuse_repeat(product, path, files, issues)
            else:
                found[product.id] = product
    if not found:
        raise TrainingError("there are no products to train on", expected="--products FILE")
    return list(found.values())


def _refuse_repeat(product: Product, path: Path, files: CorpusFiles, issues: Issues) -> None:
    what = f"the id {product.id!r} was in an earlier product file; kept: the first"
    if files.strict:
        raise CatalogError(what, where=path)
    issues.add(Issue("duplicate id", str(path), what))


def _judgments(
    paths: Sequence[Path], position: Mapping[str, int], files: CorpusFiles, issues: Issues
) -> tuple[dict[str, dict[int, int]], Sources]:
    """The first grade of each pair, and who gave it unless that was a person."""
    graded: dict[str, dict[int, int]] = {}
    sources: dict[str, dict[int, str]] = {}
    for path in paths:
        judgments: Iterable[Judgment] = read_judgments(
            path, known_products=position, strict=files.strict, issues=issues
        )
        for judgment in judgments:
            query, row = normalise(judgment.query), position[judgment.product_id]
            grades = graded.setdefault(query, {})
            if row not in grades:
                grades[row] = int(judgment.grade)
                if judgment.source != HUMAN:
                    sources.setdefault(query, {})[row] = judgment.source
    return graded, sources


def _sources(train: Graded, main: Graded, main_by: Sources, extra_by: Sources) -> Sources:
    """Of the training pairs: as their grades, those of the extra files come after the others."""
    found: dict[str, Mapping[int, str]] = {}
    for query in train:
        own = main.get(query, {})
        extra = {row: by for row, by in extra_by.get(query, {}).items() if row not in own}
        if names := {**extra, **main_by.get(query, {})}:
            found[query] = names
    return found
