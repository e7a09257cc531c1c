"""When a call is tried again, and how long after: pure but for the dice, which are handed in.

Tried again is what cannot have done anything (the service was not reached, or refused the request
before any work) and, for a call that may be repeated, what was cut off on the way. Two budgets
bound it: a time for each call, and for the whole client a share of its calls, so that clients do
not keep an overloaded service overloaded (Google, Site Reliability Engineering, chapter 21).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from service.client.errors import ClientError, NoAnswer, NotSent, ProblemError, TooBusy, Unavailable

# Refusals that come before any work, of a service whose problem shape was recognised.
_NOTHING_DONE = frozenset({"overloaded", "not_ready", "too_many_connections", "rate_limited"})


@dataclass(frozen=True)
class Retries:
    """How often and how long a call is tried again.

    `attempts` counts the first one, too: 1 means never again. `budget_seconds` bounds one call with
    all its waiting; `first_pause` doubles each time up to `longest_pause` (seconds). `share` of all
    calls may be tried again on the whole, and `reserve` at once after a quiet time.
    """

    attempts: int = 3
    budget_seconds: float = 10.0
    first_pause: float = 0.1
    longest_pause: float = 2.0
    share: float = 0.1
    reserve: float = 10.0


RETRIES = Retries()
NEVER = Retries(attempts=1)


class RetryBudget:
    """What a client may still try again: grows by `share` with every call, up to `reserve`."""

    def __init__(self, retries: Retries) -> None:
        self._share, self._most = retries.share, retries.reserve
        self._left = retries.reserve

    def earn(self) -> None:
        """A call was made."""
        self._left = min(self._most, self._left + self._share)

    def spend(self) -> bool:
        """Take one retry out; False when there is none."""
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True


def may_repeat(error: ClientError, *, repeatable: bool) -> bool:
    """Whether the call that ended in `error` may be made again."""
    if isinstance(error, NotSent):
        return True
    if isinstance(error, NoAnswer):
        return repeatable
    if isinstance(error, TooBusy | Unavailable):
        return repeatable or error.problem.code in _NOTHING_DONE
    return False


def pause(
    retries: Retries,
    error: ClientError,
    *,
    attempt: int,
    elapsed: float,
    chance: Callable[[], float],
) -> float | None:
    """Seconds to wait after the `attempt`th attempt (from 1); None when there is no time for it.

    At least what the service asked for, never all clients at the same moment: `chance` gives a
    number in [0, 1).
    """
    if attempt >= retries.attempts:
        return None
    backoff = min(retries.longest_pause, retries.first_pause * 2.0 ** (attempt - 1))
    asked = error.problem.retry_after if isinstance(error, ProblemError) else None
    wait = backoff * (0.5 + chance() / 2) if asked is None else asked + backoff * chance()
    return wait if elapsed + wait <= retries.budget_seconds else None
