"""What a search request may say, the same by query string and by JSON body."""

from __future__ import annotations

from typing import Annotated, Any, Self, TypeVar
from urllib.parse import parse_qsl

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from starlette.datastructures import Headers

from index.calibration import Mode, Tier
from index.request import MAX_DEPTH, MAX_LIMIT, MAX_QUERY_CHARACTERS, SearchRequest
from service.name_lists import Marked, Names
from service.problems import Fault, RequestError, pointer
from service.twice import given_twice

Parameters = TypeVar("Parameters", bound=BaseModel)
Timeout = Annotated[
    int | None,
    Field(
        ge=1,
        le=60_000,
        description="Time that the answer may take, in milliseconds; after that a 504.",
    ),
]


class BatchedSearch(BaseModel):
    """A search as the client states it, but for the time that it may take."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    q: str = Field(
        description="What the shopper typed.",
        max_length=MAX_QUERY_CHARACTERS,
        examples=["oat milk barista"],
    )
    limit: int = Field(default=20, ge=1, le=MAX_LIMIT, description="Most hits to return.")
    offset: int = Field(
        default=0,
        ge=0,
        le=MAX_DEPTH - 1,
        description=f"Hits to skip; offset + limit is at most {MAX_DEPTH}.",
    )
    mode: Mode = Field(
        default="hybrid", description="Which evidence counts: both, words only, or meaning only."
    )
    alpha: float | None = Field(
        default=None,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="Weight of meaning against words, for this search only; with mode=hybrid. "
        "`index.calibration` then says `not_covered`: relevance is measured at the index's own.",
        examples=[0.7],
    )
    min_tier: Tier = Field(default="substitute", description="The lowest tier that is returned.")
    min_relevance: float | None = Field(
        default=None,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="The lowest relevance that is returned, beside `min_tier`.",
        examples=[0.8],
    )
    exact: bool = Field(
        default=False,
        description="Compare with every product, instead of those that a scan or a graph proposes.",
    )
    explain: bool = Field(
        default=False, description="Say of each hit how its relevance came about."
    )
    filter: str = Field(
        default="",
        description="Which products may be found, in the language of docs/filters.md.",
        examples=['brand = "Oatly" AND price < 5 AND in_stock = true'],
    )
    facets: Names = Field(
        default=(), description="Fields whose values are counted.", examples=["brand,category"]
    )
    sort: Names = Field(
        default=(),
        description="Order within a tier: FIELD, FIELD:asc or FIELD:desc, `newest`, `relevance`.",
        examples=["price:asc"],
    )
    fields: Names = Field(
        default=(),
        description="Fields that hits show; all of them without this.",
        examples=["title,price"],
    )
    highlight: Marked = Field(
        default=(),
        description="Fields to return as HTML with the query's words in <mark>; `true`: the title.",
        examples=["title,description"],
    )
    group_by: str = Field(
        default="", description="Field whose values stand for one product: one hit of each."
    )

    correct: bool = Field(
        default=True,
        description="Whether misspelt words are read as what they most likely mean; "
        "`query.corrections` tells what was changed.",
    )
    lang: str | None = Field(
        default=None,
        max_length=35,
        description="Language of the query, as a code; it has to be that of the index.",
        examples=["en"],
    )
    use_cache: bool = Field(
        default=True, description="Whether vectors and answers kept from before may be used."
    )

    @model_validator(mode="after")
    def _window(self) -> Self:
        if self.offset + self.limit > MAX_DEPTH:
            raise ValueError(f"offset + limit must be at most {MAX_DEPTH}")
        return self

    def request(self) -> SearchRequest:
        """The engine's request. Raises QueryError when there is nothing to search for."""
        return SearchRequest(
            q=self.q,
            limit=self.limit,
            offset=self.offset,
            mode=self.mode,
            alpha=self.alpha,
            min_tier=self.min_tier,
            min_relevance=self.min_relevance,
            exact=self.exact,
            explain=self.explain,
            filter=self.filter,
            facets=self.facets,
            sort=self.sort,
            fields=self.fields,
            highlight=self.highlight,
            group_by=self.group_by,
            correct=self.correct,
            lang=self.lang,
        ).validated()


class SearchParameters(BatchedSearch):
    """A search as the client states it."""

    timeout_ms: Timeout = None


def from_query_string(query: bytes) -> SearchParameters:
    """Read `GET /v1/search?...`. Raises RequestError (422)."""
    return read_query_string(query, SearchParameters)


def read_query_string(query: bytes, model: type[Parameters]) -> Parameters:
    """The parameters of a query string as `model` declares them. Raises RequestError (422)."""
    pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    given = dict(pairs)
    if len(given) < len(pairs):
        names = [name for name, _ in pairs]
        twice = sorted({name for name in names if names.count(name) > 1})
        raise RequestError.invalid(
            [Fault(pointer([name]), "given more than once") for name in twice]
        )
    try:
        # "20" is a number and "true" a truth value here, since a query string holds only text.
        return model.model_validate_strings(given)
    except ValidationError as error:
        raise RequestError.invalid(faults_of(error, model)) from error


def from_body(headers: Headers, body: bytes) -> SearchParameters:
    """Read the JSON of `POST /v1/search`. Raises RequestError (415, 422)."""
    return read_body(headers, body, SearchParameters)


def read_body(headers: Headers, body: bytes, model: type[Parameters]) -> Parameters:
    """The JSON of a body as `model` declares it. Raises RequestError (415, 422)."""
    require_json(headers)
    try:
        # Strict: "20" is no number in JSON, and 1 is no truth value.
        found = model.model_validate_json(body, strict=True)
    except ValidationError as error:
        faults = faults_of(error, model)
        if any(fault["type"] == "json_invalid" for fault in error.errors()):
            raise RequestError.broken_json(faults) from error
        raise RequestError.invalid(faults) from error
    twice = given_twice(body, len(found.model_fields_set))
    if twice:
        raise RequestError.invalid(twice)
    return found


def require_json(headers: Headers) -> None:
    """Raises RequestError (415) unless the body is declared to be JSON in UTF-8."""
    declared = headers.get("content-type", "")
    media, *options = (part.strip().lower() for part in declared.split(";"))
    charsets = [option for option in options if option.startswith("charset=")]
    if media != "application/json" or any(
        option.partition("=")[2].strip('"') not in ("utf-8", "utf8", "us-ascii")
        for option in charsets
    ):
        raise RequestError.media_type(declared)


def openapi_parameters(model: type[BaseModel] = SearchParameters) -> list[dict[str, Any]]:
    """The query string as OpenAPI describes it, drawn from the model."""
    schema = model.model_json_schema()
    required = schema["required"]
    return [
        {
            "name": name,
            "in": "query",
            "required": name in required,
            "description": body.pop("description"),
            "schema": body,
        }
        for name, body in schema["properties"].items()
    ]


def faults_of(
    error: ValidationError, model: type[BaseModel], above: tuple[int | str, ...] = ()
) -> list[Fault]:
    """What is wrong, and where, below the place `above`."""
    # The value itself stays out: it may be long, and it is the shopper's.
    return [
        Fault(pointer((*above, *item["loc"])), _message(item["type"], item["msg"], model))
        for item in error.errors(include_url=False, include_context=False, include_input=False)
    ]


def _message(kind: str, message: str, model: type[BaseModel]) -> str:
    if kind == "extra_forbidden":
        return f"unknown parameter; known are {', '.join(model.model_fields)}"
    return message.removeprefix("Value error, ")
