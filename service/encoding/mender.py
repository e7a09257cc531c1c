"""Brings an encoder back: checks it on texts of our own, opens it anew if that does not do."""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import perf_counter

import numpy as np

from service import logs
from service.encoding.lane import TextEncoder

_TEXTS = ("red running shoes", "oat milk", "frying pan")
_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 10.0
# Below what two runs of one graph differ by on one machine, far above what noise or zeros give.
_MIN_COSINE = 0.999


class Mender:
    """Knows what the encoder's vectors looked like when it was well."""

    def __init__(
        self,
        encoder: TextEncoder,
        reopen: Callable[[], TextEncoder] | None,
        max_wait: float,
        mended: Callable[[TextEncoder], None],
    ) -> None:
        """`mended` is called from the repair's thread with an encoder that is well."""
        self._known = encoder.encode_queries(_TEXTS)
        self._reopen, self._max_wait, self._mended = reopen, max_wait, mended
        self._closed = threading.Event()

    def start(self, encoder: TextEncoder, stuck: Callable[[], float]) -> None:
        """Begin a repair in a thread of its own; `stuck` gives the seconds of a hanging call."""
        threading.Thread(
            target=self._repair, args=(encoder, stuck), name="encoder-mender", daemon=True
        ).start()

    def close(self) -> None:
        """Give up repairing."""
        self._closed.set()

    def _repair(self, encoder: TextEncoder, stuck: Callable[[], float]) -> None:
        pause, tries = _FIRST_PAUSE, 0
        while not self._closed.wait(pause):
            try:
                # The first look is at the encoder as it is: the trouble may have passed.
                if self._reopen is not None and (tries > 0 or stuck() > 0.0):
                    encoder = self._reopen()
                self._check(encoder)
            except Exception as error:
                fields = {"tries": tries + 1, "error": str(error)}
                logs.service.warning("the encoder is still out", extra={"fields": fields})
            else:
                self._mended(encoder)
                return
            pause, tries = min(2 * pause, _LONGEST_PAUSE), tries + 1

    def _check(self, encoder: TextEncoder) -> None:
        began = perf_counter()
        found = encoder.encode_queries(_TEXTS)
        if perf_counter() - began > self._max_wait * len(_TEXTS):
            raise TimeoutError("it answers, but too slowly")
        lengths = np.linalg.norm(self._known, axis=1) * np.linalg.norm(found, axis=1)
        cosines = (self._known * found).sum(axis=1)
        if not (cosines >= _MIN_COSINE * lengths).all():  # not-a-number fails, too
            raise ArithmeticError("it gives other vectors than before")
