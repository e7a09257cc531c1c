"""Artefacts: what is written is read, what was touched is refused, nothing else is overwritten."""

import json
import os
import subprocess
import sys

import pytest

from catalog.artefact import MANIFEST, SCHEMA, read_manifest, write_manifest, writing
from catalog.atomic import clear_abandoned
from catalog.errors import BundleError, HashMismatch, MissingFile, SchemaTooNew


def build(out, text="one"):
    with writing(out, "thing") as directory:
        (directory / "deep").mkdir()
        (directory / "deep" / "a.txt").write_text(text)
        return write_manifest(directory, "thing", parents={"p": "x"}, libraries=["pytest", "nix"])


def change(out, **fields):
    body = json.loads((out / MANIFEST).read_text())
    body.update(fields)
    (out / MANIFEST).write_text(json.dumps(body))


def test_round_trip(tmp_path):
    written = build(tmp_path / "new" / "out")
    read = read_manifest(tmp_path / "new" / "out", "thing")
    assert read == written
    assert list(read.files) == ["deep/a.txt"]
    assert read.libraries["nix"] == "absent"
    assert os.listdir(tmp_path / "new") == ["out"]


def test_fingerprint_is_of_the_contents(tmp_path):
    one, same, other = (build(tmp_path / n, t) for n, t in (("a", "1"), ("b", "1"), ("c", "2")))
    assert one.fingerprint == same.fingerprint != other.fingerprint


def test_an_artefact_is_replaced_whole(tmp_path):
    out = tmp_path / "out"
    build(out)
    (out / "stray").touch()
    build(out, "two")
    assert (out / "deep" / "a.txt").read_text() == "two"
    assert sorted(os.listdir(out)) == ["deep", MANIFEST]
    assert os.listdir(tmp_path) == ["out"]


def test_a_failed_writer_changes_nothing(tmp_path):
    out = tmp_path / "out"
    before = build(out)
    with pytest.raises(FileNotFoundError), writing(out, "thing") as directory:
        (directory / "half" / "way").touch()
    assert read_manifest(out, "thing") == before
    assert os.listdir(tmp_path) == ["out"]


def test_what_is_no_artefact_is_never_replaced(tmp_path):
    mine = tmp_path / "mine"
    mine.mkdir()
    (tmp_path / "file.jsonl").write_text("precious")
    with writing(mine, "thing") as directory:
        write_manifest(directory, "thing")
    home = tmp_path / "home"
    home.mkdir()
    (home / "thesis.txt").write_text("precious")
    for out in (home, tmp_path / "file.jsonl"):
        with pytest.raises(BundleError, match="will not be replaced"), writing(out, "thing"):
            pytest.fail("the work must not even start")
    assert (home / "thesis.txt").read_text() == "precious"
    assert (tmp_path / "file.jsonl").read_text() == "precious"


@pytest.mark.parametrize(
    ("manifest", "found"),
    [(None, "thing"), ("{}", "names no kind"), ("[1]", "names no kind"), ("{", "names no kind")],
)
def test_an_artefact_of_another_kind_is_not_replaced(tmp_path, manifest, found):
    out = tmp_path / "data"
    with writing(out, "thing") as directory:
        (directory / "products").write_text("precious")
        write_manifest(directory, "thing")
    if manifest is not None:
        (out / "manifest.json").write_text(manifest)
    wanted = f"artefact of kind encoder.*{found}"
    with pytest.raises(BundleError, match=wanted), writing(out, "encoder"):
        pytest.fail("the work must not even start")
    assert (out / "products").read_text() == "precious"
    if manifest is None:
        with writing(out, "thing") as directory:
            write_manifest(directory, "thing")
        assert not (out / "products").exists()


def test_a_file_that_turns_up_meanwhile_is_kept(tmp_path):
    out = tmp_path / "out"
    with pytest.raises(BundleError, match="will not be replaced"), writing(out, "thing"):
        out.write_text("precious")
    assert out.read_text() == "precious"


def test_what_a_killed_writer_left_is_cleared_and_a_living_one_is_not(tmp_path):
    code = (
        "import os, sys, pathlib; from catalog.artefact import writing\n"
        "with writing(pathlib.Path(sys.argv[1]), 'thing') as d: (d / 'x').touch(); os._exit(9)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "out")]
    assert subprocess.run(command, env={"PYTHONPATH": os.getcwd()}, check=False).returncode == 9
    (abandoned,) = tmp_path.iterdir()
    with writing(tmp_path / "out", "thing") as living:
        assert not abandoned.exists()
        build(tmp_path / "out")
        assert living.exists()
        write_manifest(living, "thing")
    assert os.listdir(tmp_path) == ["out"]


def test_what_killed_writers_of_any_name_left_can_be_cleared(tmp_path):
    (tmp_path / ".old.x1.tmp").mkdir()
    (tmp_path / "kept").mkdir()
    with writing(tmp_path / "living", "thing") as living:
        clear_abandoned(tmp_path)
        assert sorted(os.listdir(tmp_path)) == sorted([living.name, "kept"])
        write_manifest(living, "thing")


@pytest.mark.parametrize(
    ("fields", "error", "says"),
    [
        ({"kind": "index"}, BundleError, "another kind"),
        ({"schema": SCHEMA + 1, "novelty": 1}, SchemaTooNew, "newer Gradus"),
        ({"schema": "x"}, BundleError, "cannot be read"),
        ({"novelty": 1}, BundleError, "cannot be read"),
        ({"files": []}, BundleError, "cannot be read"),
        ({"files": {"a": 1}}, BundleError, "cannot be read"),
        ({"files": {"../a": "x"}}, BundleError, "outside"),
        ({"files": {"/etc/passwd": "x"}}, BundleError, "outside"),
        ({"files": {}}, HashMismatch, "manifest was changed"),
        ({"fingerprint": None}, BundleError, "cannot be read"),
    ],
)
def test_a_manifest_that_does_not_serve(tmp_path, fields, error, says):
    build(tmp_path / "out")
    change(tmp_path / "out", **fields)
    with pytest.raises(error, match=says) as caught:
        read_manifest(tmp_path / "out", "thing")
    assert caught.type is error


@pytest.mark.parametrize("text", ["", "{", "[]", '"x"', "{}", "\xff"])
def test_a_manifest_that_is_none(tmp_path, text):
    (tmp_path / MANIFEST).write_text(text, encoding="latin-1")
    with pytest.raises(BundleError, match="cannot be read"):
        read_manifest(tmp_path, "thing")


def test_files_that_are_not_what_was_written(tmp_path):
    out = tmp_path / "out"
    build(out)
    (out / "deep" / "a.txt").write_text("on")
    with pytest.raises(HashMismatch, match="2 bytes"):
        read_manifest(out, "thing")
    assert read_manifest(out, "thing", verify=False).kind == "thing"
    (out / "deep" / "a.txt").unlink()
    with pytest.raises(MissingFile, match=r"a\.txt"):
        read_manifest(out, "thing")
    with pytest.raises(MissingFile, match=r"no manifest\.json"):
        read_manifest(tmp_path / "nowhere", "thing")
