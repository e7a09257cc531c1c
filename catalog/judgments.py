"""Judgment files to `Judgment`, whatever of the published forms they take, and back to TSV."""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterable, Iterator, Mapping, Set
from pathlib import Path

from catalog.errors import JudgmentError
from catalog.files import check_readable
from catalog.grades import SCALES, grade_of
from catalog.issues import Issues, Reporter
from catalog.model import Grade, Judgment
from catalog.records import Columns, Record, read_records
from catalog.text import normalise
from catalog.values import FieldError, text

_HINT = "A judgment file names its columns: query, product_id and one of esci, grade, label."
MAX_QUERY = 2000  # characters; no search takes a longer one


def read_judgments(
    source: str | Path,
    *,
    known_products: Collection[str] | None = None,
    strict: bool = False,
    issues: Issues | None = None,
    where: Mapping[str, str] | None = None,
) -> Iterator[Judgment]:
    """Stream the judgments of a TSV/CSV, JSONL or Parquet file (`.gz` too).

    Columns: `query`, `product_id` and the first there is of

    - `esci` or `esci_label`: E, S, C, I or the words; E → 2, S and C → 1, I → 0
    - `grade` or `label`: 0, 1, 2, or exact, substitute, complement, partial, irrelevant
    - `rating`: 3 → 2, 2 and 1 → 1, 0 → 0; `source` is then `llm` unless a column says otherwise

    and optionally `source`. A file with `query_id` in place of `query` (label.csv of WANDS) is
    joined with query.csv beside it. `where` keeps only rows whose columns hold these values
    (`{"split": "train", "product_locale": "us"}` for the published ESCI). Kinds of issues:
    `broken line`, `empty query`, `long query`, `empty id`, `unknown grade`,
    `unknown product` (not in `known_products`), `unknown query` (no such query_id), and for a
    pair of normalised query and product judged before: `repeated judgment`, or
    `contradicting judgment` if the grades differ (the first stays). With `strict` the first issue
    raises. One hash a pair is held in memory.

    Raises:
        JudgmentError: the file cannot be read at all, lacks a needed column or gives no judgment;
            when strict also the first issue, with `where` = `file:line`. A bad path raises at
            once, everything else while iterating.

    """
    report = Reporter(Path(source), JudgmentError, Issues() if issues is None else issues, strict)
    check_readable(report)
    if known_products is not None and not isinstance(known_products, Set | Mapping):
        known_products = frozenset(known_products)
    return _judgments(report, known_products, dict(where or {}))


def write_judgments(target: str | Path, judgments: Iterable[Judgment]) -> int:
    """Write TSV with header query, product_id, grade, source; return how many."""
    count = 0
    with Path(target).open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, delimiter="\t", lineterminator="\n")
        writer.writerow(("query", "product_id", "grade", "source"))
        for judgment in judgments:
            writer.writerow(
                (judgment.query, judgment.product_id, int(judgment.grade), judgment.source)
            )
            count += 1
    return count


def _judgments(
    report: Reporter, known_products: Collection[str] | None, where: Mapping[str, str]
) -> Iterator[Judgment]:
    issues = report.issues
    before = issues.so_far()
    used = frozenset({"query", "query_id", "product_id", "source", *SCALES, *where})
    needed = (("query", "query_id"), ("product_id",), tuple(SCALES), *((name,) for name in where))
    seen: dict[int, Grade] = {}
    queries: Mapping[str, str] | None = None
    for line, record in read_records(report, Columns(needed, used, _HINT)):
        if any(text(record.get(name)) != value for name, value in where.items()):
            issues.left_out += 1
            continue
        if queries is None:
            joined = "query" not in record and "query_id" in record
            queries = _queries_beside(report) if joined else {}
        judgment = _judgment(record, line, queries, report)
        if judgment is None or _unknown(judgment, known_products, line, report):
            continue
        if _judged_before(judgment, seen, line, report):
            continue
        issues.kept += 1
        yield judgment
    report.refuse_if_nothing("judgment", before, _HINT)


def _judgment(
    record: Record, line: int, queries: Mapping[str, str], report: Reporter
) -> Judgment | None:
    try:
        query, product_id = text(record.get("query")), text(record.get("product_id"))
        source = text(record.get("source"))
        column = next(name for name in SCALES if name in record)
    except FieldError as error:
        report.skip("broken line", line, str(error))
        return None
    except StopIteration:
        report.skip("unknown grade", line, f"none of {', '.join(SCALES)} is there")
        return None
    if queries:
        query_id = text(record.get("query_id"))
        if query_id not in queries:
            report.skip("unknown query", line, f"query.csv has no query_id {query_id!r}")
            return None
        query = queries[query_id]
    if not normalise(query):
        report.skip("empty query", line, "the query is empty")
        return None
    if len(query) > MAX_QUERY:
        report.skip("long query", line, f"the query has {len(query)} of {MAX_QUERY} characters")
        return None
    if not product_id:
        report.skip("empty id", line, "the product id is empty")
        return None
    try:
        grade = grade_of(column, record[column])
    except FieldError as error:
        report.skip("unknown grade", line, str(error))
        return None
    return Judgment(query, product_id, grade, source or ("llm" if column == "rating" else "human"))


def _queries_beside(report: Reporter) -> Mapping[str, str]:
    """`query_id` → query, from query.csv in the same directory. Raises JudgmentError."""
    path = report.path.with_name("query.csv")
    beside = Reporter(path, JudgmentError, Issues(), strict=True)
    if not path.is_file():
        beside.refuse(
            f"{report.path.name} has query_id and no query: this file must say what they mean",
            hint="Put the data set's query.csv (query_id, query) beside it.",
        )
    check_readable(beside)
    columns = Columns((("query_id",), ("query",)), frozenset({"query_id", "query"}), _HINT)
    return {
        text(record["query_id"]): text(record["query"])
        for _, record in read_records(beside, columns)
    }


def _unknown(
    judgment: Judgment, known_products: Collection[str] | None, line: int, report: Reporter
) -> bool:
    if known_products is None or judgment.product_id in known_products:
        return False
    report.skip("unknown product", line, f"no product {judgment.product_id!r} in the catalogue")
    return True


def _judged_before(judgment: Judgment, seen: dict[int, Grade], line: int, report: Reporter) -> bool:
    key = hash((normalise(judgment.query), judgment.product_id))
    if key not in seen:
        seen[key] = judgment.grade
        return False
    pair = f"{judgment.query!r} and {judgment.product_id!r}"
    if seen[key] == judgment.grade:
        report.skip("repeated judgment", line, f"{pair} were judged before, the same")
    else:
        what = f"{pair} were judged {int(seen[key])} before, here {int(judgment.grade)}"
        report.skip("contradicting judgment", line, what)
    return True
