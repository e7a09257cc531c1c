"""Which training queries ask for the same thing, and which may be pushed apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

import torch
from torch import Tensor

from catalog.model import Grade
from training.augment.query_pairs import query_pairs
from training.corpus import Corpus, Graded
from training.settings import SupconSettings


@dataclass(frozen=True)
class AlikeQueries:
    """Pairs of judged queries, each the partner of the other.

    `partners` has the queries that make a pair; `answers` the exact products of every training
    query, made-up and misspelt ones too: who shares one with a query is no negative of it.
    """

    partners: Mapping[str, Sequence[str]]
    answers: Mapping[str, frozenset[int]]

    @property
    def pairs(self) -> int:
        """How many pairs there are."""
        return sum(map(len, self.partners.values())) // 2

    def draw(self, query: str, rng: Random) -> str | None:
        """One partner of the query, drawn evenly; None where it has none."""
        partners = self.partners.get(query)
        return rng.choice(partners) if partners else None

    def relations(self, queries: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Who is a pair with whom, and who is a stranger to whom: two (n, n) bool, symmetric.

        Strangers share no exact product. Queries that share one but make no pair, and the same
        query twice, are neither.
        """
        holders: dict[str | int, list[int]] = {}  # a query's text or a product → places
        for place, query in enumerate(queries):
            for key in (query, *self.answers.get(query, ())):
                holders.setdefault(key, []).append(place)
        related = torch.eye(len(queries), dtype=torch.bool)
        alike = torch.zeros_like(related)
        for places in holders.values():
            if len(places) > 1:  # most products answer one query of a batch
                at = torch.tensor(places)
                related[at[:, None], at] = True
        for place, query in enumerate(queries):
            for partner in self.partners.get(query, ()):
                for other in holders.get(partner, ()):
                    alike[place, other] = True
        return alike, ~related


def alike_queries(corpus: Corpus, settings: SupconSettings) -> AlikeQueries:
    """The pairs that people's judgments make; what joined the judgments makes none."""
    partners: dict[str, list[str]] = {}
    for pair in query_pairs(corpus.judged, settings.pair_overlap, settings.pair_shared):
        partners.setdefault(pair.first, []).append(pair.second)
        partners.setdefault(pair.second, []).append(pair.first)
    return AlikeQueries(partners, _answers(corpus.train))


def pairs_line(alike: AlikeQueries, corpus: Corpus, settings: SupconSettings) -> str:
    """What to tell of them when the stage begins."""
    found = f"{alike.pairs}, of {len(alike.partners)} queries" if alike.pairs else "none"
    return (
        f"query pairs: {found} among {len(corpus.judged)} judged "
        f"(exact products in common: at least {settings.pair_shared}, "
        f"overlap: at least {settings.pair_overlap:g})"
    )


def _answers(graded: Graded) -> dict[str, frozenset[int]]:
    return {
        query: frozenset(row for row, grade in grades.items() if grade == Grade.EXACT)
        for query, grades in graded.items()
    }
