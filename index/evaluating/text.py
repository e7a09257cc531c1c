"""The report of `gradus evaluate` as text, at most 100 columns wide."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from index.evaluating.cells import interval, number, overlap_note
from index.evaluating.figures import FIGURES, LESS_IS_BETTER
from index.evaluating.slice_report import ENOUGH, SLICE_FIGURES, below_lexical
from index.evaluating.text_queries import worst_lines

Report = Mapping[str, Any]
_DIFFERENCES = ("ndcg@10", "recall@100")
_SLIPPED = ("ndcg@10", "recall@100", "no_confident_match")


def evaluation_table(report: Report, *, worst: bool = False) -> str:
    """The report of `index.evaluate` for a terminal; with `worst` also the worst queries."""
    blocks = [
        _headline(report),
        _to_each_arm(report),
        _slices(report),
        _tiers(report),
        _returned(report),
        _populations(report),
    ]
    if "misspelt" in report:
        blocks.append(_misspelt(report["misspelt"]))
    if "comparison" in report:
        blocks.append(comparison_lines(report["comparison"]))
    if worst:
        blocks.append(worst_lines(report["worst"]))
    return "\n".join("\n".join([*block, ""]) for block in blocks).rstrip()


def comparison_table(comparison: Report) -> str:
    """What `index.evaluate.compare_files` found, for a terminal."""
    return "\n".join(comparison_lines(comparison))


def _headline(report: Report) -> Iterator[str]:
    modes = list(report["modes"])
    yield (
        f"{report['queries']} queries, {report['judged_pairs']:,} judged pairs, "
        f"{report['products']:,} products; index {report['index']}"
    )
    low, high = report["alpha_interval"]
    yield (
        f"calibration {report['calibration_name']}, alpha {report['alpha']} [{low:g}, {high:g}], "
        f"policy {report['policy']}"
    )
    if any(report["overlap"].values()):
        yield f"note: {overlap_note(report['overlap'])}"
    yield ""
    yield " " * 20 + "".join(f"{mode:>24}" for mode in modes)
    for name in FIGURES:
        cells = [interval(report["modes"][mode][name]) for mode in modes]
        yield f"{name:<20}" + "".join(f"{cell:>24}" for cell in cells)
    silent = report["nonsense"]["no_confident_match"]
    yield f"queries of random letters: {silent:.0%} get no confident match"


def _to_each_arm(report: Report) -> Iterator[str]:
    for behind in ("lexical", "semantic"):
        yield f"difference to {behind}, query by query (95 %)"
        for mode, of_mode in report[f"difference_to_{behind}"].items():
            for name in _DIFFERENCES:
                found = of_mode[name]
                yield f"  {mode:<10}{name:<12}{interval(found, '+'):<26}{found['verdict'] or ''}"


def _slices(report: Report) -> Iterator[str]:
    for name in SLICE_FIGURES:
        yield f"{'slices, ' + name:<37}{'queries':>8}{'lexical':>9}   difference to lexical"
        yield " " * 57 + f"{'semantic':<22}hybrid"
        for part in report["slices"]:
            yield _slice_line(part, name)
        yield ""
    yield f"  ~ fewer than {ENOUGH} queries: shown, not judged   ! significantly below lexical"
    for mode in report["difference_to_lexical"]:
        below = sum(bool(below_lexical(part, mode)) for part in report["slices"])
        yield f"  {mode} significantly below lexical in {below} of {len(report['slices'])} slices"


def _slice_line(part: Report, name: str) -> str:
    cells = []
    for of_mode in part["difference_to_lexical"].values():
        bad = part["enough"] and of_mode[name]["verdict"] == "worse"
        cells.append(f"{_short(of_mode[name])}{'!' if bad else ' '}")
    label = f"  {part['group']}: {part['name']}"[:37]
    mark = " " if part["enough"] else "~"
    lexical = number(part["modes"]["lexical"][name]["mean"])
    line = f"{label:<37}{part['queries']:>7}{mark}{lexical:>9}  "
    return (line + "".join(f"{cell:>22}" for cell in cells)).rstrip()


def _short(record: Report) -> str:
    if record["mean"] is None or record["low"] is None:
        return "none"
    return f"{record['mean']:+.3f} [{record['low']:+.2f},{record['high']:+.2f}]"


def _tiers(report: Report) -> Iterator[str]:
    tiers, calibration, margins = report["tiers"], report["calibration"], report["margins"]
    yield (
        f"tiers on {tiers['pairs']:,} judged pairs: accuracy {number(tiers['accuracy'])}, "
        f"always the most common grade {number(tiers['majority'])}"
    )
    yield (
        f"  every query weighing the same: accuracy {number(tiers['accuracy_by_query'])}, "
        f"the most common grade {number(tiers['majority_by_query'])}"
    )
    yield "  judged \\ said" + "".join(f"{label:>13}" for label in tiers["labels"])
    for label, row in zip(tiers["labels"], tiers["confusion"], strict=True):
        yield f"  {label:<13}" + "".join(f"{count:>13}" for count in row)
    aucs = ", ".join(f"{cut} {number(part['auc'])}" for cut, part in calibration["cuts"].items())
    yield f"AUC of the hybrid score on them: {aucs}"
    yield f"margins: average {number(margins['avg'])}, worst {number(margins['worst'])}"


def _returned(report: Report) -> Iterator[str]:
    yield "first twenty hits as shown; one that nobody judged counts as irrelevant (95 %)"
    yield (
        f"{'':<12}{'hits':>7}{'judged':>8}{'accuracy of tiers':>24}{'by query':>10}"
        f"{'as exact':>10}   so many are"
    )
    for mode, part in report["returned"].items():
        exact = part["exact"]
        yield (
            f"  {mode:<10}{part['hits']:>7,}{number(part['judged']):>8}"
            f"{interval(part['accuracy']):>24}{number(part['accuracy_by_query']['mean']):>10}"
            f"{exact['hits']:>10,}   {interval(exact['precision'])}"
        )


def _populations(report: Report) -> Iterator[str]:
    yield (
        f"{'calibration, hybrid':<20}{'pairs':>8}{'accuracy/':>12}{'ECE/noise/':>19}"
        f"{'skill over':>21}{'P(>=1)':>13}{'passed':>7}"
    )
    yield f"{'':<20}{'':>8}{'commonest':>12}{'constant':>19}{'constant':>21}{'said/so':>13}"
    for name, part in report["populations"]["hybrid"].items():
        if not part["pairs"]:
            continue
        ece, skill, said = part["ece"], part["skill"], part["substitute"]
        tiers = f"{number(part['tier_accuracy'])}/{number(part['majority'])}"
        error = "/".join(number(ece[key]) for key in ("ece", "noise_floor", "constant"))
        yield (
            f"  {_POPULATIONS[name]:<18}{part['pairs']:>8,}{tiers:>12}{error:>19}"
            f"{_short(skill):>21}{number(said['said']) + '/' + number(said['so']):>13}"
            f"{number(part['passed']):>7}"
        )


_POPULATIONS = {
    "judged": "judged pairs",
    "shown": "first twenty hits",
    "random": "random products",
}


def _misspelt(found: Report) -> Iterator[str]:
    yield (
        f"one letter wrong in each query (seed {found['seed']}; {found['unchanged']} of "
        f"{found['queries']} have no word for it), paired"
    )
    yield f"correction reads {found['restored']} of them as the right query again"
    for label, modes in (("as served", "modes"), ("without correction", "uncorrected")):
        yield f"  {label:<32}{'clean':>8}{'misspelt':>10}   relative change"
        for mode, of_mode in found[modes].items():
            yield from (_slipped_line(mode, name, of_mode[name]) for name in _SLIPPED)


def _slipped_line(mode: str, name: str, part: Report) -> str:
    change = (
        f"{interval(part['difference'], '+')} in all"
        if name in LESS_IS_BETTER
        else _percent(part["relative"])
    )
    clean, wrong = number(part["clean"]["mean"]), number(part["misspelt"]["mean"])
    return f"    {mode:<10}{name:<20}{clean:>8}{wrong:>10}   {change}"


def _percent(record: Report) -> str:
    if record["mean"] is None:
        return "none"
    return f"{record['mean']:+.1%} [{record['low']:+.1%}, {record['high']:+.1%}]"


def comparison_lines(comparison: Report) -> Iterator[str]:
    """First and second side, and their difference query by query."""
    yield f"{comparison['queries']} queries; difference = first - second, query by query (95 %)"
    yield f"  first:  {comparison['first']}"
    yield f"  second: {comparison['second']}"
    for mode, of_mode in comparison["modes"].items():
        yield f"  {mode:<22}{'first':>8}{'second':>9}   difference"
        for name in FIGURES:
            part = of_mode[name]
            found = part["difference"]
            yield (
                f"    {name:<20}{number(part['first']['mean']):>8}"
                f"{number(part['second']['mean']):>9}   {interval(found, '+'):<26}"
                f"{found['verdict'] or ''}"
            )
