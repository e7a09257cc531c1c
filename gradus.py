"""The one command: `gradus`. Each room owns its verbs; a room is imported when its verb is used."""

from __future__ import annotations

import importlib
import importlib.metadata
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from catalog.errors import GradusError

# verb → (module, typer app in it, line for `gradus --help`)
VERBS = {
    "demo": ("service.demo", "app", "From nothing to a served, graded answer on a made-up shop."),
    "demo-data": ("catalog.cli", "app", "Write a made-up shop: products, queries, judgments."),
    "train": ("training.cli", "app", "Products and judgments in, a refined encoder out."),
    "judge": ("training.judges.cli", "app", "Train, measure and use judges of relevance."),
    "audit": ("training.audit.cli", "app", "Ask again about labels that shoppers contradict."),
    "ablate": ("training.ablation.cli", "app", "What each part of the training method is worth."),
    "export": ("export.cli", "app", "Encoder checkpoint in, ONNX encoder bundle out."),
    "index": ("index.cli", "index_app", "Build, publish, list and verify search indexes."),
    "evaluate": ("index.evaluating.cli", "evaluate_app", "Measure an index against judgments."),
    "search": ("index.cli", "search_app", "Ask an index one query on the command line."),
    "serve": ("service.cli", "app", "Answer searches over HTTP."),
    "key": ("service.key_cli", "app", "Make an API key and the hash that the service is told."),
}


class Verbs(TyperGroup):
    """Loads a verb's module only when that verb is named, so that serving never meets torch."""

    def list_commands(self, ctx: Any) -> list[str]:
        """The verbs in the order in which a newcomer meets them."""
        return list(VERBS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The verb's own command; for `gradus --help` a stand-in with its one line."""
        if cmd_name not in VERBS:
            return None
        module, attribute, line = VERBS[cmd_name]
        if ctx.resilient_parsing or _asks_for_overview():
            return _outline(cmd_name, line)
        command: Any = typer.main.get_command(getattr(importlib.import_module(module), attribute))
        command.name = cmd_name
        return command


def _asks_for_overview() -> bool:
    return not any(argument in VERBS for argument in sys.argv[1:])


def _outline(name: str, line: str) -> Any:
    app = typer.Typer(add_completion=False)
    app.command(name=name, help=line)(lambda: None)
    return typer.main.get_command(app)


app = typer.Typer(
    cls=Verbs,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Product search that says how relevant each hit is.",
)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"gradus {importlib.metadata.version('gradus')}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Product search that says how relevant each hit is."""


def main() -> None:
    """Run the command; an error of ours is one line on stderr and exit status 1."""
    try:
        app()
    except GradusError as error:
        typer.secho(f"gradus: {error}", fg=typer.colors.RED, err=True)
        sys.exit(1)
    except ModuleNotFoundError as error:
        extra = _extra_for(error.name or "")
        if extra is None:
            raise
        typer.secho(
            f"gradus: this verb needs {error.name}, which is not installed. "
            f'Install it with: pip install -e ".[{extra}]"',
            fg=typer.colors.RED,
            err=True,
        )
        sys.exit(1)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        typer.secho(
            f"gradus: {where}{error.strerror or error}. Check the path, its permissions and the "
            "space on the disk.",
            fg=typer.colors.RED,
            err=True,
        )
        sys.exit(1)
    except KeyboardInterrupt:
        typer.secho("gradus: stopped", err=True)
        sys.exit(130)


def _extra_for(module: str) -> str | None:
    """The extra of pyproject.toml that brings a missing module; None for a real defect."""
    extras = {
        "train": {
            *("torch", "transformers", "accelerate", "optimum", "onnx", "safetensors"),
            *("bm25s", "httpx"),
        },
        "eval": {"ir_measures", "matplotlib"},
        "parquet": {"pyarrow"},
    }
    top = module.partition(".")[0]
    return next((extra for extra, modules in extras.items() if top in modules), None)


if __name__ == "__main__":
    main()
