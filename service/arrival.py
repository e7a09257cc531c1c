"""When a request came in, until when its answer is wanted, and whether anybody still waits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from time import perf_counter

from catalog.errors import DeadlineExceeded


class ClientGone(Exception):  # noqa: N818, a state rather than a fault
    """Nobody waits for this answer any more."""


def _still_there() -> bool:
    return False


@dataclass(frozen=True)
class Arrival:
    """A request whose head was read at `at` (`perf_counter`)."""

    at: float = field(default_factory=perf_counter)
    gone: Callable[[], bool] = _still_there


@dataclass(frozen=True)
class Deadline:
    """An arrival and the seconds that its answer may take."""

    arrival: Arrival
    seconds: float

    def left(self) -> float:
        """Seconds until it passes; negative afterwards."""
        return self.arrival.at + self.seconds - perf_counter()

    def check(self, doing: str) -> None:
        """Go on? Raises DeadlineExceeded once it has passed, ClientGone when nobody waits."""
        if self.left() <= 0.0:
            raise DeadlineExceeded(
                f"the {self.seconds * 1e3:.0f} ms that this request may take passed {doing}",
                hint="Allow more with timeout_ms, or try again when the service is less busy.",
            )
        if self.arrival.gone():
            raise ClientGone
