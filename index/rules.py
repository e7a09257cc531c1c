"""Merchandising rules: products pinned to the top of a query's answer or buried at its end.

A rules file is TOML or JSON:

    [ties]                        # may be left out
    stock = 0.02                  # what being out of stock costs, in relevance, within a tier
    popularity = 0.01             # what being the most popular product is worth

    [[rule]]
    queries = ["oat milk", "oatmilk"]
    match = "exact"               # or "contains": the words stand anywhere in the query
    pin = ["sku-7", "sku-3"]      # first, in this order
    bury = ["sku-9"]              # last

Neither changes relevance or tier. A pinned product is shown whatever its tier, unless a filter
leaves it out; the hit says so.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from catalog.errors import RulesError
from catalog.text import normalise

RULES_FILE = "rules.json"
MAX_TIE = 0.1
MAX_PINS = 50
Match = Literal["exact", "contains"]


@dataclass(frozen=True)
class Ties:
    """How much relevance stock and popularity may outweigh within a tier, each in [0, MAX_TIE]."""

    stock: float = 0.0
    popularity: float = 0.0

    @property
    def matter(self) -> bool:
        """Whether either does."""
        return self.stock > 0.0 or self.popularity > 0.0


@dataclass(frozen=True)
class Rule:
    """What holds for some queries; products by id."""

    queries: tuple[str, ...]
    match: Match = "exact"
    pin: tuple[str, ...] = ()
    bury: tuple[str, ...] = ()


@dataclass(frozen=True)
class Placement:
    """Products to show first and last for one query, by id, in order."""

    pin: tuple[str, ...] = ()
    bury: tuple[str, ...] = ()


NO_PLACEMENT = Placement()


class Rules:
    """The rules of one shop, ready to be asked. Immutable."""

    def __init__(self, rules: tuple[Rule, ...] = (), ties: Ties | None = None) -> None:
        self.rules = rules
        self.ties = ties or Ties()
        self._exact: dict[str, list[Rule]] = {}
        self._contained: list[tuple[str, Rule]] = []
        for rule in rules:
            for query in map(normalise, rule.queries):
                if rule.match == "exact":
                    self._exact.setdefault(query, []).append(rule)
                else:
                    self._contained.append((f" {query} ", rule))

    def of(self, *texts: str) -> Placement:
        """What holds for a query, as typed or as corrected; earlier rules come first.

        Of a product that one rule pins and another buries the pin counts.
        """
        if not self.rules:
            return NO_PLACEMENT
        found: list[Rule] = []
        for text in dict.fromkeys(map(normalise, texts)):
            found += self._exact.get(text, ())
            found += [rule for query, rule in self._contained if query in f" {text} "]
        pin = dict.fromkeys(product for rule in found for product in rule.pin)
        bury = dict.fromkeys(product for rule in found for product in rule.bury)
        return Placement(tuple(pin), tuple(product for product in bury if product not in pin))

    @property
    def named(self) -> list[str]:
        """Ids of all products that are pinned or buried, each once."""
        return list(dict.fromkeys(each for rule in self.rules for each in (*rule.pin, *rule.bury)))

    def save(self, directory: Path) -> None:
        """Write them as JSON into the directory of an index."""
        body = {"rule": [asdict(rule) for rule in self.rules], "ties": asdict(self.ties)}
        (directory / RULES_FILE).write_text(json.dumps(body, indent=1, ensure_ascii=False) + "\n")


def saved_rules(directory: Path) -> Rules:
    """The rules that an index was built with, none if it has none. Raises RulesError."""
    path = directory / RULES_FILE
    return read_rules(path) if path.is_file() else Rules()


def read_rules(path: Path) -> Rules:
    """The rules of a TOML or JSON file. Raises RulesError naming the rule at fault."""
    try:
        text = path.read_text("utf-8-sig")
        body = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except (OSError, ValueError, RecursionError) as error:
        raise RulesError(
            f"the rules cannot be read: {error}",
            where=path,
            expected="a TOML file, or JSON in a file that ends in .json",
        ) from error
    return parse_rules(body, str(path))


def parse_rules(body: Any, where: str) -> Rules:
    """Rules from the values of a file. Raises RulesError."""
    _check_keys(body, {"rule", "ties"}, where, "the file")
    entries = body.get("rule", [])
    if not isinstance(entries, list):
        raise RulesError("`rule` is a list", where=where, expected="[[rule]] for each")
    ties = body.get("ties", {})
    _check_keys(ties, {"stock", "popularity"}, where, "[ties]")
    for name, share in ties.items():
        if isinstance(share, bool) or not isinstance(share, int | float):
            share = -1.0
        if not 0.0 <= share <= MAX_TIE:
            raise RulesError(
                f"`{name}` is not usable",
                where=f"{where}, [ties]",
                expected=f"a number from 0 to {MAX_TIE}",
                found=repr(ties[name]),
            )
    return Rules(
        tuple(_rule(entry, f"{where}, rule {n}") for n, entry in enumerate(entries, 1)),
        Ties(**ties),
    )


def _rule(entry: Any, where: str) -> Rule:
    _check_keys(entry, {"queries", "match", "pin", "bury"}, where, "a rule")
    rule = Rule(
        queries=_texts(entry, "queries", where),
        match=entry.get("match", "exact"),
        pin=_texts(entry, "pin", where),
        bury=_texts(entry, "bury", where),
    )
    if rule.match not in get_args(Match):
        raise RulesError(
            "there is no such match",
            where=where,
            expected=f"one of {', '.join(get_args(Match))}",
            found=repr(rule.match),
        )
    if not rule.queries or not all(map(normalise, rule.queries)):
        raise RulesError("a rule needs queries", where=where, expected='queries = ["…"]')
    if not (rule.pin or rule.bury):
        raise RulesError("a rule pins or buries something", where=where, expected="pin or bury")
    if len(rule.pin) > MAX_PINS:
        raise RulesError(
            "it pins too many",
            where=where,
            expected=f"at most {MAX_PINS}",
            found=str(len(rule.pin)),
        )
    for product in rule.pin:
        if product in rule.bury:
            raise RulesError(f"it pins and buries product {product!r}", where=where)
    return rule


def _texts(entry: Mapping[str, Any], name: str, where: str) -> tuple[str, ...]:
    values = entry.get(name, [])
    if not isinstance(values, list | tuple) or not all(isinstance(v, str) and v for v in values):
        raise RulesError(f"`{name}` is a list of texts", where=where, expected=f'{name} = ["…"]')
    return tuple(dict.fromkeys(values))


def _check_keys(body: Any, known: set[str], where: str, part: str) -> None:
    if not isinstance(body, dict):
        raise RulesError(f"{part} is a table", where=where, found=type(body).__name__)
    for key in body:
        if key not in known:
            raise RulesError(
                f"{part} does not know `{key}`", where=where, expected=", ".join(sorted(known))
            )
