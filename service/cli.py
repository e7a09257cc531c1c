"""`gradus serve`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from service.settings import Settings, load_settings, unknown_variables

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def serve(
    index: Annotated[
        Path | None,
        typer.Option(help="Root that `gradus index build --out` wrote (artifacts/demo/index)."),
    ] = None,
    host: Annotated[
        str | None, typer.Option(help="Address to listen on; 0.0.0.0 for all (127.0.0.1).")
    ] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 takes any (8080).")] = None,
    workers: Annotated[
        int | None, typer.Option(help="Processes that answer, best one per core (1).")
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Verify settings and index, then exit.")
    ] = False,
) -> None:
    """Answer searches over HTTP from an index.

    For example `gradus serve --index artifacts/demo/index`, then
    `curl 'http://127.0.0.1:8080/v1/search?q=red+running+shoes'`.

    Every option can also be a variable (GRADUS_PORT=9000), and there are more of those:
    docs/operations.md lists them. An option wins over its variable.
    """
    # Heavy: after the options are known to be right.
    from service.events import check_place
    from service.state import open_engine

    settings = load_settings(index=index, host=host, port=port, workers=workers)
    for name in unknown_variables():
        _say(f"no setting is called {name}; it has no effect")
    # In this process and before any other: a damaged index ends here, in one line.
    engine, products = open_engine(settings)
    opened = [engine]
    check_place(settings)
    described = _describe(settings, engine.bundle.products, products)
    del engine  # the server lets go of it when another version takes over
    if check:
        _say(f"settings and index are fine: {described}")
        return
    from service import server

    listener = server.bind(settings.host, settings.port)
    host_shown, port_shown = listener.getsockname()[:2]
    _say(described)
    _say(f"listening on http://{host_shown}:{port_shown} (Ctrl-C stops)")
    server.run(settings, opened, listener)
    _say("stopped")


def _describe(settings: Settings, built: int, products: int) -> str:
    """`products` after live updates; the number `built` is told where it is another."""
    updated = "" if products == built else f" (built with {built})"
    processes = "1 worker" if settings.processes == 1 else f"{settings.processes} workers"
    return f"{products} products{updated} from {settings.index}, {processes}"


def _say(line: str) -> None:
    typer.echo(f"gradus: {line}", err=True)
    sys.stderr.flush()
