"""Another version takes over: nothing acknowledged is lost, nothing old comes back."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from catalog.errors import NotReady, ServingError
from catalog.model import Product
from index.build import build_index
from index.engine import Engine
from index.live.handover import Handed, take_over
from index.live.lines import is_sealed
from index.live.updatable import UpdatableIndex, journal_path
from index.live.updates import Delete, Patch, Put
from index.versions import publish

FLASK = Product("new-1", "Steel red flask", "Ardena", ("Kitchen", "Flask"))
PAST = datetime(2020, 1, 1, tzinfo=UTC)
Build = Callable[..., Engine]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "root"


@pytest.fixture
def build(root, demo_products, make_encoder) -> Build:
    """Builds, publishes and opens a version: `build(products=…, snapshot=…, encoder=…)`."""

    def build_one(products=None, snapshot=None, encoder="hash") -> Engine:
        maker = make_encoder(name=encoder)
        built = build_index(products or demo_products, maker, root, snapshot=snapshot)
        return Engine.open(built.directory, encoder=maker)

    return build_one


def started(engine: Engine, root: Path) -> UpdatableIndex:
    return UpdatableIndex.open(engine, journal_path(root, engine.bundle.version))


def stands(index: UpdatableIndex) -> dict[str, Product]:
    return {product.id: product for product in index.products()}


def moment_later() -> datetime:
    """A time behind every update made so far; journals count in milliseconds."""
    return datetime.now(UTC) + timedelta(milliseconds=2)


def test_updates_since_the_snapshot_are_carried_over(build, root, demo_products):
    first = build()
    before = started(first, root)
    snapshot = datetime.now(UTC)
    before.apply([Put(FLASK), Delete("p003"), Patch("p001", {"price": 4.5}), Delete("p004")])
    before.apply([Patch("new-1", {"price": 7}), Patch("p002", {"stock": 1}), Put(demo_products[4])])
    rebuilt = [
        replace(each, title=f"{each.title} new") for each in demo_products if each.id != "p002"
    ]
    second = build(rebuilt, snapshot, encoder="another")
    index, handed = take_over(second, root)
    assert handed == Handed(6, ("p002",))
    held = stands(index)
    assert held["new-1"] == replace(FLASK, price=7.0)
    assert "p003" not in held
    assert "p002" not in held, "a change in part brings no product back"
    assert held["p001"] == replace(rebuilt[1], price=4.5), "the rest of it is the rebuilt one's"
    assert held["p004"] == demo_products[4], "put back whole"
    assert len(held) == 119
    # Scores are those of the new version's own encoder and words.
    clean = started(second, root.parent / "elsewhere")
    clean.apply([Put(held["new-1"]), Delete("p003"), Put(held["p001"]), Put(held["p004"])])
    assert found(index.engine) == found(clean.engine)
    with pytest.raises(NotReady, match=second.bundle.version):
        before.apply([Delete("new-1")])


def found(engine: Engine) -> list[tuple[str, float]]:
    from index.request import SearchRequest

    request = SearchRequest("red kettle flask", limit=100, min_tier="irrelevant")
    return [(hit.id, hit.relevance) for hit in engine.search(request).hits]


def test_older_updates_are_left_to_the_build_and_named_where_it_differs(build, root, demo_products):
    before = started(build(), root)
    before.apply(
        [Put(FLASK), Delete("p003"), Delete("p005"), Patch("p001", {"price": 4.5}), Delete("p006")]
    )
    before.apply([Patch("p002", {"stock": 50})])
    snapshot = moment_later()
    rebuilt = [each for each in demo_products if each.id != "p003"]
    rebuilt[1] = replace(rebuilt[1], price=4.5)
    index, handed = take_over(build(rebuilt, snapshot), root)
    assert (handed.carried, handed.left) == (0, 6)
    assert set(handed.overruled) == {"new-1", "p005", "p006", "p002"}
    assert set(stands(index)) == {each.id for each in rebuilt}


def long_ago(*versions: Engine, root: Path) -> datetime:
    """Make the journals of versions an hour old; a snapshot that is later than all they hold."""
    snapshot = moment_later()
    past = (snapshot - timedelta(hours=1)).timestamp()
    for version in versions:
        os.utime(journal_path(root, version.bundle.version), (past, past))
    return snapshot


def test_what_a_build_lacks_is_named_when_nothing_was_written_since(build, root):
    first = build()
    started(first, root).apply([Put(FLASK)])
    snapshot = long_ago(first, root=root)
    _, handed = take_over(build(snapshot=snapshot), root)
    assert (handed.carried, handed.left, handed.overruled) == (0, 1, ("new-1",))


def test_what_was_carried_once_is_named_by_the_build_that_lacks_it(build, root):
    first = build()
    before = started(first, root)
    since = datetime.now(UTC)
    before.apply([Put(FLASK)])
    second = build(snapshot=since)
    _, handed = take_over(second, root)
    assert handed == Handed(1)
    snapshot = long_ago(first, second, root=root)
    third = build(snapshot=snapshot)
    _, handed = take_over(third, root)
    assert (handed.carried, handed.left, handed.overruled) == (0, 1, ("new-1",))
    snapshot = long_ago(first, second, third, root=root)
    _, handed = take_over(build(snapshot=snapshot), root)
    assert handed == Handed(), "said once"


def test_everything_is_carried_over_when_asked(build, root):
    before = started(build(), root)
    before.apply([Put(FLASK), Delete("p003")])
    index, handed = take_over(build(snapshot=moment_later()), root, everything=True)
    assert handed == Handed(2)
    assert "new-1" in stands(index)
    assert "p003" not in stands(index)


def test_doing_it_twice_changes_nothing(build, root):
    before = started(build(), root)
    before.apply([Put(FLASK), Delete("p003")])
    second = build(snapshot=PAST)
    index, handed = take_over(second, root, final=False)
    assert handed.carried == 2
    before.apply([Delete("p010")])  # not sealed yet
    index, handed = take_over(second, root, index)
    assert handed.carried == 1
    length = journal_path(root, second.bundle.version).stat().st_size
    other, handed = take_over(second, root)
    assert handed == Handed()
    assert stands(other) == stands(index)
    assert journal_path(root, second.bundle.version).stat().st_size == length
    assert is_sealed(journal_path(root, before.engine.bundle.version))


def test_a_rollback_takes_along_what_happened_since(build, root):
    first = build(snapshot=PAST)
    started(first, root).apply([Put(FLASK), Delete("p003")])
    second = build(snapshot=PAST)
    there, _ = take_over(second, root)
    there.apply([Delete("p004"), Patch("new-1", {"stock": 3})])
    publish(root, first.bundle.version)
    back, handed = take_over(first, root)
    assert handed.carried == 2
    assert {"p003", "p004"}.isdisjoint(stands(back))
    assert stands(back)["new-1"].stock == 3
    back.apply([Delete("p005")])
    with pytest.raises(NotReady, match=first.bundle.version):
        there.apply([Delete("p006")])
    publish(root, second.bundle.version)
    again, handed = take_over(second, root)
    assert handed.carried == 1
    assert stands(again) == stands(back)


def test_a_third_version_finds_what_the_second_never_held(build, root):
    middle = datetime.now(UTC)
    first = started(build(snapshot=PAST), root)
    first.apply([Put(FLASK)])
    second, handed = take_over(build(snapshot=moment_later()), root)
    assert handed.left == 1
    assert "new-1" not in stands(second)
    third, handed = take_over(build(snapshot=middle), root)
    assert handed.carried == 1
    assert "new-1" in stands(third)


def test_a_version_that_is_not_live_seals_nothing(build, root):
    first = build()
    before = started(first, root)
    before.apply([Put(FLASK)])
    second = build(snapshot=PAST)
    publish(root, first.bundle.version)
    index, handed = take_over(second, root)
    assert handed.carried == 1
    assert before.apply([Delete("new-1")])[0].outcome == "deleted"
    assert "new-1" in stands(index)


def test_without_updates_nothing_is_written(build, root):
    engine = build()
    assert take_over(engine, root) == (None, Handed())
    assert not (root / "journals").exists()


def test_what_cannot_be_written_is_followed(build, root, monkeypatch):
    """The root is mounted read only here; another machine writes."""
    engine = build(snapshot=PAST)
    writer = started(engine, root)
    writer.apply([Put(FLASK)])
    real = os.open

    def refusing(path, flags, *rest, **more):
        if flags & (os.O_RDWR | os.O_WRONLY) and "journals" in str(path):
            raise OSError(errno.EROFS, "Read-only file system")
        return real(path, flags, *rest, **more)

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", refusing)
        patch.setattr(os, "access", lambda _path, mode: mode != os.W_OK)
        index, handed = take_over(engine, root)
        assert handed == Handed()
    writer.apply([Delete("p003")])
    index.refresh()
    assert stands(index) == stands(writer)
    with pytest.raises(ServingError, match="cannot be written"):
        index.apply([Delete("p004")])
    assert stands(index) == stands(writer)


def test_a_quiet_journal_is_sealed_too(build, root):
    before = started(build(), root)
    before.apply([Put(FLASK)])
    later = datetime.now(UTC) + timedelta(hours=1)
    take_over(build(snapshot=later), root)
    with pytest.raises(NotReady):
        before.apply([Delete("new-1")])
