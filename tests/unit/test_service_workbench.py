"""The workbench's arithmetic and files against those of the command line; needs node."""

from __future__ import annotations

import json
import random
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from catalog.measures import evaluate_run
from catalog.model import Grade, Judgment
from catalog.readers import read_judgments, read_queries, write_judgments
from catalog.text import normalise
from index.filtering.language import parse

WORKBENCH = Path(__file__).parents[2] / "service" / "static" / "workbench"
NODE = shutil.which("node")
pytestmark = pytest.mark.skipif(NODE is None, reason="no node")
PURE = ("delimited.js", "judgments.js", "measures.js", "address.js", "settings.js")
STORE = """
const store = new Map();
const localStorage = {
  setItem: (name, text) => {
    if (given.full) throw new Error("full");
    store.set(name, text); localStorage[name] = text;
  },
  removeItem: (name) => { store.delete(name); delete localStorage[name]; },
  getItem: (name) => store.get(name),
};
"""


def run(body: str, given: Any = None) -> Any:
    """What `body`, a function's, returns with the scripts around it and `given` in reach."""
    scripts = "\n".join((WORKBENCH / name).read_text() for name in PURE)
    said = json.dumps(given if given is not None else {})
    program = f"""const given = {said};\n{STORE}\n{scripts}
    process.stdout.write(JSON.stringify((() => {{ {body} }})()) ?? "null");"""
    assert NODE is not None
    done = subprocess.run([NODE, "-"], input=program, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_ndcg_is_that_of_evaluation() -> None:
    pytest.importorskip("ir_measures")
    draw = random.Random(7)
    cases = []
    for _ in range(50):
        products = [f"p{number}" for number in range(30)]
        judged = draw.sample(products, draw.randint(1, 20))
        grades = {product: draw.choice((0, 0, 1, 2)) for product in judged}
        cases.append((grades, draw.sample(products, draw.randint(0, 20))))
    found = run(
        """return given.map(([grades, ranked]) => ndcg(ranked, new Map(
             Object.entries(grades).map(([id, grade]) => [id, [grade, "human"]]))))""",
        cases,
    )
    qrels = {str(number): grades for number, (grades, _) in enumerate(cases)}
    ranked = {str(number): ranking for number, (_, ranking) in enumerate(cases)}
    assert found == pytest.approx(evaluate_run(qrels, ranked, [10])["ndcg@10"], abs=1e-12)


def test_nothing_judged_is_no_figure() -> None:
    assert run("return [ndcg(['a'], new Map()), inCommon(['a', 'b'], ['b', 'c'])]") == [None, 1]
    deep = [str(number) for number in range(12)]
    assert run("return inCommon(given, [...given].reverse())", deep) == 8
    said = run("return judgedOfFirst(given, new Map([['1', [0, 'x']], ['11', [2, 'x']]]))", deep)
    assert said == {"judged": 1, "of": 10}


WRITTEN = [
    Judgment('6" ruler', "p-1", Grade.EXACT, "human"),
    Judgment('6" ruler', 'p\t"2"', Grade.IRRELEVANT, "llm"),
    Judgment('"quoted', "ü", Grade.SUBSTITUTE, "human"),
    Judgment("a,b;c", "p-1", Grade.EXACT, "merchandiser"),
]


def test_what_is_downloaded_is_what_evaluate_reads(tmp_path: Path) -> None:
    given = [[one.query, one.product_id, int(one.grade)] for one in WRITTEN]
    text = run(
        """for (const [query, id, grade] of given) judge(query, id, grade);
           judge("taken back", "p", 1); judge("taken back", "p", null);
           return tableText(judgmentRows())""",
        given,
    )
    (tmp_path / "judgments.tsv").write_text(text, encoding="utf-8", newline="")
    read = list(read_judgments(tmp_path / "judgments.tsv", strict=True))
    assert read == [Judgment(one.query, one.product_id, one.grade, "human") for one in WRITTEN]


def loaded(name: str, text: str) -> dict[str, Any]:
    return run("return judgedFile(given.name, given.text)", {"name": name, "text": text})


def test_what_the_command_line_writes_is_loaded(tmp_path: Path) -> None:
    write_judgments(tmp_path / "qrels.tsv", WRITTEN)
    text = (tmp_path / "qrels.tsv").read_bytes().decode()
    found = loaded("qrels.tsv", text)
    assert found["skipped"] == 0
    assert [
        Judgment(j["query"], j["id"], Grade(j["grade"]), j["source"]) for j in found["judgments"]
    ] == (WRITTEN)
    assert run("take(judgedFile('x.tsv', given)); return tableText(judgmentRows())", text) == text


@pytest.mark.parametrize(
    "text",
    [
        "query,product_id,esci\nmilk,1,E\nmilk,2,s\nmilk,3,C\nmilk,4,I\nmilk,5,9\n",
        "\ufeffquery;product_id;label\r\nmilk;1;exact\r\nmilk;2;Partial\r\n",
        "query\tproduct_id\trating\nmilk\t1\t3\nmilk\t2\t2\nmilk\t3\t1\nmilk\t4\t0\n",
        "\nproduct_id\tgrade\tquery\tnote\n1\t2\tmilk\t\n2\t1\tmilk\n\t1\tmilk\tx\n3\t0\t \tx\n",
        'query,product_id,grade\n"oat\nmilk",1,2\n"a ""b""",2,1',
    ],
)
def test_files_are_read_as_the_command_line_reads_them(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.csv").write_bytes(text.encode())
    wanted = list(read_judgments(tmp_path / "x.csv"))
    found = [
        Judgment(each["query"], each["id"], Grade(each["grade"]), each["source"])
        for each in loaded("x.csv", text)["judgments"]
    ]
    assert found == wanted


def test_lists_of_queries(tmp_path: Path) -> None:
    for name, text in {"q.txt": "oat milk\n\ntea\n", "q.tsv": "frequency\tquery\n7\ttea\n"}.items():
        (tmp_path / name).write_text(text)
        wanted = [query for query, _ in read_queries(tmp_path / name)]
        found = loaded(name, text)
        assert (found["queries"], found["judgments"]) == (wanted, [])


@pytest.mark.parametrize("text", ["", "a\tb\n1\t2\n", 'query\tx\n"never closed\t1\n'])
def test_other_files_are_refused(text: str) -> None:
    body = "try { return judgedFile('x.tsv', given) } catch (error) { return error.message }"
    assert isinstance(run(body, text), str)


def test_queries_are_one_where_the_index_folds_them() -> None:
    texts = [
        "Oat  Milk ",
        "oat\u00a0milk",
        "\uff2f\uff21\uff34 milk",
        "o\u200bat milk",
        "Straße",
        "ﬁne",
        "Ünal İpek",
        "ΣΑΣ",
        "",
    ]
    assert run("return given.map(queryKey)", texts) == [normalise(text) for text in texts]


def test_a_file_goes_before_what_was_judged_here() -> None:
    file = "query\tproduct_id\tgrade\nMilk\t1\t2\nmilk\t1\t0\nmilk\t2\t1\ntea\t9\t0\n"
    changed, rows, kept = run(
        """judge("milk", "1", 0); judge("milk", "7", 2);
           const changed = take(judgedFile("x.tsv", given));
           const rows = judgmentRows(); book.clear(); openBook();
           return [changed, rows, judgmentRows()]""",
        file,
    )
    assert changed == 1
    assert rows[1:] == [
        ["milk", "1", 2, "human"],
        ["milk", "7", 2, "human"],
        ["milk", "2", 1, "human"],
        ["tea", "9", 0, "human"],
    ]
    assert kept == rows


def test_a_store_that_is_full_is_told_and_nothing_is_lost_at_once() -> None:
    body = "judge('milk', '1', 2); return [keeping, judgmentRows().length]"
    assert run(body, {"full": True}) == [False, 2]


def test_the_address_holds_the_state() -> None:
    state = {
        "q": 'oat & "milk" #1',
        "show": "50",
        "columns": [
            {"mode": "hybrid", "alpha": "0.3", "min_tier": "irrelevant", "exact": "true"},
            {"mode": "lexical", "correct": "false", "filter": 'brand = "A & B"', "facets": "brand"},
        ],
    }
    assert run("return stateOf(addressOf(given))", state) == state
    first = run("return stateOf('')")
    assert [column["mode"] for column in first["columns"]] == ["hybrid", "lexical", "semantic"]
    odd = run("return stateOf('#q=%E0%A4%A&show=1000&d.mode=x&a.evil=1&b.mode=semantic')")
    assert (odd["show"], odd["columns"]) == ("20", [{"mode": "semantic"}])


@pytest.mark.parametrize(
    ("before", "name", "value", "meant"),
    [
        ("", "brand", 'The "A" \\ B', "brand = 'The \"A\" \\\\ B'"),
        (
            "price < 5 OR stock = 1",
            "overall width",
            "2 m",
            '(price < 5 OR stock = 1) AND `overall width` = "2 m"',
        ),
        ("", "in_stock", True, "in_stock = true"),
    ],
)
def test_a_condition_is_added_as_the_filter_language_has_it(
    before: str, name: str, value: object, meant: str
) -> None:
    found, wanted = (
        parse(text) for text in (run("return narrowed(...given)", [before, name, value]), meant)
    )
    assert without_places(found) == without_places(wanted)


def without_places(tree: object) -> str:
    return re.sub(r"(at|start|position|place)=\d+", "", repr(tree))
