"""`gradus key`."""

from __future__ import annotations

import secrets
import sys
from hashlib import sha256
from typing import Annotated

import typer

from catalog.errors import ServingError

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)

_RANDOM_BYTES = 32


@app.command()
def key(
    admin: Annotated[
        bool, typer.Option("--admin", help="A key for the admin routes instead of searches.")
    ] = False,
    given: Annotated[
        bool,
        typer.Option("--stdin", help="Take the key from standard input and give its hash alone."),
    ] = False,
) -> None:
    """Make an API key of 256 random bits and the setting that lets the service know it.

    The key goes to whoever calls the service and is shown only now; the service holds its hash:

        export GRADUS_KEYS__SEARCH_SHA256=<hash>,<hash of another>
    """
    if given:
        typer.echo(sha256(_key_given().encode(errors="surrogateescape")).hexdigest())
        return
    made = f"gradus_{'admin' if admin else 'search'}_{secrets.token_urlsafe(_RANDOM_BYTES)}"
    setting = f"GRADUS_KEYS__{'ADMIN' if admin else 'SEARCH'}_SHA256"
    typer.echo(f"key      {made}")
    typer.echo(f"setting  {setting}={sha256(made.encode()).hexdigest()}")


def _key_given() -> str:
    line = sys.stdin.readline()
    if not line.strip():
        raise ServingError(
            "there is no key to hash",
            where="standard input",
            expected="the key on its first line",
            found="an empty line" if line else "nothing",
            hint="Is the variable that should hold it set?",
        )
    return line.strip()
