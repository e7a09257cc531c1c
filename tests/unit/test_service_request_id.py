from __future__ import annotations

import time

from service.request_id import accept, new_id

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def milliseconds(ulid: str) -> int:
    return sum(ALPHABET.index(letter) << 5 * place for place, letter in enumerate(ulid[9::-1]))


def test_new_ids_are_ulids_of_now() -> None:
    before = time.time_ns() // 1_000_000
    made = new_id()
    assert len(made) == 26
    assert set(made) <= set(ALPHABET)
    assert before <= milliseconds(made) <= before + 1_000


def test_new_ids_differ_and_sort_by_time() -> None:
    early = new_id()
    time.sleep(0.002)
    late = new_id()
    assert early < late
    assert len({new_id() for _ in range(1_000)}) == 1_000


def test_only_harmless_ids_are_taken_over() -> None:
    assert accept(b"abc-1.2_3:4") == "abc-1.2_3:4"
    assert accept(b"x" * 100) == "x" * 100
    for harmful in (None, b"", b"-x", b"x" * 101, b"a b", b"a\nb", b"a\n", b"\xff", b'"', b"<x>"):
        assert len(accept(harmful)) == 26
