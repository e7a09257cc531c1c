"""A judge that asks a language model, pair by pair remembered."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from random import Random

from catalog.errors import TrainingError
from catalog.text import normalise
from training.judges.answer import read_grades
from training.judges.cache import AnswerCache, answer_key
from training.judges.endpoint import Endpoint, Unreachable
from training.judges.ledger import Ledger, Stopped
from training.judges.prompt import Guideline
from training.judges.settings import LLMSettings

Pair = tuple[str, int]
_GIVE_UP_AFTER = 3  # batches in a row that could not be delivered, each tried `retries` more times


@dataclass
class Usage:
    """What was asked and answered so far; `left` were not asked because of `stopped`."""

    cached: int = 0
    answered: int = 0
    unusable: int = 0
    left: int = 0
    stopped: str = ""


class LLMJudge:
    """Grades through a chat endpoint; None for a pair that got no valid answer or was left.

    Every valid answer is in the cache before the next is waited for, so a killed run goes on where
    it was. None is never cached: a later run asks again.

    Args:
        texts: what is shown of each product, by position (`settings.template.item`).
        settings: endpoint, bounds and so on.
        guideline: the rules of grading.
        cache: answers of earlier runs, open.
        seed: of the jitter.

    Raises:
        TrainingError: the key is missing.

    """

    def __init__(
        self,
        texts: Sequence[str],
        settings: LLMSettings,
        guideline: Guideline,
        cache: AnswerCache,
        seed: int = 0,
    ) -> None:
        self._texts = texts
        self._settings = settings
        self._guideline = guideline
        self._cache = cache
        self._key = settings.api_key()
        self._rng = Random(seed)
        self._digest = guideline.digest
        self._undelivered = 0
        self._unusable: set[Pair] = set()
        self.ledger = Ledger(settings.max_requests, settings.max_tokens)
        self.usage = Usage()

    def grade(self, pairs: Sequence[Pair]) -> list[int | None]:
        """One answer a pair, in order. Not to be called where an event loop runs.

        Raises:
            TrainingError: the endpoint refuses altogether, or three batches in a row cannot be
                delivered. What was answered before is in the cache.

        """
        pairs = [(normalise(query), product) for query, product in pairs]
        wanted = [pair for pair in dict.fromkeys(pairs) if self._known(pair) is None]
        self.usage.cached += len(set(pairs)) - len(wanted)
        self._unusable = set()
        if wanted and not self.usage.stopped:
            asyncio.run(self._ask_all(wanted))
        self.usage.unusable += len(self._unusable)
        if self.usage.stopped:
            unknown = sum(self._known(pair) is None for pair in wanted)
            self.usage.left += unknown - len(self._unusable)
        return [self._known(pair) for pair in pairs]

    def _known(self, pair: Pair) -> int | None:
        return self._cache.get(self._entry(pair))

    def _entry(self, pair: Pair) -> str:
        query, product = pair
        return answer_key(self._settings.model, self._digest, query, self._texts[product])

    async def _ask_all(self, wanted: Sequence[Pair]) -> None:
        batches = _batches(wanted, self._settings.pairs_per_request)
        async with Endpoint(self._settings, self._key, self.ledger, self._rng) as endpoint:
            try:
                async with asyncio.TaskGroup() as group:
                    for _ in range(self._settings.concurrency):
                        group.create_task(self._work(endpoint, batches))
            except BaseExceptionGroup as errors:
                raise errors.exceptions[0] from None

    async def _work(self, endpoint: Endpoint, batches: Iterator[list[Pair]]) -> None:
        """Take batches off the common list until there is none, or no budget."""
        while not self.usage.stopped and (batch := next(batches, None)):
            try:
                if not await self._ask(endpoint, batch):
                    await self._ask_one_by_one(endpoint, batch)
                self._undelivered = 0
            except Stopped as reason:
                self.usage.stopped = str(reason)
            except Unreachable as failure:
                self._undelivered += 1
                self._unusable |= {pair for pair in batch if self._known(pair) is None}
                if self._undelivered >= _GIVE_UP_AFTER:
                    raise TrainingError(
                        f"the endpoint failed {self._undelivered} batches in a row",
                        where=self._settings.base_url,
                        found=str(failure),
                        hint="What was answered is in the cache: start again when it is back.",
                    ) from None

    async def _ask_one_by_one(self, endpoint: Endpoint, batch: Sequence[Pair]) -> None:
        """One product that a model chokes on must not cost its neighbours their grades."""
        for pair in batch:
            if len(batch) == 1 or not await self._ask(endpoint, [pair]):
                self._unusable.add(pair)

    async def _ask(self, endpoint: Endpoint, batch: Sequence[Pair]) -> bool:
        """Whether the batch, of one query, got grades; they are then in the cache."""
        query = batch[0][0]
        messages = self._guideline.messages(query, [self._texts[product] for _, product in batch])
        grades = await endpoint.ask(messages, partial(read_grades, count=len(batch)))
        if grades is None:
            return False
        for pair, grade in zip(batch, grades, strict=True):
            self._cache.put(self._entry(pair), grade, model=self._settings.model, query=query)
        self.usage.answered += len(batch)
        return True


def _batches(pairs: Sequence[Pair], size: int) -> Iterator[list[Pair]]:
    """Pairs of one query each, at most `size`, in the order of the queries' first pairs."""
    by_query: dict[str, list[Pair]] = {}
    for pair in pairs:
        by_query.setdefault(pair[0], []).append(pair)
    for asked in by_query.values():
        for start in range(0, len(asked), size):
            yield asked[start : start + size]
