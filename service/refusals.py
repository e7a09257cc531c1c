"""What was refused for want of room is answered together, some milliseconds later.

To send is dearer than to decide: each answer on its own wakes whoever waits for it, and that costs
an overloaded worker more than all the rest of a refusal. Sent one after another they find the other
side awake.
"""

from __future__ import annotations

from asyncio import AbstractEventLoop, Event
from collections.abc import Callable

HOLD_SECONDS = 0.01


class Refused:
    """Stands where uvicorn's request would that is not taken on."""

    keep_alive = False
    disconnected = False

    def __init__(self, *, answered: bool) -> None:
        self.response_complete = answered
        self.message_event = Event()


class Refusals:
    """Answers that wait for one another. For the event loop's thread."""

    def __init__(self) -> None:
        self._waiting: list[Callable[[], None]] = []

    def add(self, loop: AbstractEventLoop, send: Callable[[], None]) -> None:
        """Call `send` with those of the next `HOLD_SECONDS`."""
        if not self._waiting:
            loop.call_later(HOLD_SECONDS, self._send_all)
        self._waiting.append(send)

    def _send_all(self) -> None:
        waiting, self._waiting = self._waiting, []
        for send in waiting:
            send()
