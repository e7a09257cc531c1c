"""The package as it is installed: a wheel holds the compiled loops, and they work from there."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
SOURCES = (
    "pyproject.toml", "README.md", "LICENSE", "THIRD_PARTY.md", "gradus.py", ".gitignore",
    "catalog", "training", "export", "index", "service", "deploy",
)  # fmt: skip


@pytest.mark.slow
def test_a_wheel_holds_the_compiled_loops(tmp_path: Path):
    source, out, installed = tmp_path / "source", tmp_path / "out", tmp_path / "installed"
    source.mkdir()
    unwanted = shutil.ignore_patterns("*.so", "__pycache__")
    for name in SOURCES:
        path = REPOSITORY / name
        if path.is_dir():
            shutil.copytree(path, source / name, ignore=unwanted)
        else:
            shutil.copy(path, source / name)
    command = [sys.executable, "-m", "pip", "wheel", str(source), "--no-deps"]
    command += ["--no-build-isolation", "--wheel-dir", str(out)]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr + made.stdout
    (wheel,) = out.glob("gradus-*.whl")
    assert "none-any" not in wheel.name
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        archive.extractall(installed)
    for room in ("export", "index"):
        assert [name for name in names if name.startswith(f"{room}/loops.") and ".so" in name]
    told = "import index.loops, export.loops; print(index.loops.__file__)"
    run = subprocess.run(
        [sys.executable, "-c", told], cwd=installed, capture_output=True, text=True, check=False
    )
    assert run.stdout.strip().startswith(str(installed)), run.stderr
