"""Field weights, k1 and b of the lexical arm: the shipped numbers beside the best found.

    python benchmarks/lexical_tuning.py --products products.jsonl --qrels qrels_train.tsv \
        --out benchmarks/lexical_tuning.json

On judged training queries alone, nDCG@10 with gains 1, ½ and 0 over the whole catalogue, as the
index ranks without spelling correction. Coordinate searches over a small grid (from the shipped
numbers, from every field alike, from four drawn at random) keep the best end. In fold they see all
queries; out of fold each fifth is measured with what the other four chose. The shipped numbers were
once chosen on such queries themselves: the comparison favours them where these are the same, and
the searches are made once more without starting there.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from time import perf_counter

import numpy as np

from catalog.measures import paired_bootstrap, qrels_of
from catalog.model import Grade, Product
from catalog.readers import read_judgments, read_products
from index.alpha import DEPTH, ndcg
from index.lexical import FieldSettings, LexicalIndex, LexicalSettings, Statistics
from index.lexical_build import LexicalBuilder, _Field, _Reading
from index.ranking import id_ranks
from index.words.settings import WordSettings

FOLDS = 5
SEED = 0
DRAWN = 4
ROUNDS = 4
SHIPPED = LexicalSettings()
# Only ratios of weights and k1 count, so the title's weight is held.
HELD = "title.weight"
GRID: dict[str, tuple[float, ...]] = {
    "k1": (0.15, 0.3, 0.6, 1.2, 2.0, 3.0, 5.0),
    "title.b": (0.0, 0.25, 0.5, 0.75, 0.9),
    "brand.weight": (0.0, 2.0, 4.0, 6.0),
    "brand.b": (0.0, 0.5, 0.75),
    "category.weight": (0.0, 1.0, 2.0, 4.0, 6.0),
    "category.b": (0.0, 0.5, 0.75),
    "attributes.weight": (0.0, 1.0, 2.0, 4.0),
    "attributes.b": (0.0, 0.5, 0.75),
    "description.weight": (0.0, 0.1, 0.25, 0.5, 1.0, 2.0),
    "description.b": (0.0, 0.3, 0.6, 0.75, 0.9),
}
ALIKE = replace(SHIPPED, k1=6.0, fields={name: FieldSettings(6.0, 0.75) for name in SHIPPED.fields})

Qrels = Mapping[str, Mapping[str, int]]
Values = np.ndarray  # nDCG@10 of each query


class Ranking:
    """The postings of the words of some queries, made anew for each setting in milliseconds."""

    def __init__(self, products: Sequence[Product], qrels: Qrels) -> None:
        plan = WordSettings().plan()
        self._builder = LexicalBuilder(analyser=plan.base, learn=plan.learn)
        for product in products:
            self._builder.add(product)
        corpus = self._builder.corpus
        self._analyser = plan.learn(corpus)
        self._reading = _Reading(corpus, self._analyser)
        self._fields = {name: _Field(corpus, self._reading, name) for name in SHIPPED.fields}
        self._means = {name: field.mean_length() for name, field in self._fields.items()}
        self._ids = [product.id for product in products]
        self._ranks = id_ranks(self._ids)
        self._qrels = qrels
        self._terms = {query: self._analyser.query_terms(query) for query in qrels}
        self._keep({term for terms in self._terms.values() for term, _ in terms.counts})
        self._known: dict[str, Values] = {}

    def _keep(self, wanted: set[str]) -> None:
        numbers = [self._reading.number[term] for term in wanted if term in self._reading.number]
        for field in self._fields.values():
            kept = np.isin(field.keys // max(1, len(self._ids)), numbers)
            field.keys, field.frequencies = field.keys[kept], field.frequencies[kept]

    def index(self, settings: LexicalSettings) -> LexicalIndex:
        """The lexical arm of the whole catalogue, words of other queries left out."""
        self._builder.settings = settings
        parts = self._builder._postings(self._reading, self._fields, self._means)
        count = len(self._ids)
        frequency = np.diff(parts[1])
        statistics = Statistics(count, frequency, self._means, settings, self._analyser)
        return LexicalIndex(*parts, count, statistics)

    def measure(self, settings: LexicalSettings) -> Values:
        """nDCG@10 of every query, (queries,)."""
        key = repr(settings)
        if key not in self._known:
            index = self.index(settings)
            values = [self._one(index, query) for query in self._qrels]
            self._known[key] = np.array(values)
        return self._known[key]

    @property
    def tried(self) -> int:
        """How many settings were measured so far."""
        return len(self._known)

    def _one(self, index: LexicalIndex, query: str) -> float:
        grades = self._qrels[query]
        rows, _, _ = index.top(self._terms[query], DEPTH, self._ranks)
        gains = [Grade(grades.get(self._ids[row], 0)).gain for row in rows.tolist()]
        ideal = [Grade(grade).gain for grade in grades.values()]
        return ndcg(np.array(gains), np.array(ideal))


def changed(settings: LexicalSettings, name: str, value: float) -> LexicalSettings:
    """The settings with one number of `GRID` replaced."""
    if name == "k1":
        return replace(settings, k1=value)
    field, number = name.split(".")
    part = replace(settings.fields[field], **{number: value})
    return replace(settings, fields={**settings.fields, field: part})


def climb(
    measure: Callable[[LexicalSettings], Values], start: LexicalSettings, rows: np.ndarray
) -> LexicalSettings:
    """One number after the other at its best for the queries `rows`, until none gains."""
    best, value = start, float(measure(start)[rows].mean())
    for _ in range(ROUNDS):
        before = value
        for name, grid in GRID.items():
            for one in (changed(best, name, number) for number in grid):
                found = float(measure(one)[rows].mean())
                if found > value + 1e-9:
                    best, value = one, found
        if value <= before:
            break
    return best


def chosen(
    measure: Callable[[LexicalSettings], Values],
    rows: np.ndarray,
    starts: Sequence[LexicalSettings],
) -> LexicalSettings:
    """The better of the climbs from all starts, by the queries `rows`."""
    ends = [climb(measure, start, rows) for start in starts]
    return max(ends, key=lambda settings: float(measure(settings)[rows].mean()))


def out_of_fold(
    measure: Callable[[LexicalSettings], Values], queries: int, starts: Sequence[LexicalSettings]
) -> tuple[Values, list[LexicalSettings]]:
    """Each query's nDCG@10 by what the other folds chose, and what each of them chose."""
    fold = np.random.default_rng(SEED).permutation(queries) % FOLDS
    values, settings = np.full(queries, np.nan), []
    for number in range(FOLDS):
        best = chosen(measure, np.flatnonzero(fold != number), starts)
        settings.append(best)
        values[fold == number] = measure(best)[fold == number]
    return values, settings


def record(settings: LexicalSettings) -> dict[str, float]:
    """The numbers by name."""
    numbers = {"k1": settings.k1}
    for name, part in settings.fields.items():
        numbers |= {f"{name}.weight": part.weight, f"{name}.b": part.b}
    return numbers


def difference(ours: Values, theirs: Values) -> dict[str, float]:
    """Mean with its standard error and 95 % interval, query by query."""
    each, interval = ours - theirs, paired_bootstrap(ours, theirs)
    error = float(each.std(ddof=1) / math.sqrt(len(each)))
    return {"mean": interval.mean, "error": error, "low": interval.low, "high": interval.high}


def drawn(count: int) -> list[LexicalSettings]:
    """Settings with every number of the grid drawn at random."""
    rng = np.random.default_rng(SEED)
    found = []
    for _ in range(count):
        one = SHIPPED
        for name, grid in GRID.items():
            one = changed(one, name, float(rng.choice(grid)))
        found.append(one)
    return found


def tune(ranking: Ranking, queries: int) -> dict[str, object]:
    """Shipped, best in fold and out of fold, as JSON values."""
    measure, every = ranking.measure, np.arange(queries)
    shipped = measure(SHIPPED)
    others = [ALIKE, *drawn(DRAWN)]
    best = chosen(measure, every, [SHIPPED, *others])
    body: dict[str, object] = {
        "queries": queries,
        "folds": FOLDS,
        "seed": SEED,
        "starts": len(others) + 1,
        "grid": GRID,
        "held": {HELD: SHIPPED.fields["title"].weight},
        "shipped": {"settings": record(SHIPPED), "ndcg@10": float(shipped.mean())},
        "alike": {"settings": record(ALIKE), "ndcg@10": float(measure(ALIKE).mean())},
        "in_fold": {
            "settings": record(best),
            "ndcg@10": float(measure(best).mean()),
            "difference": difference(measure(best), shipped),
        },
    }
    for name, starts in (("out_of_fold", [SHIPPED, *others]), ("out_of_fold_from_others", others)):
        values, folds = out_of_fold(measure, queries, starts)
        body[name] = {
            "ndcg@10": float(values.mean()),
            "difference": difference(values, shipped),
            "settings": [record(one) for one in folds],
        }
    return body


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("--products", type=Path, required=True)
    asked.add_argument("--layout", default="esci")
    asked.add_argument("--qrels", type=Path, required=True)
    asked.add_argument("--out", type=Path, required=True)
    options = asked.parse_args()
    began = perf_counter()
    products: dict[str, Product] = {}
    for product in read_products(options.products, options.layout):
        products.setdefault(product.id, product)
    qrels = qrels_of(read_judgments(options.qrels, known_products=frozenset(products)))
    ranking = Ranking([*products.values()], qrels)
    found = {
        "command": f"python benchmarks/lexical_tuning.py --products {options.products.name} "
        f"--layout {options.layout} --qrels {options.qrels.name} --out {options.out.name}",
        "products": len(products),
        **tune(ranking, len(qrels)),
        "settings_tried": ranking.tried,
    }
    options.out.write_text(json.dumps(found, indent=1) + "\n")
    for name in ("shipped", "alike", "in_fold", "out_of_fold", "out_of_fold_from_others"):
        part = found[name]
        line = f"{name:<24}{part['ndcg@10']:.4f}"
        if "difference" in part:
            gain = part["difference"]
            line += f"   to shipped {gain['mean']:+.4f} ± {gain['error']:.4f}"
        print(line)
    print("best of all queries:", found["in_fold"]["settings"])
    print(f"{ranking.tried} settings in {perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
