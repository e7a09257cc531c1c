"""The demo's steps: done once, done again when anything that decides them changed."""

from __future__ import annotations

import importlib.util
import json
import shlex
import sys
from pathlib import Path

import pytest

from catalog.artefact import write_manifest, writing
from catalog.errors import ServingError
from service import demo, demo_steps
from service.demo_process import DemoError, StopSign
from service.demo_steps import Step, command_line, fingerprint, plan


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Runs copy the first input (or the last word) to the output, and are listed here."""
    ran: list[str] = []

    def execute(out: Path, step: Step, _sign: StopSign) -> None:
        ran.append(step.name)
        text = "".join((out / path).read_text() for path in step.reads) or step.command[-1]
        (out / step.writes).write_text(f"{step.name} of {text}")

    monkeypatch.setattr(demo_steps, "_execute", execute)
    return ran


STEPS = [
    Step("a", "make a", ("a", "--seed", "1"), (), "a.txt"),
    Step("b", "make b", ("b",), ("a.txt",), "b.txt"),
    Step("c", "make c", ("c",), ("b.txt",), "c.txt"),
]


def test_second_run_does_nothing(tmp_path: Path, commands: list[str]) -> None:
    said: list[str] = []
    demo_steps.run(tmp_path, STEPS, said.append)
    assert commands == ["a", "b", "c"]
    demo_steps.run(tmp_path, STEPS, said.append)
    assert commands == ["a", "b", "c"]
    assert [line for line in said if "already there" in line] == said[-3:]


def test_changed_command_redoes_what_follows(tmp_path: Path, commands: list[str]) -> None:
    demo_steps.run(tmp_path, STEPS, lambda _line: None)
    changed = [Step("a", "make a", ("a", "--seed", "2"), (), "a.txt"), *STEPS[1:]]
    demo_steps.run(tmp_path, changed, lambda _line: None)
    assert commands == ["a", "b", "c"] * 2


@pytest.mark.parametrize("damage", ["gone", "edited"])
def test_damaged_artefact_is_made_again(tmp_path: Path, commands: list[str], damage: str) -> None:
    demo_steps.run(tmp_path, STEPS, lambda _line: None)
    if damage == "gone":
        (tmp_path / "b.txt").unlink()
    else:
        (tmp_path / "b.txt").write_text("something else")
    said: list[str] = []
    demo_steps.run(tmp_path, STEPS, said.append)
    assert commands == ["a", "b", "c", "b"]  # c's input came out the same
    assert any("b.txt is another one" in line for line in said) == (damage == "edited")


def test_step_is_done_again_when_what_it_goes_by_has_changed(
    tmp_path: Path, commands: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "__init__.py").write_text("")
    (tmp_path / "shop" / "rules.py").write_text("old")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(demo_steps, "_GOES_BY", {"b": ("shop", "*.py")})
    for rules in ("old", "old", "new"):
        (tmp_path / "shop" / "rules.py").write_text(rules)
        demo_steps.run(tmp_path, STEPS, lambda _line: None)
    assert commands == ["a", "b", "c", "b"]


def test_what_steps_go_by_is_there() -> None:
    for package, pattern in demo_steps._GOES_BY.values():
        (folder,) = importlib.util.find_spec(package).submodule_search_locations
        assert list(Path(folder).rglob(pattern)), f"{package} has no {pattern}"


def test_broken_record_is_no_record(tmp_path: Path, commands: list[str]) -> None:
    demo_steps.run(tmp_path, STEPS, lambda _line: None)
    (tmp_path / demo_steps.RECORD).write_text("{")
    demo_steps.run(tmp_path, STEPS, lambda _line: None)
    assert commands == ["a", "b", "c"] * 2


def test_failing_step_says_which(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        demo_steps, "command_line", lambda _out, _step: [sys.executable, "-c", "exit(3)"]
    )
    with pytest.raises(DemoError, match="step a failed with exit status 3"):
        demo_steps.run(tmp_path, STEPS, lambda _line: None)
    assert not (tmp_path / demo_steps.RECORD).exists()


def test_fingerprint_of_an_artefact_ignores_when_it_was_made(tmp_path: Path) -> None:
    found = []
    for created in ("one", "two"):
        with writing(tmp_path / "made", "encoder") as directory:
            (directory / "file").write_text("same")
            write_manifest(directory, "encoder", config={"made": created})
        found.append(fingerprint(tmp_path / "made", "encoder"))
    assert found[0] == found[1] != ""
    (tmp_path / "made" / "file").write_text("other")
    assert fingerprint(tmp_path / "made", "encoder") == ""
    assert fingerprint(tmp_path / "absent", "encoder") == fingerprint(tmp_path / "absent") == ""


def test_plan_is_the_documented_corridor(tmp_path: Path) -> None:
    lines = [shlex.join(command_line(Path("o"), step)[3:]) for step in plan(10_000, 7)]
    assert lines == [
        "demo-data --out o/data --products 10000 --seed 7",
        "train --recipe demo --products o/data/products.jsonl --qrels o/data/qrels_train.tsv "
        "--queries o/data/queries.tsv --out o/checkpoint",
        "export o/checkpoint --out o/encoder",
        "index build --products o/data/products.jsonl --encoder o/encoder "
        "--qrels o/data/qrels_calibration.tsv --out o/index",
        "evaluate --index o/index --qrels o/data/qrels_test.tsv --out o/evaluation.json",
    ]
    assert command_line(tmp_path, plan(10, 1)[0])[:3] == [sys.executable, "-m", "gradus"]


def test_taken_port_is_met_before_any_work(tmp_path: Path) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ServingError, match=f"port {port}"):
            demo.demo(out=tmp_path / "out", port=port)
    assert not (tmp_path / "out").exists()


def answer(**tiers: int) -> dict[str, object]:
    return {
        "tier_counts": tiers,
        "query": {"raw": "q"},
        "hits": [],
        "no_confident_match": not tiers,
    }


def test_the_shown_answer_has_both_tiers_if_any_has() -> None:
    none, one, both = answer(), answer(exact=3, substitute=0), answer(exact=1, substitute=9)
    assert demo.pick([none, one, both]) is both
    assert demo.pick([none, one]) is one
    assert demo.pick([none]) is none
    assert demo.pick([]) is None


def test_answer_for_people() -> None:
    hit = {
        "rank": 1,
        "tier": "exact",
        "relevance": 0.914,
        "id": "p1",
        "fields": {"title": "Kettle"},
    }
    body = {"query": {"raw": "kettle"}, "hits": [hit] * 9, "no_confident_match": False}
    lines = demo.rendered(body)
    assert lines[0] == "query: kettle"
    assert lines[1].split() == ["1.", "exact", "0.91", "Kettle"]
    assert len(lines) == 6
    empty = {"query": {"raw": "x"}, "hits": [], "no_confident_match": True}
    assert "nothing worth showing" in demo.rendered(empty)[1]


def test_measured_line(tmp_path: Path) -> None:
    report = tmp_path / "evaluation.json"
    assert demo._measured(report) == "not measured"
    modes = {"lexical": {"ndcg@10": {"mean": 0.5}}, "hybrid": {"ndcg@10": {"mean": 0.75}}}
    report.write_text(json.dumps({"modes": modes}))
    assert demo._measured(report) == "nDCG@10 lexical 0.500, hybrid 0.750"
