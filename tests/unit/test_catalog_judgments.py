"""Judgment and query files of every published form, and what is wrong in them."""

import pytest

from catalog.errors import CatalogError, JudgmentError
from catalog.grades import SCALES, grade_of
from catalog.model import Grade, Judgment
from catalog.readers import Issues, read_judgments, read_queries, write_judgments
from catalog.values import FieldError


def read(path, **options):
    issues = Issues()
    return list(read_judgments(path, issues=issues, **options)), issues


def table(path, text):
    path.write_text(text, encoding="utf-8")
    return path


def test_written_judgments_read_back(tmp_path):
    judgments = [
        Judgment('9" pan', "a\tb", Grade.EXACT, "policy"),
        Judgment("pan", "2", Grade.IRRELEVANT),
    ]
    path = tmp_path / "q.tsv"
    assert write_judgments(path, judgments) == 2
    assert path.read_text().startswith("query\tproduct_id\tgrade\tsource\n")
    assert read(path, strict=True)[0] == judgments


@pytest.mark.parametrize(
    ("column", "words"),
    [
        ("esci", ["E", "S", "C", "I"]),
        ("esci_label", ["exact", "Substitute", "COMPLEMENT", " irrelevant "]),
        ("grade", ["2", "1", "1", "0"]),
        ("label", ["Exact", "Partial", "partial", "Irrelevant"]),
        ("rating", ["3", "2", "1", "0"]),
    ],
)
@pytest.mark.parametrize("separator", ["\t", ","])
def test_every_scale(tmp_path, column, words, separator):
    rows = [["query", "product_id", column], *(["pan", str(i), w] for i, w in enumerate(words))]
    path = table(tmp_path / "q.csv", "".join(separator.join(row) + "\n" for row in rows))
    judgments, _ = read(path, strict=True)
    assert [int(judgment.grade) for judgment in judgments] == [2, 1, 1, 0]
    source = "llm" if column == "rating" else "human"
    assert {judgment.source for judgment in judgments} == {source}


@pytest.mark.parametrize("column", SCALES)
@pytest.mark.parametrize("value", ["", "4", "-1", "yes", None, "1.5"])
def test_unknown_grades_are_named(column, value):
    with pytest.raises(FieldError, match=f"{column} .* is unknown; it may be"):
        grade_of(column, value)


def test_whole_floats_are_grades():
    assert grade_of("grade", 2.0) is Grade.EXACT


def test_published_wands_labels_are_joined_with_the_queries_beside(tmp_path):
    table(tmp_path / "query.csv", "query_id\tquery\tquery_class\n0\tsalon chair\tMassage\n")
    path = table(
        tmp_path / "label.csv",
        "id\tquery_id\tproduct_id\tlabel\n0\t0\t25434\tExact\n1\t0\t7\tPartial\n2\t9\t7\tExact\n",
    )
    judgments, issues = read(path)
    assert judgments == [
        Judgment("salon chair", "25434", Grade.EXACT),
        Judgment("salon chair", "7", Grade.SUBSTITUTE),
    ]
    assert dict(issues.counts) == {"unknown query": 1}


@pytest.mark.parametrize(
    ("beside", "says"),
    [
        (None, "query.csv.*Put the data set's query.csv"),
        ("", "empty"),
        ("id\tquery\n0\tchair\n", "needed column is missing: query_id"),
        ("query_id\tquery\n0\n", "fields where the header"),
    ],
)
def test_wands_labels_without_their_queries(tmp_path, beside, says):
    if beside is not None:
        table(tmp_path / "query.csv", beside)
    path = table(tmp_path / "label.csv", "id\tquery_id\tproduct_id\tlabel\n0\t0\t1\tExact\n")
    with pytest.raises(JudgmentError, match=says):
        read(path)


def test_published_esci_examples_by_locale_and_split(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    parquet.write_table(
        pyarrow.table(
            {
                "query": ["pan", "pan", "pan", "olla"],
                "query_id": [1, 1, 1, 2],
                "product_id": ["B1", "B2", "B3", "B1"],
                "product_locale": ["us", "us", "us", "es"],
                "esci_label": ["E", "C", "I", "E"],
                "split": ["train", "train", "test", "train"],
            }
        ),
        tmp_path / "examples.parquet",
    )
    where = {"product_locale": "us", "split": "train"}
    judgments, issues = read(tmp_path / "examples.parquet", where=where, strict=True)
    assert [(j.product_id, int(j.grade)) for j in judgments] == [("B1", 2), ("B2", 1)]
    assert issues.left_out == 2


HEADER = "query\tproduct_id\tesci\n"


@pytest.mark.parametrize(
    ("kind", "row"),
    [
        ("unknown grade", "pan\t2\tX"),
        ("unknown grade", "pan\t2\t"),
        ("unknown product", "pan\t99\tE"),
        ("empty query", " \t2\tE"),
        ("empty query", "\u200b\t2\tE"),
        ("empty id", "pan\t \tE"),
        ("repeated judgment", "PAN \t1\texact"),
        ("contradicting judgment", "pan\t1\tS"),
        ("broken line", "pan\t2"),
        ("broken line", 'pan\t"2" x\tE'),
    ],
)
def test_a_bad_line_is_skipped_or_fatal(tmp_path, kind, row):
    path = table(tmp_path / "q.tsv", f"{HEADER}pan\t1\tE\n{row}\npot\t1\tI\n")
    judgments, issues = read(path, known_products=["1", "2"])
    assert [(j.query, j.grade) for j in judgments] == [("pan", 2), ("pot", 0)]
    assert dict(issues.counts) == {kind: 1}
    assert issues.examples[kind][0].where == f"{path}:3"
    with pytest.raises(JudgmentError) as caught:
        read(path, known_products=["1", "2"], strict=True)
    assert caught.value.where == f"{path}:3"


def test_judgments_as_jsonl(tmp_path):
    rows = '{"query": "pan", "product_id": 1, "grade": 2}\n{"query": "pan", "product_id": 2}\n'
    judgments, issues = read(table(tmp_path / "q.jsonl", rows))
    assert judgments == [Judgment("pan", "1", Grade.EXACT)]
    assert dict(issues.counts) == {"unknown grade": 1}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "empty"),
        (HEADER, "gave no judgment"),
        ("query\tproduct_id\nchair\t1\n", "needed column is missing: esci or esci_label or grade"),
        ("q\tproduct_id\tesci\nchair\t1\tE\n", "needed column is missing: query or query_id"),
        (HEADER + "chair\t99\tE\n", "gave no judgment .*no product '99' in the catalogue"),
    ],
)
def test_files_that_cannot_be_used(tmp_path, text, says):
    with pytest.raises(JudgmentError, match=says):
        read(table(tmp_path / "q.tsv", text), known_products={"1"})


def test_a_missing_file_is_told_at_once(tmp_path):
    with pytest.raises(JudgmentError, match="no such file"):
        read_judgments(tmp_path / "none.tsv")


def test_a_filter_column_must_exist(tmp_path):
    path = table(tmp_path / "q.tsv", HEADER + "chair\t1\tE\n")
    with pytest.raises(JudgmentError, match="needed column is missing: split"):
        read(path, where={"split": "train"})


def test_queries_one_a_line(tmp_path):
    path = tmp_path / "q.txt"
    path.write_bytes("\ufeffoat milk\r\n\n  tea \n\u200b\n".encode() + b"\xff\n")
    issues = Issues()
    assert list(read_queries(path, issues=issues)) == [("oat milk", 1.0), ("tea", 1.0)]
    assert dict(issues.counts) == {"empty query": 1, "broken line": 1}
    assert issues.examples["broken line"][0].where == f"{path}:5"


def test_queries_with_frequency(tmp_path):
    path = table(
        tmp_path / "q.tsv",
        "query\tfrequency\tkind\noat milk\t12\ttype\ntea\t\t\npot\t-1\t\npan\t0\t\n",
    )
    issues = Issues()
    assert list(read_queries(path, issues=issues)) == [
        ("oat milk", 12.0),
        ("tea", 1.0),
        ("pot", 1.0),
        ("pan", 0.0),
    ]
    assert dict(issues.counts) == {"bad frequency": 1}
    with pytest.raises(CatalogError, match="frequency"):
        list(read_queries(path, strict=True))


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("q.tsv", "term\nx\n", "needed column is missing: query"),
        ("q.txt", "\n\n", "gave no query"),
        ("q.txt", "", "empty"),
    ],
)
def test_query_files_that_cannot_be_used(tmp_path, name, text, says):
    with pytest.raises(CatalogError, match=says):
        list(read_queries(table(tmp_path / name, text)))
