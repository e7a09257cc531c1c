"""What asking has cost so far, and when it must stop."""

from __future__ import annotations

from dataclasses import dataclass


class Stopped(Exception):  # noqa: N818 - nothing has failed
    """No more may be asked now; the message says why. Never leaves the judge."""


@dataclass
class Ledger:
    """Requests and tokens, bounded.

    A request is paid for before it is sent, with the most that it can cost, and settled at what it
    did cost: so many of them under way at once cannot pass the bound together.
    """

    max_requests: int
    max_tokens: int
    requests: int = 0
    tokens: int = 0

    def reserve(self, tokens: int) -> None:
        """Count a request of at most `tokens`. Raises Stopped, counting nothing, past a bound."""
        if self.requests >= self.max_requests:
            raise Stopped(f"max_requests = {self.max_requests:,} are spent")
        if self.tokens + tokens > self.max_tokens:
            raise Stopped(
                f"{self.tokens:,} of max_tokens = {self.max_tokens:,} are spent and the next "
                f"request may take {tokens:,}"
            )
        self.requests += 1
        self.tokens += tokens

    def settle(self, reserved: int, used: int) -> None:
        """Replace what was reserved for a request by what it used."""
        self.tokens += used - reserved
