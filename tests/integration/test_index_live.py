"""Live updates on disk: the acknowledged survive, the torn is cut off, damage is refused."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from catalog.errors import BundleError, NotReady, ServingError
from catalog.model import Product
from index.live.journal import Journal
from index.live.updatable import UpdatableIndex
from index.live.updates import Delete, Patch, Put, UpdateStatus
from index.request import SearchRequest

FLASK = Product("new-1", "Steel red flask", "Ardena", ("Kitchen", "Flask"), {"colour": "red"})
QUERY = SearchRequest("red kettle", limit=100, min_tier="irrelevant")


@pytest.fixture
def journal(tmp_path) -> Path:
    return tmp_path / "journals" / "one.ndjson"


@pytest.fixture
def index(engine, journal) -> UpdatableIndex:
    return UpdatableIndex.open(engine, journal)


def listed(index: UpdatableIndex) -> list[tuple[str, float]]:
    return [(hit.id, hit.relevance) for hit in index.engine.search(QUERY).hits]


def test_every_update_has_its_outcome(index, demo_products):
    first = demo_products[0]
    statuses = index.apply(
        [
            Put(FLASK),
            Put(replace(FLASK, price=9.5)),
            Put(first),
            Put(replace(first, title="Red kettle deluxe")),
            Patch("p001", {"price": 1.25, "brand": None}),
            Patch("p002", {"price": "dear"}),
            Patch("p002", {"id": "p999"}),
            Patch("nobody", {"price": 1}),
            Put(Product("", "no id")),
            Delete("p003"),
            Delete("p003"),
        ]
    )
    assert [status.outcome for status in statuses] == [
        "added", "replaced", "unchanged", "replaced", "replaced", "invalid", "invalid", "not_found",
        "invalid", "deleted", "not_found",
    ]  # fmt: skip
    assert "price" in statuses[5].error
    assert "cannot be changed" in statuses[6].error
    store = index.engine.bundle.store
    assert store.fetch(store.row("new-1"))["price"] == 9.5
    assert store.fetch(store.row("p000"))["title"] == "Red kettle deluxe"
    assert store.fetch(store.row("p001"))["brand"] == ""
    assert store.row("p003") is None
    assert index.engine.bundle.products == 120
    held = {product.id: product for product in index.products()}
    assert len(held) == 120
    assert held["p001"] == replace(demo_products[1], price=1.25, brand="")


def test_new_words_count_for_their_product_alone(index):
    before = dict(listed(index))
    index.apply([Put(replace(FLASK, title="Red kettle zorblax"))])
    found = index.engine.search(replace(QUERY, q="zorblax", mode="lexical"))
    assert [hit.id for hit in found.hits] == ["new-1"]
    after = dict(listed(index))
    assert after.pop("new-1") > 0
    assert after == {name: before[name] for name in after}
    assert len(after) == 99


def test_filters_and_facets_see_new_rows(index):
    index.apply([Put(replace(FLASK, brand="Newcomer"))])
    columns = index.engine.bundle.columns
    assert columns.products == len(index.engine.bundle.store)
    brand = columns.find("brand")
    row = index.engine.bundle.store.row("new-1")
    _, values = brand.of(np.array([row]))
    assert [brand.labels[value] for value in values] == ["Newcomer"]


def test_a_price_change_is_not_encoded(index, engine, demo_products):
    encoded = engine.encoder.encoded
    index.apply([Put(replace(demo_products[7], price=3.0, stock=0)), Patch("p008", {"stock": 2})])
    assert engine.encoder.encoded == encoded
    index.apply([Patch("p008", {"title": "Something else"})])
    assert engine.encoder.encoded == encoded + 1


def test_changes_in_part_merge_member_by_member(index, demo_products):
    index.apply([Patch("p001", {"attributes": {"size": "2 l"}, "values": {"rating": 4}})])
    index.apply([Patch("p001", {"attributes": {"colour": None}, "category": ["Kitchen"]})])
    held = {product.id: product for product in index.products()}["p001"]
    wanted = replace(demo_products[1], attributes={"size": "2 l"}, category=("Kitchen",))
    assert held == replace(wanted, values={"rating": 4})
    index.apply([Patch("p001", {"attributes": None, "values": None, "price": None})])
    held = {product.id: product for product in index.products()}["p001"]
    assert held == replace(wanted, attributes={}, price=None)


def test_updates_survive_a_restart_without_encoding(index, engine, journal):
    index.apply([Put(FLASK), Delete("p000")])
    index.apply([Patch("new-1", {"title": "Blue red kettle"}), Delete("p020"), Put(FLASK)])
    encoded = engine.encoder.encoded
    again = UpdatableIndex.open(engine, journal)
    assert again.sequence == index.sequence == 4
    assert listed(again) == listed(index)
    assert engine.encoder.encoded == encoded + 2, "two queries, no product"


def test_two_processes_follow_one_journal(index, engine, journal):
    other = UpdatableIndex.open(engine, journal)
    index.apply([Put(FLASK)])
    assert other.changed
    assert other.engine.bundle.store.row("new-1") is None
    # A writer reads first: both end where the journal does.
    assert other.apply([Delete("new-1"), Delete("p001")]) == [
        UpdateStatus("new-1", "deleted"), UpdateStatus("p001", "deleted"),
    ]  # fmt: skip
    assert index.refresh() == 2
    assert index.refresh() == 0
    assert not index.changed
    assert listed(other) == listed(index)


def test_a_torn_last_line_is_cut_off(index, engine, journal):
    index.apply([Put(FLASK), Delete("p000")])
    whole = journal.read_bytes()
    for torn in (b"{", whole.splitlines(keepends=True)[1][:-9], b'{"seq":9,"delete":"p001"}\n'):
        journal.write_bytes(whole + torn)
        again = UpdatableIndex.open(engine, journal)
        assert (again.sequence, again.engine.bundle.products) == (2, 120)
        again.apply([Delete("p050")])
        assert journal.read_bytes().startswith(whole)
        assert UpdatableIndex.open(engine, journal).engine.bundle.products == 119


@pytest.mark.parametrize("line", [1, 2])
def test_a_damaged_line_is_refused(index, engine, journal, line):
    index.apply([Put(FLASK), Delete("p000"), Delete("p001")])
    lines = journal.read_bytes().splitlines(keepends=True)
    lines[line] = lines[line].replace(b'"seq"', b'"sep"')
    journal.write_bytes(b"".join(lines))
    with pytest.raises(BundleError, match="damaged"):
        UpdatableIndex.open(engine, journal)


def test_a_journal_of_another_index_is_refused(engine, journal):
    Journal.open(journal, "another").close()
    with pytest.raises(BundleError, match="another index"):
        UpdatableIndex.open(engine, journal)
    journal.write_bytes(b"products,prices\n1,2\n")
    with pytest.raises(BundleError, match="damaged"):
        UpdatableIndex.open(engine, journal)


def test_a_full_disk_changes_nothing(index, journal, monkeypatch):
    index.apply([Put(FLASK)])
    before, bytes_before = listed(index), journal.read_bytes()
    monkeypatch.setattr(os, "fsync", lambda _file: (_ for _ in ()).throw(OSError(28, "No space")))
    with pytest.raises(ServingError, match="No space"):
        index.apply([Delete("new-1"), Delete("p001")])
    assert (listed(index), journal.read_bytes()) == (before, bytes_before)
    monkeypatch.undo()
    assert index.apply([Delete("new-1")])[0].outcome == "deleted"


def test_a_sealed_journal_takes_nothing_more(index, engine, journal):
    index.apply([Put(FLASK)])
    other = UpdatableIndex.open(engine, journal)
    index.seal("tomorrow")
    for writer in (index, other):
        with pytest.raises(NotReady, match="tomorrow"):
            writer.apply([Delete("new-1")])
        assert writer.engine.bundle.store.row("new-1") is not None


def test_searches_run_beside_updates(index):
    """Every search sees one state: all products of a batch or none."""
    failed: list[object] = []
    done = threading.Event()

    def search() -> None:
        while not done.is_set():
            ids = {hit.id for hit in index.engine.search(QUERY).hits}
            twins = {"twin-a", "twin-b"} & ids
            if len(twins) == 1:
                failed.append(twins)

    readers = [threading.Thread(target=search) for _ in range(2)]
    for reader in readers:
        reader.start()
    for number in range(30):
        title = f"Red kettle {number}"
        index.apply([Put(Product("twin-a", title)), Put(Product("twin-b", title))])
        if number % 3 == 2:
            index.apply([Delete("twin-a"), Delete("twin-b")])
    done.set()
    for reader in readers:
        reader.join()
    assert not failed


WRITER = """
import sys
from pathlib import Path
from index.live.journal import Journal

journal = Journal.open(Path(sys.argv[1]), "index")
journal.read()
while True:
    with journal.writing():
        journal.append([{"delete": f"p{journal.sequence:06d}", "padding": "x" * 5000}] * 20)
    print(journal.sequence, flush=True)
"""


def test_nothing_acknowledged_is_lost_to_a_kill(tmp_path):
    path = tmp_path / "journal.ndjson"
    for _ in range(3):
        command = [sys.executable, "-c", WRITER, str(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
            acknowledged = [int(writer.stdout.readline()) for _ in range(5)][-1]
            writer.send_signal(signal.SIGKILL)
            rest = writer.stdout.read().split()
        acknowledged = max([acknowledged, *map(int, rest)])
        journal = Journal.open(path, "index")
        with journal.writing() as entries:
            pass
        sequences = [entry["seq"] for entry in entries]
        assert sequences == list(range(1, len(sequences) + 1))
        assert len(sequences) >= acknowledged
        journal.close()
