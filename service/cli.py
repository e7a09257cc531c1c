"""`gradus serve`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from service import preflight
from service.settings import Settings, load_settings, unknown_variables

if TYPE_CHECKING:
    from index.engine import Engine

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
        str | None,
        typer.Option(
            metavar="<int or auto>", help="Processes that answer; auto: one per core (1)."
        ),
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
    settings = load_settings(index=index, host=host, port=port, workers=workers)
    for name in unknown_variables():
        _say(f"no setting is called {name}; it has no effect")
    # Before a worker starts: a damaged index ends here, in one line.
    opened: list[Engine] = []
    if settings.processes == 1:
        engine, checked = preflight.check(settings)
        opened.append(engine)
        del engine  # the server lets go of it when another version takes over
    else:
        checked = preflight.check_apart(settings)
    described = _describe(settings, checked)
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


def _describe(settings: Settings, checked: preflight.Checked) -> str:
    """Products after live updates; how many it was built with is told where that differs."""
    built, products = checked
    updated = "" if products == built else f" (built with {built})"
    processes = "1 worker" if settings.processes == 1 else f"{settings.processes} workers"
    return f"{products} products{updated} from {settings.index}, {processes}"


def _say(line: str) -> None:
    typer.echo(f"gradus: {line}", err=True)
    sys.stderr.flush()
