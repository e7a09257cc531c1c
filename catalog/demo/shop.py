"""The made-up shop as a whole: generate it from a seed, write it as an artefact."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import Any

from catalog.artefact import Manifest, write_manifest, writing
from catalog.demo.departments import Assortment, load_assortment
from catalog.demo.policy import POLICIES
from catalog.demo.pools import Judges, Pool, PoolSizes
from catalog.demo.products import make_products
from catalog.demo.queries import SPLITS, DemoQuery, make_queries
from catalog.demo.wishes import Desires
from catalog.errors import CatalogError
from catalog.model import Grade, Judgment, Product
from catalog.readers import write_judgments, write_products

KIND = "demo-data"
LEAST_PRODUCTS, MOST_PRODUCTS = 50, 5_000_000  # the shop is made in memory
MOST_QUERIES = 100_000
TRAIN_QUERIES, HELD_OUT_QUERIES = "queries.tsv", "queries_heldout.tsv"


@dataclass(frozen=True)
class QueryCounts:
    """How many queries each set holds."""

    train: int = 800
    calibration: int = 500
    test: int = 250


@dataclass(frozen=True)
class DemoShop:
    """A generated shop. `judgments` maps train, calibration and test to their judged pairs.

    `cut` counts the test queries with more products of grade 1 than were judged.
    """

    products: tuple[Product, ...]
    queries: tuple[DemoQuery, ...]
    judgments: Mapping[str, tuple[Judgment, ...]]
    config: Mapping[str, Any]
    cut: int = 0


def generate(
    seed: int = 7,
    products: int = 10_000,
    *,
    counts: QueryCounts | None = None,
    policy: str = "standard",
    sizes: PoolSizes | None = None,
    assortment: Assortment | None = None,
) -> DemoShop:
    """Make up a shop: equal arguments, equal shop, on every machine.

    Products do not depend on the queries asked for, nor either of them on the policy.

    Raises:
        CatalogError: a count that makes no shop, or an unknown policy.

    """
    counts, sizes = counts or QueryCounts(), sizes or PoolSizes()
    _check(products, counts, policy)
    assortment = assortment or load_assortment()
    made = make_products(assortment, products, _stream(seed, "products"))
    desires = Desires(assortment, made)
    queries = make_queries(desires, asdict(counts), _stream(seed, "queries"))
    judges = Judges(made, POLICIES[policy], sizes)
    pools = [(query, judges.pool(query, _stream(seed, query.text))) for query in queries]
    kept = [(query, pool) for query, pool in pools if _useful(query, pool)]
    return DemoShop(
        products=tuple(made),
        queries=tuple(query for query, _ in kept),
        judgments={
            split: tuple(
                judgment
                for query, pool in kept
                if query.split == split
                for judgment in pool.judgments
            )
            for split in SPLITS
        },
        config={
            "seed": seed,
            "products": products,
            "queries": asdict(counts),
            "policy": policy,
            "policy_rules": asdict(POLICIES[policy]),
            "pools": asdict(sizes),
        },
        cut=sum(pool.cut for query, pool in kept if query.split == "test"),
    )


def write(
    shop: DemoShop, out: Path, also: Callable[[Path], Mapping[str, Any]] | None = None
) -> Manifest:
    """Write the shop as an artefact of kind `demo-data`; an older one at `out` is replaced.

    `also` may write more into the directory; what it returns joins the manifest's `config`.

    Raises:
        BundleError: something else is at `out`.

    """
    held_out = [query for query in shop.queries if query.split != "train"]
    training = [query for query in shop.queries if query.split == "train"]
    with writing(out, KIND) as directory:
        write_products(directory / "products.jsonl", shop.products)
        _write_queries(directory / TRAIN_QUERIES, training)
        _write_queries(directory / HELD_OUT_QUERIES, held_out)
        for split in SPLITS:
            write_judgments(directory / f"qrels_{split}.tsv", shop.judgments[split])
        config = {**shop.config, **(also(directory) if also else {})}
        return write_manifest(directory, KIND, config=config, quality=figures(shop))


def figures(shop: DemoShop) -> dict[str, Any]:
    """What the shop holds: products, types, queries by split and kind, pairs by grade."""
    queries = Counter(query.split for query in shop.queries)
    kinds = Counter(query.kind for query in shop.queries)
    return {
        "products": len(shop.products),
        "types": len({product.category for product in shop.products}),
        "queries": {split: queries[split] for split in SPLITS},
        "kinds": dict(sorted(kinds.items())),
        "pairs": {split: _by_grade(shop.judgments[split]) for split in SPLITS},
        "test_queries_with_unjudged_substitutes": shop.cut,
    }


def _by_grade(judgments: Iterable[Judgment]) -> dict[str, int]:
    counts = Counter(judgment.grade for judgment in judgments)
    return {str(int(mark)): counts[mark] for mark in sorted(Grade, reverse=True)}


def _useful(query: DemoQuery, pool: Pool) -> bool:
    """Two grades teach an order; a test query that nothing answers measures nothing."""
    if query.split == "train":
        return len(pool.grades) >= 2
    return bool(pool.grades - {Grade.IRRELEVANT})


def _stream(seed: int, purpose: str) -> Random:
    # A text seeds by its hash, the same on every machine; one stream for each purpose, so that
    # more queries do not change the products.
    return Random(f"{seed}:{purpose}")


def _write_queries(path: Path, queries: Iterable[DemoQuery]) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, delimiter="\t", lineterminator="\n")
        writer.writerow(("query", "frequency", "kind", "split"))
        for query in queries:
            writer.writerow((query.text, query.frequency, query.kind, query.split))


def _check(products: int, counts: QueryCounts, policy: str) -> None:
    if not LEAST_PRODUCTS <= products <= MOST_PRODUCTS:
        raise CatalogError(
            "no shop of that size",
            expected=f"{LEAST_PRODUCTS} to {MOST_PRODUCTS} products",
            found=str(products),
        )
    for name, count in asdict(counts).items():
        if not 1 <= count <= MOST_QUERIES:
            raise CatalogError(
                f"no set of {name} queries of that size",
                expected=f"1 to {MOST_QUERIES}",
                found=str(count),
            )
    if policy not in POLICIES:
        raise CatalogError("unknown policy", expected=" or ".join(POLICIES), found=policy)
