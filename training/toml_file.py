"""Reading the TOML files that users write for this room."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from catalog.errors import TrainingError


def read_toml(path: Path, what: str) -> dict[str, Any]:
    """The tables of the file at `path`; `what` names it in errors, as "the recipe".

    Raises:
        TrainingError: it cannot be read, or is not TOML.

    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise TrainingError(f"{what} cannot be read: {error.strerror}", where=path) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise TrainingError(f"{what} is not valid TOML: {error}", where=path) from error
