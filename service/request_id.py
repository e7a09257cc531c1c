"""Request ids: the client's own when it is harmless, else a fresh ULID."""

from __future__ import annotations

import os
import re
import time

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32
_PAIRS = [first + second for first in _ALPHABET for second in _ALPHABET]
# Whatever matches is safe in a header, a log line and a file name.
_ACCEPTED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,99}")


def new_id() -> str:
    """A ULID: 26 characters, 48 bits of milliseconds and 80 of chance; sorts by time."""
    value = (time.time_ns() // 1_000_000) << 80 | int.from_bytes(os.urandom(10))
    return "".join([_PAIRS[value >> shift & 1023] for shift in range(120, -1, -10)])


def accept(offered: bytes | None) -> str:
    """The offered id when it is 1 to 100 letters, digits, `.`, `_`, `:` or `-`; else a new one."""
    if offered is not None:
        text = offered.decode("latin-1")
        if _ACCEPTED.fullmatch(text):
            return text
    return new_id()
