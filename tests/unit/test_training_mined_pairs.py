"""Mined pairs: the union of rounds, and the way to Parquet and back."""

from __future__ import annotations

import sys
from dataclasses import fields, replace

import numpy as np
import pytest

from catalog.errors import TrainingError
from training.mined_pairs import COLUMNS, NO_GRADE, MinedPairs, read_mined, write_mined

IDS = [f"p{row}" for row in range(10)]
POSITIONS = {one: row for row, one in enumerate(IDS)}
TYPES = {
    "query": object, "product": np.int64, "rank": np.int32, "cosine": np.float32,
    "grade": np.int8, "judge": object, "round": np.int32, "kind": object,
}  # fmt: skip


def pairs(*rows):
    """Pairs from (query, product, rank, cosine, grade, judge, round, kind)."""
    columns = list(zip(*rows, strict=True)) or [()] * 8
    return MinedPairs(
        **{
            name: np.array(column, kind)
            for (name, kind), column in zip(TYPES.items(), columns, strict=True)
        }
    )


def rows_of(found):
    return list(zip(*(getattr(found, part.name).tolist() for part in fields(found)), strict=True))


HARD = ("kettle", 3, 1, 0.5, 0, "human", 1, "hard_negative")
FAR = ("kettle", 4, 9, 0.25, 2, "llm", 1, "hard_positive")
PLAIN = ("кофейник 红", 3, 2, -0.125, NO_GRADE, "", 1, "none")
SOME = pairs(HARD, FAR, PLAIN)


@pytest.fixture
def written(tmp_path):
    path = tmp_path / "deep" / "mined.parquet"
    write_mined(path, SOME, IDS)
    return path


def test_pairs_come_back_from_the_file(written):
    found = read_mined(written, POSITIONS)
    assert rows_of(found) == rows_of(SOME)
    assert {name: getattr(found, name).dtype for name in TYPES} == {
        name: np.dtype(kind) for name, kind in TYPES.items()
    }
    assert [path.name for path in written.parent.iterdir()] == ["mined.parquet"]


def test_other_tools_read_the_file(written):
    from pyarrow import parquet

    table = parquet.read_table(written)
    assert tuple(table.column_names) == COLUMNS
    assert [str(kind) for kind in table.schema.types] == [
        "string", "string", "int32", "float", "int8", "string", "int32", "string",
    ]  # fmt: skip
    assert table.to_pylist()[2] == {
        "query": "кофейник 红", "product_id": "p3", "rank": 2, "cosine": -0.125,
        "grade": None, "judge": "", "round": 1, "kind": "none",
    }  # fmt: skip


def test_positions_are_those_of_the_catalogue_that_reads(written):
    moved = {one: 9 - row for row, one in enumerate(IDS)}
    assert read_mined(written, moved).product.tolist() == [6, 5, 6]
    with pytest.raises(TrainingError, match=r"1 mined products are not .*'p4'.*product files"):
        read_mined(written, {"p3": 0})


def test_no_pairs_are_a_file_too(tmp_path):
    write_mined(tmp_path / "none.parquet", pairs(), IDS)
    found = read_mined(tmp_path / "none.parquet", {})
    assert len(found) == 0
    assert (found.hard(), found.judged(), found.count("none")) == ({}, {}, 0)


def test_a_failed_writer_leaves_the_old_file_and_nothing_else(written, monkeypatch):
    from pyarrow import parquet

    def torn(table, stream, **options):
        stream.write(b"PAR1")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(parquet, "write_table", torn)
    with pytest.raises(OSError, match="No space left"):
        write_mined(written, pairs(HARD), IDS)
    assert len(read_mined(written, POSITIONS)) == 3
    assert [path.name for path in written.parent.iterdir()] == ["mined.parquet"]


def test_a_new_file_replaces_the_old(written):
    write_mined(written, pairs(HARD), IDS)
    assert rows_of(read_mined(written, POSITIONS)) == [HARD]


def test_a_file_of_another_form_is_refused(tmp_path, written):
    import pyarrow
    from pyarrow import parquet

    def refused(path, said):
        with pytest.raises(TrainingError, match=said) as caught:
            read_mined(path, POSITIONS)
        assert str(path) in str(caught.value)

    refused(tmp_path / "no.parquet", "cannot be read.*No such file")
    refused(tmp_path, "cannot be read")
    (tmp_path / "cut.parquet").write_bytes(written.read_bytes()[:-20])
    refused(tmp_path / "cut.parquet", "cannot be read")
    table = parquet.read_table(written)

    def rewritten(column, values, said):
        at = table.column_names.index(column)
        changed = table.set_column(at, column, pyarrow.array(values))
        parquet.write_table(changed, tmp_path / "changed.parquet")
        refused(tmp_path / "changed.parquet", said)

    rewritten("rank", [1, None, 2], "values are missing in rank")
    rewritten("rank", ["first", "second", "third"], "cannot be read")
    rewritten("grade", [0, 1, 1000], "cannot be read")
    rewritten("kind", ["none", "none", "soft"], "'soft' is no kind")
    parquet.write_table(table.drop_columns(["judge"]), tmp_path / "less.parquet")
    refused(tmp_path / "less.parquet", "columns query, product_id")


def test_without_pyarrow_it_says_what_to_install(tmp_path, written, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    for call in (
        lambda: write_mined(tmp_path / "m.parquet", SOME, IDS),
        lambda: read_mined(written, POSITIONS),
    ):
        with pytest.raises(TrainingError, match=r"needs pyarrow.*\[train\]"):
            call()


def test_hard_and_judged_pairs_by_query():
    assert SOME.hard() == {"kettle": {3: 0, 4: 2}}
    assert SOME.judged() == {"kettle": {3, 4}}
    assert (SOME.count("hard_negative"), SOME.count("hard_positive"), SOME.count("none")) == (
        1,
        1,
        1,
    )


def changed(pair, **values):
    return tuple({**dict(zip(TYPES, pair, strict=True)), **values}.values())


@pytest.mark.parametrize(
    ("first", "later", "kept"),
    [
        (PLAIN, changed(PLAIN, rank=5, round=2), "later"),
        (PLAIN, changed(PLAIN, grade=0, kind="hard_negative", round=2), "later"),
        (HARD, changed(HARD, rank=2, round=2), "later"),
        (HARD, changed(HARD, rank=8, kind="none", round=2), "first"),
        (HARD, changed(HARD, rank=8, kind="none", grade=NO_GRADE, round=2), "first"),
        (HARD, changed(HARD, kind="none", grade=2, round=2), "later"),
    ],
)
def test_of_a_pair_found_twice_one_finding_stays(first, later, kept):
    both = pairs(first).union(pairs(later))
    assert rows_of(both) == [{"first": first, "later": later}[kept]]


def test_a_union_holds_every_pair_once():
    second = pairs(
        changed(FAR, query="кофейник 红", round=2),
        changed(HARD, round=2, cosine=0.75),
        changed(FAR, product=5, round=2),
    )
    both = SOME.union(second)
    keys = list(zip(both.query, both.product, strict=True))
    assert len(keys) == len(set(keys)) == 5
    assert both.hard() == {"kettle": {3: 0, 4: 2, 5: 2}, "кофейник 红": {4: 2}}
    assert rows_of(SOME.union(pairs())) == rows_of(pairs().union(SOME)) == rows_of(SOME)
    assert {part.name: getattr(both, part.name).dtype for part in fields(both)} == {
        name: np.dtype(kind) for name, kind in TYPES.items()
    }
    again = both.union(replace(second))
    assert rows_of(again) != []
    assert len(again) == 5
