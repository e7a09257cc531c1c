"""Many texts at once, beside the searches: for batches and for `POST /v1/embed`.

They have a lane of their own, so that no search stands behind them. Its thread takes all texts that
wait into one call; how a call meets the processor or the device is the encoder's own matter.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Literal, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from service.encoding.lane import Busy, Job, Lane, Outcome, TextEncoder, Unwanted, Vector

Side = Literal["query", "item"]
_CALL = 64  # texts


class QueueFull(Exception):  # noqa: N818, a state rather than a fault
    """More texts wait than may."""


class _ItemEncoder(Protocol):
    def encode_items(self, texts: Sequence[str]) -> NDArray[np.float32]: ...


class AsItems:
    """An encoder whose texts are those of products."""

    def __init__(self, encoder: TextEncoder) -> None:
        self.inner = encoder
        self._items = cast("_ItemEncoder", encoder)

    def encode_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors (n, dim) float32 of item texts."""
        return self._items.encode_items(texts)


class Bulk:
    """Encodes lists of texts, for the event loop; a thread for each side once it is asked for."""

    def __init__(self, most_waiting: int, open_lane: Callable[[TextEncoder, int], Lane]) -> None:
        """`open_lane` from an encoder and the number of texts that a call may take."""
        self._most_waiting, self._open_lane = most_waiting, open_lane
        self._waiting = 0
        self._lanes: dict[Side, tuple[TextEncoder, Lane]] = {}

    async def encode(
        self,
        encoder: TextEncoder,
        side: Side,
        texts: Sequence[str],
        seconds: float,
        gone: Callable[[], bool],
    ) -> list[Vector]:
        """Vectors of `texts`, in their order.

        Raises Busy when they take longer than `seconds`, QueueFull, and what the encoder raises.
        """
        if self._waiting + len(texts) > self._most_waiting:
            raise QueueFull
        self._waiting += len(texts)
        try:
            outcomes = await self._outcomes(self._lane(encoder, side), texts, seconds, gone)
        finally:
            self._waiting -= len(texts)
        for outcome in outcomes:
            if isinstance(outcome, Exception):
                raise outcome
        return cast("list[Vector]", outcomes)

    def close(self) -> None:
        """End the threads."""
        for _, lane in self._lanes.values():
            lane.close()
        self._lanes.clear()

    def _lane(self, encoder: TextEncoder, side: Side) -> Lane:
        known = self._lanes.get(side)
        if known is not None and known[0] is encoder:
            return known[1]
        if known is not None:
            known[1].close()  # of an encoder that was replaced
        lane = self._open_lane(AsItems(encoder) if side == "item" else encoder, _CALL)
        self._lanes[side] = encoder, lane
        return lane

    async def _outcomes(
        self, lane: Lane, texts: Sequence[str], seconds: float, gone: Callable[[], bool]
    ) -> list[Outcome]:
        loop = asyncio.get_running_loop()
        whole: asyncio.Future[None] = loop.create_future()
        outcomes: list[Outcome] = [Busy()] * len(texts)
        left, given_up = len(texts), False

        def land(place: int, outcome: Outcome) -> None:
            nonlocal left
            outcomes[place], left = outcome, left - 1
            if left == 0 and not whole.done():
                whole.set_result(None)

        def job(place: int, text: str) -> Job:
            def deliver(outcome: Outcome) -> None:
                if not loop.is_closed():
                    loop.call_soon_threadsafe(land, place, outcome)

            def empty() -> Unwanted:
                why: Unwanted = "client_gone" if gone() else "too_late" if given_up else ""
                if why:
                    deliver(Busy())
                return why

            return Job(text, deliver, empty)

        for place, text in enumerate(texts):
            lane.submit(job(place, text))
        try:
            done, _ = await asyncio.wait((whole,), timeout=max(seconds, 0.0))
        finally:
            given_up = True
        if not done:
            raise Busy
        return outcomes
