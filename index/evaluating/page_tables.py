"""The page's tables of slices, misspelt queries, comparison and calibration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from catalog.pages.markup import NOTHING, Html, count, element, escaped, figure, joined, table
from index.evaluating.cells import interval
from index.evaluating.figures import FIGURES
from index.evaluating.slice_report import ENOUGH, SLICE_FIGURES

Record = Mapping[str, Any]


def stacked(record: Record, sign: str = "", kind: str = "plain") -> Html:
    """A mean with its interval below; a dash where nothing was measured."""
    if record["mean"] is None:
        return NOTHING
    mean = element("span", escaped(f"{record['mean']:{sign}.3f}"), class_=kind)
    low, high = record["low"], record["high"]
    return joined([mean, element("small", escaped(f"[{low:{sign}.3f}, {high:{sign}.3f}]"))], "")


def slices_section(slices: Sequence[Record]) -> Html:
    """A table a figure; what is significantly below lexical search stands out."""
    parts = [
        element("h2", escaped("Slices")),
        element("p", escaped(_SLICES), class_="note"),
    ]
    for name in SLICE_FIGURES:
        rows = [_slice(one, name) for one in slices]
        heads = ["slice", "queries", "lexical", "semantic − lexical", "hybrid − lexical", ""]
        parts += [element("h3", escaped(name)), table(heads, rows, texts=(0, 5))]
    return element("section", parts, id="slices")


_SLICES = (
    f"Some of the queries, or of the judged products. With fewer than {ENOUGH} queries a slice is "
    "shown, and nothing is concluded from it."
)


def _slice(one: Record, name: str) -> list[Html]:
    behind = one["difference_to_lexical"]
    verdicts = {mode: of_mode[name]["verdict"] for mode, of_mode in behind.items()}
    label = element("span", escaped(f"{one['group']}: {one['name']}"), title=one["how"])
    return [
        label,
        count(one["queries"]),
        figure(one["modes"]["lexical"][name]["mean"], 3),
        *(escaped(interval(behind[mode][name], "+")) for mode in ("semantic", "hybrid")),
        _remark(bool(one["enough"]), verdicts),
    ]


def _remark(enough: bool, verdicts: Mapping[str, str | None]) -> Html:
    if not enough:
        return element("span", escaped("too few"), class_="badge unjudged")
    worse = [mode for mode, verdict in verdicts.items() if verdict == "worse"]
    if worse:
        words = f"{' and '.join(worse)} below lexical"
        return element("span", escaped(words), class_="badge substitute")
    better = [mode for mode, verdict in verdicts.items() if verdict == "better"]
    words = f"{' and '.join(better)} above" if better else "level"
    return element("span", escaped(words), class_="badge exact" if better else "badge irrelevant")


_SLIPPED = ("ndcg@10", "recall@100", "precision@10", "tier_accuracy", "no_confident_match")


def misspelt_section(found: Record) -> Html:
    """Clean, misspelt and relative change, by mode and figure."""
    rows = [
        [
            escaped(label),
            escaped(mode),
            escaped(name),
            figure(part["clean"]["mean"], 3),
            figure(part["misspelt"]["mean"], 3),
            _percent(part["relative"]),
            escaped(interval(part["difference"], "+")),
        ]
        for label, modes in (("as served", "modes"), ("without", "uncorrected"))
        for mode, of_mode in found[modes].items()
        for name, part in of_mode.items()
        if name in _SLIPPED
    ]
    note = (
        f"One letter wrong in each query, seed {found['seed']}; {found['unchanged']} of "
        f"{found['queries']} have no word that can go wrong, and correction reads "
        f"{found['restored']} as the right query again. For instance: "
        + ", ".join(f"{right} → {wrong}" for right, wrong in found["examples"])
    )
    heads = [
        *("correction", "mode", "figure", "clean", "misspelt"),
        *("relative change", "difference"),
    ]
    return element(
        "section",
        [
            element("h2", escaped("Misspelt queries")),
            element("p", escaped(note), class_="note"),
            table(heads, rows, texts=(0, 1, 2)),
        ],
        id="misspelt",
    )


def _percent(record: Record) -> Html:
    if record["mean"] is None:
        return NOTHING
    return escaped(f"{record['mean']:+.1%} [{record['low']:+.1%}, {record['high']:+.1%}]")


def comparison_section(comparison: Record) -> Html:
    """Both sides and their difference, by mode and figure."""
    rows = [
        [
            escaped(mode),
            escaped(name),
            figure(of_mode[name]["first"]["mean"], 3),
            figure(of_mode[name]["second"]["mean"], 3),
            escaped(interval(of_mode[name]["difference"], "+")),
            escaped(of_mode[name]["difference"]["verdict"] or ""),
        ]
        for mode, of_mode in comparison["modes"].items()
        for name in FIGURES
    ]
    note = f"First: {comparison['first']}. Second: {comparison['second']}. Query by query."
    heads = ["mode", "figure", "first", "second", "first − second", ""]
    return element(
        "section",
        [
            element("h2", escaped("Comparison")),
            element("p", escaped(note), class_="note"),
            table(heads, rows, texts=(0, 1, 5)),
        ],
        id="comparison",
    )


def returned_table(returned: Record) -> Html:
    """A row a mode: its returned hits, their tiers, and those that were called exact."""
    rows = [
        [
            escaped(mode),
            count(part["hits"]),
            figure(part["judged"], 3),
            stacked(part["accuracy"]),
            stacked(part["accuracy_by_query"]),
            count(part["exact"]["hits"]),
            count(part["exact"]["queries"]),
            stacked(part["exact"]["precision"]),
        ]
        for mode, part in returned.items()
    ]
    heads = [
        *("mode", "hits", "judged", "tier accuracy", "by query"),
        *("called exact", "of queries", "are exact"),
    ]
    return table(heads, rows, texts=(0,))


def populations_table(populations: Record, names: Mapping[str, str]) -> Html:
    """A row a mode and population; populations without pairs are left out."""
    rows = [
        [
            escaped(mode),
            escaped(names[name]),
            count(part["pairs"]),
            figure(part["tier_accuracy"], 3),
            figure(part["majority"], 3),
            escaped(" / ".join(f"{part['ece'][key]:.3f}" for key in _ERRORS)),
            stacked(part["skill"], "+"),
            *(
                escaped(f"{part[cut]['said']:.3f} / {part[cut]['so']:.3f}")
                for cut in ("substitute", "exact")
            ),
            figure(part["passed"], 3),
        ]
        for mode, of_mode in populations.items()
        for name, part in of_mode.items()
        if part["pairs"]
    ]
    heads = [
        *("mode", "pairs of", "pairs", "tier accuracy", "commonest"),
        *("ECE / noise / constant", "skill over constant"),
        *("P(≥ substitute) said / so", "P(exact) said / so", "passed"),
    ]
    return table(heads, rows, texts=(0, 1))


_ERRORS = ("ece", "noise_floor", "constant")
