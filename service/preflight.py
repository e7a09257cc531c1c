"""What is checked before a service starts: index, encoder, live updates, where events go.

Imports what it needs when it is called: a supervisor of several workers serves nothing itself, and
what it has once imported and opened it holds for as long as it runs.
"""

from __future__ import annotations

import multiprocessing
import signal
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, NamedTuple

from catalog.errors import ServingError
from service.settings import Settings

if TYPE_CHECKING:
    from index.engine import Engine


class Checked(NamedTuple):
    """Products that the index was built with, and those it has after its live updates."""

    built: int
    products: int


def check(settings: Settings) -> tuple[Engine, Checked]:
    """Open the index of the settings; the open engine and what was found.

    Raises BundleError or its like, RulesError, SettingsError, ServingError when it must not be
    served so.
    """
    from service.events import check_place
    from service.state import open_engine
    from service.tracing import tracer

    engine, products = open_engine(settings)
    check_place(settings)
    if settings.tracing:
        tracer().close()
    return engine, Checked(engine.bundle.products, products)


def check_apart(settings: Settings) -> Checked:
    """The same in a process of its own, which takes along what it opened. Raises as `check` does.

    It is forked, so call this before there are threads; the workers are spawned, as ever.
    """
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=_tell, args=(settings, there), daemon=True)
    process.start()
    there.close()
    with here:
        try:
            found: Checked | Exception | None = here.recv()
        except EOFError:
            found = None
    process.join()
    if found is None:
        raise ServingError(
            "the process that checks the index has ended without saying what it found",
            found=f"exit status {process.exitcode}",
            hint="Lines above may say why; -9 may be a lack of memory.",
        )
    if isinstance(found, Exception):
        raise found
    return found


def _tell(settings: Settings, there: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # the other process says that it was stopped
    found: Checked | Exception
    try:
        _, found = check(settings)
    except Exception as error:
        found = error
    with suppress(BrokenPipeError):
        there.send(found)
