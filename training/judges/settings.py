"""Settings of a judge that asks a language model, from the `[judge]` section of a TOML file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from catalog.errors import TrainingError
from catalog.template import TextTemplate
from training.judges.prompt import GUIDELINE
from training.toml_file import read_toml

Count = Annotated[int, Field(ge=1)]
Seconds = Annotated[float, Field(gt=0, le=3600)]


class LLMSettings(BaseModel):
    """Which endpoint is asked, how, and how much it may cost. Paths stand as in the file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    base_url: str
    model: Annotated[str, Field(min_length=1)]
    api_key_env: str = ""
    guideline: Path = GUIDELINE
    cache: Path = Path("judge-cache.jsonl")
    category_levels: Annotated[int, Field(ge=0)] = 2
    description_words: Annotated[int, Field(ge=0)] = 60
    pairs_per_request: Annotated[int, Field(ge=1, le=100)] = 10
    concurrency: Annotated[int, Field(ge=1, le=256)] = 4
    timeout_s: Seconds = 60.0
    retries: Annotated[int, Field(ge=0, le=20)] = 4
    backoff_s: Seconds = 1.0
    longest_wait_s: Seconds = 120.0
    max_requests: Count = 1000
    max_tokens: Count = 1_000_000
    answer_tokens: Count = 400
    answer_tokens_field: str = "max_tokens"
    json_mode: bool = True
    temperature: Annotated[float, Field(ge=0, le=2)] | None = 0.0
    extra: dict[str, Any] = Field(default_factory=dict)

    @field_validator("base_url")
    @classmethod
    def _plain_address(cls, address: str) -> str:
        parts = urlsplit(address)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("an address such as https://llm.example/v1 is expected")
        if "@" in parts.netloc or parts.query or parts.fragment:
            raise ValueError("an address without user, password and query is expected")
        return address.rstrip("/")

    @property
    def template(self) -> TextTemplate:
        """How a product is shown to the model."""
        return TextTemplate(self.category_levels, self.description_words)

    def api_key(self) -> str:
        """The key from the environment, empty when none is configured.

        Raises:
            TrainingError: `api_key_env` names a variable that is not set.

        """
        key = os.environ.get(self.api_key_env, "") if self.api_key_env else ""
        if self.api_key_env and not key:
            raise TrainingError(
                "the endpoint's key is not in the environment",
                where=f"api_key_env = {self.api_key_env!r}",
                hint="Set that variable, or leave api_key_env out if the endpoint wants no key.",
            )
        return key


def load_settings(path: Path, **changes: Any) -> LLMSettings:
    """Read `[judge]` of a TOML file; `changes` that are not None win. Relative paths start there.

    Raises:
        TrainingError: no such file, no TOML, no such section, an unknown or impossible setting.

    """
    body = read_toml(path, "the judge's file of settings")
    section = body.get("judge")
    if not isinstance(section, dict):
        raise TrainingError("there is no section [judge]", where=path)
    section |= {name: value for name, value in changes.items() if value is not None}
    try:
        settings = LLMSettings.model_validate(section)
    except ValidationError as error:
        # Never the value: somebody may have pasted the key where only its variable's name belongs.
        first = error.errors(include_input=False, include_url=False)[0]
        name = ".".join(str(part) for part in first["loc"])
        raise TrainingError(f"[judge] `{name}`: {first['msg']}", where=path) from None
    here = path.absolute().parent
    return settings.model_copy(
        update={"guideline": here / settings.guideline, "cache": here / settings.cache}
    )
