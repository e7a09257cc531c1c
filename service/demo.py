"""`gradus demo`: from nothing to a served, graded answer."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from shlex import quote
from types import FrameType
from typing import Annotated, Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import urlopen

import typer

from catalog.readers import read_queries
from service import demo_steps
from service.demo_process import DemoError, StoppedError, alone, end, heeding

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
HOST = "127.0.0.1"
_START_SECONDS = 60
_DRAIN_SECONDS = 15.0
_SHOWN = 5


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Where all of it goes.")] = Path("artifacts/demo"),
    products: Annotated[int, typer.Option(help="Size of the made-up shop.", min=200)] = 10_000,
    seed: Annotated[int, typer.Option(help="Another seed, another shop.")] = 7,
    port: Annotated[int, typer.Option(help="Port to serve on.", min=1, max=65_535)] = 8080,
    serve: Annotated[bool, typer.Option("--serve/--no-serve", help="Serve at the end.")] = True,
    fresh: Annotated[bool, typer.Option("--fresh", help="Do every step again.")] = False,
) -> None:
    """Make up a shop, train an encoder, export, index, measure and serve it.

    Steps whose artefacts are there already are left out, so a second call serves within seconds.
    """
    if serve:
        _check_port(port)
    out.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    try:
        _make(out, demo_steps.plan(products, seed), fresh=fresh)
    except StoppedError as stopped:
        typer.echo(f"gradus: {stopped}", err=True)
        sys.exit(stopped.status)
    _say(f"all steps after {time.monotonic() - began:.1f} s; {_measured(out / 'evaluation.json')}")
    if serve:
        sys.exit(_serve(out, port))


def _make(out: Path, steps: list[demo_steps.Step], *, fresh: bool) -> None:
    with heeding() as sign, alone(out):
        if fresh:
            (out / demo_steps.RECORD).unlink(missing_ok=True)
        demo_steps.run(out, steps, _say, sign)


def pick(answers: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The answer that shows most: one with both tiers, else one with hits, else the first."""
    for wanted in (2, 1, 0):
        for answer in answers:
            if sum(count > 0 for count in answer["tier_counts"].values()) >= wanted:
                return answer
    return None


def rendered(answer: dict[str, Any]) -> list[str]:
    """The first hits of an answer, a line each."""
    lines = [f"query: {answer['query']['raw']}"]
    for hit in answer["hits"][:_SHOWN]:
        title = hit["fields"].get("title", hit["id"])
        lines.append(f"  {hit['rank']}. {hit['tier']:<10} {hit['relevance']:.2f}  {title}")
    if answer["no_confident_match"]:
        lines.append("  nothing worth showing")
    return lines


def _serve(out: Path, port: int) -> int:
    for number in (signal.SIGTERM, signal.SIGINT):  # a shell's `&` had the second one ignored
        signal.signal(number, _stop)
    command = [sys.executable, "-m", "gradus", "serve", "--index", str(out / "index")]
    command += ["--host", HOST, "--port", str(port), "--workers", "1"]
    quiet = {"GRADUS_LOG__ACCESS": "false", **os.environ}
    child = subprocess.Popen(command, env=quiet)
    try:
        _await_ready(child, port)
        _show(out, port)
        return child.wait()
    except KeyboardInterrupt:
        return 0
    finally:
        end(child, _DRAIN_SECONDS)


def _show(out: Path, port: int) -> None:
    unseen = out / "data" / "queries_heldout.tsv"  # an encoder shows nothing by what it was taught
    frequent = sorted(read_queries(unseen), key=lambda pair: -pair[1])[:10]
    answer = pick([_ask(port, query) for query, _ in frequent])
    if answer is None:
        raise DemoError("the shop has no query to try", where=unseen)
    for line in rendered(answer):
        _say(line)
    url = f"http://{HOST}:{port}/v1/search?{urlencode({'q': answer['query']['raw'], 'limit': 5})}"
    _say(f"try it:  curl {quote(url)}")
    _say(f"or open  http://{HOST}:{port}/  (Ctrl-C stops)")


def _ask(port: int, query: str) -> dict[str, Any]:
    url = f"http://{HOST}:{port}/v1/search?{urlencode({'q': query, 'limit': _SHOWN})}"
    try:
        with urlopen(url, timeout=10) as response:
            answer: dict[str, Any] = json.load(response)
    except (URLError, TimeoutError) as error:
        raise DemoError(f"the service did not answer: {error}", where=url) from error
    return answer


def _await_ready(child: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if child.poll() is not None:
            raise DemoError(
                "the service stopped while it started", hint="Its own message stands above."
            )
        try:
            with urlopen(f"http://{HOST}:{port}/readyz", timeout=1):
                return
        except (HTTPError, URLError, TimeoutError, ConnectionError):
            time.sleep(0.05)
    raise DemoError(f"the service was not ready within {_START_SECONDS} s")


def _check_port(port: int) -> None:
    """Before minutes of training, not after. Raises ServingError."""
    from service.server import bind  # brings the web server along

    bind(HOST, port).close()


def _measured(report: Path) -> str:
    """One honest number from the evaluation; what it lacks is left out."""
    try:
        modes = json.loads(report.read_text())["modes"]
        pairs = [f"{mode} {body['ndcg@10']['mean']:.3f}" for mode, body in modes.items()]
    except (OSError, ValueError, KeyError, TypeError):
        return "not measured"
    return "nDCG@10 " + ", ".join(pairs)


def _stop(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _say(line: str) -> None:
    typer.echo(f"demo: {line}")
    sys.stdout.flush()
