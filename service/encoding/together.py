"""Texts that searches are about to ask for, encoded in one go with the first that is asked for.

To hand a text to the encoder's thread and to come back costs a fifth of what encoding it does;
searches that wait together share that. Each text is still encoded by itself: of one that fails or
hangs nothing is kept, so that its search asks again, alone, and the others have what was done.
"""

from __future__ import annotations

from itertools import islice

from service.encoding.lane import Lane, Outcome, Vector

# The event loop stands still meanwhile: for as many texts as it may well wait for.
MOST = 8


class Together:
    """Announcements and what came of them. For the event loop's thread."""

    def __init__(self, seconds_each: float) -> None:
        """`seconds_each` is what encoding a text takes, about."""
        self._seconds_each = seconds_each
        self._announced: dict[str, None] = {}
        self._ready: dict[str, Vector] = {}

    def announce(self, text: str) -> None:
        """A search will ask for this text in a moment, if nothing happens to it."""
        self._announced[text] = None

    def take(self, lane: Lane, text: str, seconds: float) -> Vector:
        """The vector of a text, waited for no longer than `seconds`.

        Raises Busy, and what the encoder raises.
        """
        kept = self._ready.pop(text, None)
        if kept is not None:
            return kept
        found = self._encoded(lane, text, seconds)
        if isinstance(found, Exception):
            raise found
        return found

    def _encoded(self, lane: Lane, text: str, seconds: float) -> Outcome:
        self._announced.pop(text, None)
        # The first one's time must do for all: half of it, for it is not known that well.
        room = int(min(MOST, 0.5 * seconds / self._seconds_each))
        others = [*islice(self._announced, max(0, room - 1))]
        for other in others:
            del self._announced[other]
        if len(self._ready) > MOST:  # of searches that something happened to
            self._ready.clear()
        found, *beside = lane.now([text, *others], seconds)
        for other, outcome in zip(others, beside, strict=False):
            if not isinstance(outcome, Exception):
                self._ready[other] = outcome
        return found
