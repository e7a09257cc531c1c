"""What a rebuild changes for scores, told when it is published."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from index.build import BuildSettings, build_index
from index.bundle import IndexBundle
from index.calibration import default_calibration
from index.cli import index_app
from index.drift import Changes, Shift, drift_from_live, drift_lines
from index.versions import live, publish


@pytest.fixture
def root(tmp_path, demo_products, make_encoder) -> Path:
    """A root whose live version has 90 of the 120 products."""
    build_index(demo_products[:90], make_encoder(), tmp_path / "root")
    return tmp_path / "root"


def changes_of(root: Path, name: str) -> Changes:
    drift = drift_from_live(root, name)
    assert drift is not None
    assert drift.live == live(root)
    assert drift.problem == ""
    assert drift.changes is not None
    return drift.changes


def test_the_first_version_and_the_live_one_have_none(root, tmp_path, demo_products, make_encoder):
    assert build_index(demo_products, make_encoder(), tmp_path / "other").drift is None
    assert drift_from_live(root, str(live(root))) is None
    assert drift_lines(None) == []


def test_statistics_of_both_versions(root, demo_products, make_encoder):
    new = build_index(demo_products, make_encoder(), root, live=False)
    assert new.drift is None
    changes = changes_of(root, new.directory.name)
    old_arm, new_arm = (IndexBundle.open(one).lexical for one in (root, new.directory))
    old, fresh = old_arm.statistics, new_arm.statistics
    assert changes.products == Shift(90, 120)
    for name, length in changes.mean_lengths.items():
        assert length == Shift(old.mean_lengths[name], fresh.mean_lengths[name])
    assert set(changes.mean_lengths) == {"title", "brand", "category", "attributes", "description"}
    shared = [term for term in old_arm.vocabulary if new_arm.document_frequency(term)]
    moved = {term: new_arm.idf(term) - old_arm.idf(term) for term in shared}
    held = {term: (old_arm.document_frequency(term), new_arm.document_frequency(term))
            for term in shared}  # fmt: skip
    weight = [sum(held[term]) / 2 for term in shared]
    found = changes.idf
    assert found.shared == len(shared)
    mean = np.average([abs(moved[term]) for term in shared], weights=weight)
    assert found.mean_change == pytest.approx(mean)
    assert found.mean_change > 0.0
    often = [term for term in shared if max(held[term]) >= 10]
    assert found.largest_term in often
    assert found.largest_change == pytest.approx(max((moved[one] for one in often), key=abs))
    assert found.went == 0
    assert found.came == len(new_arm.vocabulary) - len(shared)
    assert changes.same_encoder
    assert changes.alpha == Shift(default_calibration().alpha, default_calibration().alpha)


def test_words_that_come_and_go(root, demo_products, make_encoder):
    renamed = [replace(one, title=f"{one.title} pickleball") for one in demo_products[60:90]]
    new = build_index(renamed, make_encoder(name="another"), root, live=False)
    changes = changes_of(root, new.directory.name)
    assert changes.idf.came == 1
    assert changes.idf.went > 0
    assert not changes.same_encoder


def test_alpha_and_cuts(root, demo_products, make_encoder):
    built = build_index(demo_products[:90], make_encoder(), root, live=False)
    shipped = default_calibration()
    hybrid = shipped.modes["hybrid"]
    cuts = replace(hybrid.thresholds, exact=0.9)
    other = replace(
        shipped, alpha=0.25, modes=shipped.modes | {"hybrid": replace(hybrid, thresholds=cuts)}
    )
    other.save(built.directory)
    changes = changes_of(root, built.directory.name)
    assert changes.alpha == Shift(shipped.alpha, 0.25)
    assert changes.cuts["hybrid"]["exact"] == Shift(hybrid.thresholds.exact, 0.9)
    assert changes.cuts["lexical"]["exact"].before == changes.cuts["lexical"]["exact"].after
    assert changes.idf.mean_change == 0.0
    assert (changes.idf.largest_change, changes.idf.largest_term) == (None, None)


def test_shards_have_the_statistics_of_the_whole(root, demo_products, make_encoder):
    whole = build_index(demo_products, make_encoder(), root, live=False)
    cut = build_index(
        demo_products, make_encoder(), root, live=False, settings=BuildSettings(shards=3)
    )
    assert changes_of(root, whole.directory.name) == changes_of(root, cut.directory.name)


def test_a_build_that_publishes_tells(root, demo_products, make_encoder):
    before = live(root)
    built = build_index(demo_products, make_encoder(), root)
    assert built.drift is not None
    assert built.drift.live == before
    lines = drift_lines(built.drift)
    assert lines[:2] == [f"against the live {before}:", "  products 90 -> 120"]
    assert lines[-1] == "  encoder: the same"


def test_publishing_tells_and_refuses_nothing(root, demo_products, make_encoder):
    before = live(root)
    built = build_index(demo_products, make_encoder(), root, live=False)
    arguments = ["publish", built.directory.name, "--index", str(root)]
    printed = CliRunner().invoke(index_app, arguments, catch_exceptions=False).output.splitlines()
    assert printed[0] == f"against the live {before}:"
    assert "  products 90 -> 120" in printed
    assert any("terms came" in line for line in printed)
    assert printed[-1] == f"live: {built.directory.name}"


def test_a_live_version_that_cannot_be_read_may_go(root, demo_products, make_encoder):
    before = live(root)
    new = build_index(demo_products, make_encoder(), root, live=False).directory.name
    (root / "versions" / str(before) / "lexical" / "analysis.json").unlink()
    drift = drift_from_live(root, new)
    assert drift is not None
    assert drift.changes is None
    assert "cannot be read" in drift.problem
    (line,) = drift_lines(drift)
    assert line.startswith(f"not compared with the live {before}: ")
    publish(root, new)
    assert live(root) == new
