"""What a chat endpoint answers, checked before anything of it is believed."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

_FENCE = "```"


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class _Entry(_Strict):
    item: Annotated[int, Field(ge=1)]
    grade: Annotated[int, Field(ge=0, le=2)]  # not Literal: that lets true and 2.0 pass


class _Answer(_Strict):
    grades: list[_Entry]


class _Message(BaseModel):
    content: str


class _Choice(BaseModel):
    message: _Message
    finish_reason: str | None = None


class _Usage(BaseModel):
    prompt_tokens: Annotated[int, Field(ge=0)] = 0
    completion_tokens: Annotated[int, Field(ge=0)] = 0


class Completion(BaseModel):
    """The part of a chat completion that is used; `usage` is None where none was reported."""

    choices: Annotated[list[_Choice], Field(min_length=1)]
    usage: _Usage | None = None

    @property
    def tokens(self) -> int | None:
        """Prompt and answer together; None where the endpoint does not say."""
        if self.usage is None:
            return None
        return self.usage.prompt_tokens + self.usage.completion_tokens


def read_completion(body: bytes) -> Completion | None:
    """The completion in a response's body, None when it is none."""
    try:
        return Completion.model_validate_json(body)
    except ValidationError:
        return None


def read_grades(completion: Completion, count: int) -> list[int] | None:
    """The grades of items 1 … `count`, in order; None unless every item has exactly one.

    An answer that was cut off, talks, repeats or leaves out an item, or knows a fourth grade is no
    answer as a whole: who numbers wrongly once may have graded the wrong product elsewhere. A
    Markdown fence around the object is passed over.
    """
    choice = completion.choices[0]
    if choice.finish_reason not in (None, "stop"):
        return None
    try:
        answer = _Answer.model_validate_json(_unfenced(choice.message.content))
    except ValidationError:
        return None
    grades = {entry.item: entry.grade for entry in answer.grades}
    if len(answer.grades) != count or sorted(grades) != list(range(1, count + 1)):
        return None
    return [grades[item] for item in range(1, count + 1)]


def _unfenced(text: str) -> str:
    text = text.strip()
    if text.startswith(_FENCE) and text.endswith(_FENCE) and "\n" in text:
        return text[text.index("\n") : -len(_FENCE)].strip()
    return text
