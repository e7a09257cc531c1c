"""Filters, facets, orders, pins and groups against brute force over the result set."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.errors import QueryError
from catalog.model import Product
from index import dense
from index.build import BuildSettings, build_index
from index.dense import DenseSettings
from index.engine import Engine
from index.page import least_relevance
from index.request import SearchRequest
from index.rules import Rule, Rules, Ties

DEPTH = 12
QUERIES = ("red kettle", "almond milk", "wool socks blue", "silver", "kettle zzz", "zzz", "belt")
FILTERS = (
    "", "price < 30", "price >= 40 AND in_stock = true", 'brand = "ardena"', 'colour != "red"',
    'category IN ["Pantry", "Garden"]', "rating > 3", "NOT rating EXISTS", "price < 0",
    'id IN ["p001", "p002", "p003"]', "added < 2026-02-01 OR organic = true", "price EXISTS",
)  # fmt: skip
TIERS = ("irrelevant", "substitute", "exact")
queries, filters = st.sampled_from(QUERIES), st.sampled_from(FILTERS)
modes = st.sampled_from(["hybrid", "lexical", "semantic"])
tiers = st.sampled_from(TIERS)
MANY = settings(max_examples=int(os.environ.get("FUZZ_EXAMPLES", "25")), deadline=None)


def shop(products: list[Product]) -> list[Product]:
    """The small shop with ratings, dates and variants; some lack each."""
    return [
        replace(
            product,
            values={
                **({"rating": float(number % 6)} if number % 4 else {}),
                **({"added": f"2026-{1 + number % 3:02}-1{number % 9}"} if number % 5 else {}),
                **({"model": product.title.rpartition(" ")[2]} if number % 7 else {}),
                "organic": number % 3 == 0,
            },
            stock=None if number % 10 == 0 else product.stock,
        )
        for number, product in enumerate(products)
    ]


@pytest.fixture(scope="module", params=["scan", "graph"])
def narrow(tmp_path_factory, demo_products, make_encoder, request) -> Iterator[Engine]:
    """Arms of depth 12 over 120 products, so that filters change what they propose.

    No number of rows is few, so that every plan is met.
    """
    root = tmp_path_factory.mktemp("narrow")
    build = BuildSettings(candidates=DEPTH, dense=DenseSettings(plan=request.param))
    build_index(shop(demo_products), make_encoder(), root, settings=build)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dense, "FEW_FOR_SCAN", 1)
        patch.setattr(dense, "GRAPH_IN_ROWS", 1)
        yield Engine.open(root, encoder=make_encoder())


def ruled(engine: Engine, *rules: Rule, ties: Ties | None = None) -> Engine:
    return Engine(engine.bundle, engine.encoder, Rules(rules, ties))


def every(engine: Engine, request: SearchRequest) -> list:
    return list(engine.search(replace(request, limit=100, offset=0)).hits)


def passing_rows(engine: Engine, text: str) -> list[int]:
    """Rows that pass, by their stored fields: a few predicates written out."""
    checks = {
        "": lambda p: True,
        "price < 30": lambda p: p.price < 30,
        "price >= 40 AND in_stock = true": lambda p: p.price >= 40 and (p.stock or 0) > 0,
        'brand = "ardena"': lambda p: p.brand == "Ardena",
        'colour != "red"': lambda p: p.attributes["colour"] != "red",
        'category IN ["Pantry", "Garden"]': lambda p: p.category[0] in {"Pantry", "Garden"},
        "rating > 3": lambda p: p.values.get("rating", 0) > 3,
        "NOT rating EXISTS": lambda p: "rating" not in p.values,
        "price < 0": lambda p: False,
        'id IN ["p001", "p002", "p003"]': lambda p: p.id in {"p001", "p002", "p003"},
        "added < 2026-02-01 OR organic = true": lambda p: (
            p.values.get("added", "9") < "2026-02-01" or p.values["organic"]
        ),
        "price EXISTS": lambda p: p.price is not None,
    }
    products = engine.bundle.store.products()
    return [row for row, product in enumerate(products) if checks[text](product)]


def brute_force(engine: Engine, request: SearchRequest) -> tuple[list, str]:
    """The union of each arm's best c among the rows that pass, scored, cut and ordered by hand.

    With the relation of its total: `gte` while the c-th of an arm that has one passes the cut.
    """
    prepared = engine.prepare(request)
    vector, mode = engine.encode(prepared), prepared.mode
    rows = np.array(passing_rows(engine, request.filter), np.int64)
    ids = engine.bundle.store.ids
    pairs = engine.pairs(prepared.terms, vector, mode, rows)
    kept: set[int] = set()
    last: list[int] = []
    for arm in (pairs.semantic, pairs.lexical):
        if arm is None:
            continue
        order = sorted(range(len(rows)), key=lambda at, s=arm: (-s[at], ids[rows[at]]))
        found = [at for at in order if arm is pairs.semantic or arm[at] > 0.0]
        kept.update(found[:DEPTH])
        if len(found) > DEPTH or (arm is pairs.lexical and len(found) == DEPTH):
            last.append(found[DEPTH - 1])
    part = engine.calibration.modes[prepared.part(mode)]
    relevance = part.link.relevance(pairs.scores)
    least = least_relevance(part, request)
    found = sorted(
        (-relevance[at], -pairs.scores[at], ids[rows[at]]) for at in kept if relevance[at] >= least
    )
    grades = part.thresholds.grades(np.array([-one[0] for one in found]))
    open_ended = any(relevance[at] >= least for at in last)
    return [
        (name, -relevance, TIERS[grade])
        for (relevance, _, name), grade in zip(found, grades, strict=True)
    ], "gte" if open_ended else "eq"


@MANY
@given(queries, filters, modes, tiers)
def test_a_filter_changes_what_is_found_and_no_score(narrow, query, text, mode, tier):
    # Scan and graph may miss what brute force finds.
    request = SearchRequest(query, filter=text, mode=mode, min_tier=tier, exact=True)
    found = [(hit.id, hit.relevance, hit.tier) for hit in every(narrow, request)]
    expected, relation = brute_force(narrow, request)
    assert found == expected
    total = narrow.search(request).total
    assert (total.value, total.relation) == (len(expected), relation)
    plain = SearchRequest(query, mode=mode, min_tier="irrelevant", exact=True)
    before = {hit.id: (hit.relevance, hit.tier) for hit in every(narrow, plain)}
    assert all(before.get(name, tuple(pair)) == tuple(pair) for name, *pair in found)


@MANY
@given(queries, filters, st.sampled_from(["hybrid", "semantic"]), st.integers(1, 30))
def test_every_plan_fills_the_page_while_products_pass(narrow, query, text, mode, limit):
    request = SearchRequest(query, filter=text, mode=mode, limit=limit, min_tier="irrelevant")
    rows = passing_rows(narrow, text)
    result = narrow.search(request)
    assert min(limit, DEPTH, len(rows)) <= len(result.hits) <= limit
    assert {narrow.bundle.store.row(hit.id) for hit in result.hits} <= set(rows)
    if text:
        assert result.plan["filter_passing"] == str(len(rows))
        ways = {"exact_scan", "masked_scan", "over_fetch", "masked_graph", "no product passes"}
        assert result.plan["filter"] in ways


FACETS = ("brand", "category", "colour", "organic", "price", "rating", "added", "attributes.colour")


@MANY
@given(queries, filters, tiers, st.lists(st.sampled_from(FACETS), unique=True), st.integers(0, 30))
def test_counts_are_those_of_every_member_that_passes(narrow, query, text, tier, names, offset):
    whole = SearchRequest(query, filter=text, min_tier=tier)
    products = [hit.product for hit in every(narrow, whole)]
    asked = replace(whole, facets=tuple(names), limit=3, offset=offset)
    result = narrow.search(asked)
    assert result.total.value == len(products) == sum(result.tier_counts.values())
    for name in names:
        values = [values_of(product, name) for product in products]
        if name in {"price", "rating", "added"}:
            flat = [each for one in values for each in one]
            assert name not in result.facets
            expected = {"min": min(flat), "max": max(flat)} if flat else None
            assert result.facet_stats.get(name) == expected
        else:
            counts = Counter(each for one in values for each in set(one))
            found = [(entry["value"], entry["count"]) for entry in result.facets[name]]
            assert found == sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    assert set(result.facets) | set(result.facet_stats) <= set(names)


def values_of(product: dict, name: str) -> list:
    if name == "category":
        return product["category"]
    name = name.removeprefix("attributes.")
    value = product.get(name, product["attributes"].get(name, product["values"].get(name)))
    return [] if value is None else [value]


SORTS = (
    "price",
    "price:desc",
    "rating",
    "rating:asc",
    "newest",
    "popularity",
    "in_stock,price:asc",
)


def key_of(hit, sort: tuple[str, ...]):
    keys = []
    for each in sort:
        name, _, way = each.partition(":")
        falling = way == "desc" or (not way and name != "price")
        if name == "newest":
            day = hit.product["values"].get("added")
            keys.append((day is None, -int(day.replace("-", "")) if day else 0))
            continue
        value = hit.product["values"].get(name) if name == "rating" else hit.product.get(name)
        if name == "in_stock":
            stock = hit.product["stock"]
            value = None if stock is None else stock > 0
        keys.append((value is None, (-value if falling else value) if value is not None else 0))
    return (-TIERS.index(hit.tier), *keys, -hit.relevance)


@MANY
@given(queries, filters, st.sampled_from(SORTS), tiers)
def test_a_sort_orders_within_tiers_and_changes_nothing_else(narrow, query, text, sort, tier):
    plain = SearchRequest(query, filter=text, min_tier=tier)
    keys = tuple(sort.split(","))
    found = every(narrow, replace(plain, sort=keys))
    assert [key_of(hit, keys) for hit in found] == sorted(key_of(hit, keys) for hit in found)
    before = {(hit.id, hit.relevance, hit.tier) for hit in every(narrow, plain)}
    assert {(hit.id, hit.relevance, hit.tier) for hit in found} == before


PIN = Rule(("red kettle", "BELT"), pin=("p119", "p007", "nowhere"), bury=("p000", "p024"))
WORD = Rule(("milk",), match="contains", pin=("p033",), bury=("p015", "p035"))
ENGINES = ("plain", "ruled", "tied")


def by_name(engine: Engine, name: str) -> Engine:
    if name == "ruled":
        return ruled(engine, PIN, WORD)
    return ruled(engine, ties=Ties(0.05, 0.03)) if name == "tied" else engine


@MANY
@given(
    queries, filters, st.sampled_from(["", *SORTS]), st.sampled_from(["", "model", "brand"]),
    st.sampled_from(ENGINES), st.integers(1, 40), st.integers(0, 40), st.booleans(),
)  # fmt: skip
def test_pages_are_windows_on_one_list(narrow, query, text, sort, group, name, limit, offset, lit):
    engine = by_name(narrow, name)
    sorting = tuple(sort.split(",")) if sort else ()
    whole = SearchRequest(query, filter=text, sort=sorting, group_by=group, min_tier="irrelevant")
    listed = [(hit.id, hit.rank, hit.rule, hit.group) for hit in every(engine, whole)]
    asked = replace(
        whole,
        limit=limit,
        offset=offset,
        fields=("title",) if lit else (),
        highlight=("title",) if lit else (),
        facets=("brand",),
    )
    page = engine.search(asked)
    shown = [(hit.id, hit.rank, hit.rule, hit.group) for hit in page.hits]
    assert shown == listed[offset:][:limit]
    assert page.total == engine.search(whole).total
    assert page.total.value == len(listed)


@MANY
@given(queries, filters, tiers)
def test_pins_come_first_and_buries_last_with_their_own_relevance(narrow, query, text, tier):
    request = SearchRequest(query, filter=text, min_tier=tier, exact=True)
    plain, found = every(narrow, request), every(ruled(narrow, PIN, WORD), request)
    by_query = {"red kettle": PIN, "belt": PIN, "almond milk": WORD}
    rule = by_query.get(query, Rule(("-",)))
    standing = {narrow.bundle.store.ids[row] for row in passing_rows(narrow, text)}
    pins = [name for name in rule.pin if name in standing]
    before = [hit.id for hit in plain]
    buried = [name for name in rule.bury if name in before]
    middle = [name for name in before if name not in pins and name not in buried]
    assert [hit.id for hit in found] == [*pins, *middle, *buried]
    assert [hit.rule for hit in found] == (
        ["pinned"] * len(pins) + [None] * len(middle) + ["buried"] * len(buried)
    )
    scores = {
        hit.id: (hit.relevance, hit.tier)
        for hit in every(narrow, replace(request, filter="", min_tier="irrelevant"))
    }
    assert all(scores.get(h.id, (h.relevance, h.tier)) == (h.relevance, h.tier) for h in found)


def test_every_plan_is_met(narrow):
    met = {
        narrow.search(SearchRequest("kettle", filter=text)).plan.get("filter") for text in FILTERS
    }
    scan = narrow.bundle.dense.settings.plan == "scan"
    ways = {"masked_scan"} if scan else {"masked_graph", "over_fetch"}
    assert met >= {"exact_scan", "no product passes", *ways}
    lexical = SearchRequest("kettle", filter="price > 3", mode="lexical")
    assert narrow.search(lexical).plan["filter"] == "masked_postings"


def test_a_sort_puts_rules_aside_and_says_so(narrow):
    result = ruled(narrow, PIN).search(SearchRequest("red kettle", sort=("price",)))
    assert result.plan["rules"].startswith("off")
    assert {hit.rule for hit in result.hits} == {None}


@MANY
@given(queries, st.sampled_from([(0.1, 0.0), (0.0, 0.1), (0.02, 0.05)]))
def test_ties_never_outweigh_more_than_their_bound(narrow, query, bounds):
    request = SearchRequest(query, min_tier="irrelevant")
    plain = every(narrow, request)
    found = every(ruled(narrow, ties=Ties(*bounds)), request)
    assert {hit.id: hit.relevance for hit in found} == {hit.id: hit.relevance for hit in plain}
    order = [TIERS.index(hit.tier) for hit in found]
    assert order == sorted(order, reverse=True)
    for at, hit in enumerate(found):
        for later in found[at + 1 :]:
            if later.tier == hit.tier:
                assert later.relevance - hit.relevance <= sum(bounds) + 1e-6
    alike = [hit for hit in found if bounds[1] == 0.0 and hit.product["stock"] == 0]
    for hit in alike:  # out of stock: behind whatever is as relevant and in stock
        behind = found[found.index(hit) + 1 :]
        assert not any(
            other.product["stock"] and other.relevance == hit.relevance and other.tier == hit.tier
            for other in behind
        )


@MANY
@given(queries, filters, st.sampled_from(["model", "brand", "colour"]))
def test_groups_show_their_best_and_count_the_rest(narrow, query, text, name):
    request = SearchRequest(query, filter=text, min_tier="irrelevant")
    members = every(narrow, request)
    grouped = every(narrow, replace(request, group_by=name))
    values = [(values_of(hit.product, name) or [None])[0] for hit in members]
    sizes = Counter(value for value in values if value is not None)
    seen: set[str] = set()
    expected = []
    for hit, value in zip(members, values, strict=True):
        if value is None:
            expected.append((hit.id, None, 1))
        elif value not in seen:
            seen.add(value)
            expected.append((hit.id, value, sizes[value]))
    assert [(hit.id, hit.group.value, hit.group.size) for hit in grouped] == expected


@pytest.mark.parametrize(
    ("change", "where", "says"),
    [
        ({"filter": "prise < 5"}, "filter", "character 1.*Did you mean price?"),
        ({"filter": 'price < "x"'}, "filter", "holds numbers at character 9"),
        ({"filter": 'price < "5"'}, "filter", "Leave out the quotes"),
        ({"filter": "brand = 5"}, "filter", "holds texts at character 9"),
        ({"filter": 'brand < "a"'}, "filter", "holds texts, at character 1"),
        ({"filter": "id = 5"}, "filter", "holds texts at character 6"),
        ({"filter": 'id < "a"'}, "filter", "does not work"),
        ({"filter": "organic = 1"}, "filter", "true or false"),
        ({"filter": "organic < true"}, "filter", "does not work"),
        ({"filter": "added = 5"}, "filter", "a date like 2026-01-31"),
        ({"filter": 'added = "soon"'}, "filter", "a date like 2026-01-31"),
        ({"filter": "price = true"}, "filter", "holds numbers"),
        ({"filter": 'BRAND = "x"'}, "filter", "Did you mean brand?"),
        ({"lang": "fr"}, "lang", "expected en"),
        ({"sort": ("relevance:asc",)}, "sort", "only falls"),
        ({"sort": ("price", "relevance:desc")}, "sort", "stands alone"),
        ({"facets": ("brnd",)}, "facets", "Did you mean brand?"),
        ({"facets": ("brand",) * 21}, "facets", "too many"),
        ({"sort": ("prize",)}, "sort", "Did you mean price?"),
        ({"sort": ("brand",)}, "sort", "texts have no order"),
        ({"sort": ("price:up",)}, "sort", "asc or desc"),
        ({"sort": ("price:",)}, "sort", "asc or desc"),
        ({"sort": ("price", "relevance")}, "sort", "stands alone"),
        ({"sort": ("price", "stock", "rating", "added")}, "sort", "too many"),
        ({"fields": ("titel",)}, "fields", "there is no field"),
        ({"fields": ("title",) * 51}, "fields", "too many"),
        ({"highlight": ("price",)}, "highlight", "title, brand, description"),
        ({"group_by": "modell"}, "group_by", "Did you mean model?"),
        ({"group_by": "price"}, "group_by", "holds no texts"),
        ({"group_by": "category"}, "group_by", "several values"),
    ],
)
def test_wishes_that_cannot_be_met_name_the_parameter(narrow, change, where, says):
    with pytest.raises(QueryError, match=says) as caught:
        narrow.prepare(replace(SearchRequest("kettle"), **change))
    assert caught.value.where == where


def test_fields_and_highlight_dress_hits_alone(narrow):
    plain = narrow.search(SearchRequest("red kettles", min_tier="irrelevant"))
    names = ("title", "price", "colour", "rating", "in_stock", "values")
    asked = SearchRequest(
        "red kettles", min_tier="irrelevant", fields=names, highlight=("title", "brand")
    )
    dressed = narrow.search(asked)
    for before, after in zip(plain.hits, dressed.hits, strict=True):
        assert tuple(after.product) == names
        assert after.product["colour"] == before.product["attributes"]["colour"]
        assert after.product["rating"] == before.product["values"].get("rating")
        assert after.product["values"] == before.product["values"]
        assert set(after.highlight) == {"title", "brand"}
        assert (after.id, after.relevance) == (before.id, before.relevance)
    assert "<mark>kettle</mark>" in dressed.hits[0].highlight["title"]
    assert all(hit.highlight is None for hit in plain.hits)
