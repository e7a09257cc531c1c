"""An OpenAI-compatible chat endpoint: asked again after a back-off, within a budget."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from random import Random
from types import TracebackType
from typing import TypeVar

import httpx

from catalog.errors import TrainingError
from training.judges.answer import Completion, read_completion
from training.judges.ledger import Ledger, Stopped
from training.judges.settings import LLMSettings

Answer = TypeVar("Answer")
_TRY_AGAIN = frozenset({408, 409, 425, 429})  # and all from 500 on
_SETUP_IS_WRONG = frozenset({401, 402, 403, 404, 405})


class Unreachable(Exception):  # noqa: N818 - a judge decides what it means
    """Every try failed on the way; the message says how the last one did."""


class _Retry(Exception):  # noqa: N818
    """A try gave nothing; another may. `wait` is what the endpoint asks for, in seconds."""

    def __init__(self, why: str, wait: float | None = None, *, answered: bool = False) -> None:
        super().__init__(why)
        self.wait = wait
        self.answered = answered


class Endpoint:
    """Use it in an `async with`; all that ask share its pauses and its ledger."""

    def __init__(self, settings: LLMSettings, key: str, ledger: Ledger, rng: Random) -> None:
        self._settings = settings
        self._key = key
        self._ledger = ledger
        self._rng = rng
        self._not_before = 0.0  # by the loop's clock
        self._worked = False
        self._url = f"{settings.base_url}/chat/completions"
        self._client = httpx.AsyncClient(
            headers={"Authorization": f"Bearer {key}"} if key else {},
            timeout=None,  # one clock for a whole request is below
        )

    async def __aenter__(self) -> Endpoint:
        await self._client.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._client.__aexit__(kind, error, trace)

    async def ask(
        self, messages: Sequence[dict[str, str]], read: Callable[[Completion], Answer | None]
    ) -> Answer | None:
        """What `read` makes of a completion; None when no try gave one that it could use.

        Tries again on a time-out, a broken connection, HTTP 408, 409, 425, 429 and from 500 on, a
        body that is no completion, and an answer that `read` gives None for.

        Raises:
            Stopped: the budget is spent, or the endpoint asks for more patience than is configured.
            Unreachable: no try, or not the last, came back with a completion.
            TrainingError: the address, key or model is wrong; trying again is of no use.

        """
        body = self._body(messages)
        for attempt in range(self._settings.retries + 1):
            await self._pause()
            try:
                return await self._once(body, read)
            except _Retry as failure:
                last = failure
                if attempt < self._settings.retries:
                    await self._back_off(attempt, failure.wait)
        if last.answered:
            return None
        raise Unreachable(str(last))

    def _body(self, messages: Sequence[dict[str, str]]) -> bytes:
        settings = self._settings
        body = {
            "model": settings.model,
            "messages": messages,
            settings.answer_tokens_field: settings.answer_tokens,
        }
        if settings.temperature is not None:
            body["temperature"] = settings.temperature
        if settings.json_mode:
            body["response_format"] = {"type": "json_object"}
        return json.dumps({**body, **settings.extra}).encode()

    async def _once(
        self, body: bytes, read: Callable[[Completion], Answer | None]
    ) -> Answer | None:
        # No tokenizer of bytes, as chat models have, makes more tokens than there are bytes.
        most = len(body) + self._settings.answer_tokens
        self._ledger.reserve(most)
        try:
            async with asyncio.timeout(self._settings.timeout_s):
                response = await self._client.post(
                    self._url, content=body, headers={"Content-Type": "application/json"}
                )
        except TimeoutError:
            raise _Retry(f"no answer within {self._settings.timeout_s:g} s") from None
        except httpx.HTTPError as error:
            if isinstance(error, httpx.ConnectError):
                self._ledger.settle(most, 0)  # nobody has read it
            raise _Retry(f"{type(error).__name__}: {error}") from None
        if response.status_code != httpx.codes.OK:
            self._ledger.settle(most, 0)
            self._refuse(response)
            return None
        completion = read_completion(response.content)
        if completion is None:
            raise _Retry("HTTP 200 without a chat completion", answered=True)
        self._worked = True
        self._ledger.settle(most, most if completion.tokens is None else completion.tokens)
        answer = read(completion)
        if answer is None:
            raise _Retry("an answer against the form", answered=True)
        return answer

    def _refuse(self, response: httpx.Response) -> None:
        """Raise, unless it is this request alone that the endpoint will not answer."""
        status = response.status_code
        if status in _TRY_AGAIN or status >= 500:
            raise _Retry(f"HTTP {status}", _asked_wait(response.headers.get("retry-after", "")))
        # A first request that is refused tells of the settings, a later one of its own texts.
        if status in _SETUP_IS_WRONG or status < 400 or not self._worked:
            said = " ".join(response.text[:300].split())
            raise TrainingError(
                f"the endpoint refuses to answer: HTTP {status}",
                where=self._url,
                found=said.replace(self._key, "***") if self._key else said,
                hint="Check base_url, model and api_key_env; json_mode = false if it knows none.",
            )

    async def _back_off(self, attempt: int, asked: float | None) -> None:
        longest = self._settings.longest_wait_s
        if asked is not None:
            if asked > longest:
                raise Stopped(
                    f"the endpoint asks to wait {asked:g} s, longest_wait_s = {longest:g}"
                )
            # Whoever else asks would only be told the same.
            now = asyncio.get_running_loop().time()
            self._not_before = max(self._not_before, now + asked)
        # Jitter, so that those who failed together do not come back together.
        wait = self._settings.backoff_s * 2**attempt * self._rng.uniform(0.5, 1.0)
        await asyncio.sleep(min(wait, longest))

    async def _pause(self) -> None:
        while (left := self._not_before - asyncio.get_running_loop().time()) > 0:
            await asyncio.sleep(left)


def _asked_wait(header: str) -> float | None:
    """Seconds that a Retry-After header asks for, given as a number or a date; None if unclear."""
    if header.strip().isdigit():
        return float(header)
    try:
        moment = parsedate_to_datetime(header)
    except ValueError:
        return None
    if moment.tzinfo is None:  # "-0000" says that the zone is not known; HTTP dates are in UTC
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())
