"""Dates and times as a shop writes them, and as seconds that can be compared."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import NamedTuple

DAY = 86_400.0
_HYPHENS = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?![0-9-])")


class Moment(NamedTuple):
    """Seconds since 1970-01-01 UTC; `whole_day` when only a date was given, whose start it is."""

    seconds: float
    whole_day: bool


def moment(text: str) -> Moment:
    """A date or a date with time in ISO 8601, with hyphens; without a zone it is in UTC.

    Raises:
        ValueError: neither, or outside the years 1 to 9999.

    """
    if not _HYPHENS.match(text):  # eight digits may be any number
        raise ValueError(f"{text[:40]!r} does not begin with a date")
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return Moment(_seconds(_with_time(text)), whole_day=False)
    return Moment(_seconds(datetime(day.year, day.month, day.day)), whole_day=True)


def iso(seconds: float) -> str:
    """The moment in ISO 8601: a date at midnight UTC, else date, time and `Z`."""
    if seconds % DAY == 0.0:
        return datetime.fromtimestamp(seconds, UTC).date().isoformat()
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


def _with_time(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        if "offset" not in str(error):  # Python speaks of its own types there
            raise
        raise ValueError("a zone lies less than 24 hours from UTC") from error


def _seconds(when: datetime) -> float:
    try:
        return when.replace(tzinfo=when.tzinfo or UTC).timestamp()
    except OverflowError as error:
        raise ValueError(str(error)) from error
