"""No traceback reaches a user, whatever the disk or the arguments are like."""

import subprocess
import sys

import pytest


def gradus(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "gradus", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def a_file(tmp_path):
    path = tmp_path / "file"
    path.write_text("in the way")
    return path


@pytest.mark.parametrize(
    "command",
    [
        ("demo-data", "--products", "60", "--out", "{file}/shop"),
        ("search", "tea", "--index", "{file}"),
        ("evaluate", "--index", "{file}", "--qrels", "{file}", "--out", "{dir}"),
        ("index", "verify", "--index", "{dir}"),
    ],
)
def test_a_path_that_cannot_be_used_is_one_line(command, a_file, tmp_path):
    arguments = [part.format(file=a_file, dir=tmp_path) for part in command]
    done = gradus(*arguments)
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert str(tmp_path) in done.stderr
    assert a_file.read_text() == "in the way"


def test_two_spellings_of_a_query_are_one_and_an_over_long_one_is_skipped(tmp_path):
    from catalog.issues import Issues
    from catalog.measures import qrels_of
    from catalog.readers import read_judgments

    path = tmp_path / "qrels.tsv"
    rows = ["query\tproduct_id\tgrade", "White Rice\ta\t2", "white  rice\tb\t1"]
    path.write_text("\n".join([*rows, "x" * 3000 + "\ta\t2"]) + "\n")
    issues = Issues()
    judged = list(read_judgments(path, issues=issues))
    assert qrels_of(judged) == {"White Rice": {"a": 2, "b": 1}}
    assert issues.counts == {"long query": 1}
