"""The filter language: `brand = "Oatly" AND (price < 5 OR NOT in_stock = true)`.

docs/filters.md describes it for people. The grammar is LALR(1), so time is linear in the length;
length, nesting and the number of conditions are bounded.
"""

from __future__ import annotations

import math
import re
from functools import cache, lru_cache
from typing import Any

from lark import Lark, Token, Transformer, v_args
from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken, VisitError

from catalog.errors import QueryError
from catalog.moments import moment
from index.filtering.expression import (
    Condition,
    Constant,
    Every,
    Expression,
    Field,
    Never,
    Some,
    wrong,
)

MAX_CHARACTERS = 4_000
MAX_NESTING = 20
MAX_CONDITIONS = 100
_REMEMBERED = 1_024

# A word of the language ends where a name could not go on; what follows a number must not look
# like more of it.
_GRAMMAR = r"""
?start: some
?some: every (_OR every)*
?every: single (_AND single)*
?single: _NOT single -> never
       | _OPEN some _CLOSE
       | condition
condition: field OPERATOR constant         -> compared
         | field _IN list                  -> within
         | field _NOT _IN list             -> without
         | field _EXISTS                   -> exists
         | field _NOT _EXISTS              -> lacks
list: _LEFT constant (_COMMA constant)* _RIGHT
field: NAME | QUOTED_NAME
constant: TEXT | NUMBER | DATE | TRUTH

OPERATOR: "<=" | ">=" | "!=" | "=" | "<" | ">"
_OPEN: "("
_CLOSE: ")"
_LEFT: "["
_RIGHT: "]"
_COMMA: ","
_AND.2: /and(?![\w.-])/i
_OR.2: /or(?![\w.-])/i
_NOT.2: /not(?![\w.-])/i
_IN.2: /in(?![\w.-])/i
_EXISTS.2: /exists(?![\w.-])/i
TRUTH.2: /(true|false)(?![\w.-])/i
NAME: /[^\W\d]\w*([.-]\w+)*/
QUOTED_NAME: /`[^`]+`/
TEXT: /"(?:[^"\\]|\\[\s\S])*"|'(?:[^'\\]|\\[\s\S])*'/
DATE.2: /[0-9]{4}-[0-9]{2}-[0-9]{2}([T][0-9:.]+(Z|[+-][0-9:]+)?)?(?![\w.-])/
NUMBER: /[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)(e[+-]?[0-9]+)?(?![\w.-])/i
%ignore /\s+/
"""

_SHOWN = {
    "NAME": "a field",
    "QUOTED_NAME": "",
    "TEXT": 'a "text"',
    "NUMBER": "a number",
    "DATE": "a date",
    "TRUTH": "true or false",
    "OPERATOR": "= != < <= > >=",
    "$END": "the end",
} | {f"_{word}": word for word in ("AND", "OR", "NOT", "IN", "EXISTS")}
_SHOWN |= {"_OPEN": "(", "_CLOSE": ")", "_LEFT": "[", "_RIGHT": "]", "_COMMA": "a comma"}
_HINTS = {
    "&": "Write AND.",
    "|": "Write OR.",
    "!": "Write NOT, or != between field and value.",
    ":": "Write = between field and value.",
    "“": 'Use straight quotes: "text".',
    "”": 'Use straight quotes: "text".',
    '"': "The quote is never closed.",
    "'": "The quote is never closed.",
    "`": "The backtick is never closed, or nothing stands between two.",
    ",": "Numbers have a decimal point.",
}

# Words of SQL and of programs, and what they are called here.
_FOREIGN = tuple(
    (re.compile(pattern, re.IGNORECASE), hint)
    for pattern, hint in (
        (
            r"(=|!=|<>|\bis\b|\bis\s+not\b)\s*(null|none|nil)\b",
            "Write FIELD NOT EXISTS or FIELD EXISTS.",
        ),
        (r"\bis\s+(not\s+)?", "Write = or !=, or FIELD EXISTS."),
        (r"\b(like|ilike|contains|matches)\b", "Words inside a text are what q looks for."),
        (r"\bbetween\b", "Write FIELD >= A AND FIELD <= B."),
        (r"===?", "Write a single =."),
        (r"<>", "Write !=."),
    )
)


@lru_cache(maxsize=_REMEMBERED)
def parse(text: str) -> Expression | None:
    """The expression that `text` writes, None when it is blank.

    Raises QueryError naming the character at fault, what was expected there and what was found.
    """
    if not text.strip():
        return None
    if len(text) > MAX_CHARACTERS:
        raise QueryError(
            "this is too long",
            where="filter",
            expected=f"at most {MAX_CHARACTERS} characters",
            found=str(len(text)),
            hint="A list, FIELD IN [...], is shorter than many conditions.",
        )
    _check_bounds(text)
    try:
        found: Expression = _parser().parse(text)  # type: ignore[assignment]
    except UnexpectedInput as error:
        raise _refused(error, text) from None
    except VisitError as error:
        if isinstance(error.orig_exc, QueryError):
            raise error.orig_exc from None
        raise
    return found


@v_args(inline=True)
class _Builder(Transformer[Token, Any]):
    """Grammar rules to the tree, from the leaves up."""

    def some(self, *parts: Expression) -> Expression:
        return Some(parts)

    def every(self, *parts: Expression) -> Expression:
        return Every(parts)

    def never(self, part: Expression) -> Expression:
        return part.part if isinstance(part, Never) else Never(part)

    def compared(self, field: Field, operator: Token, constant: Constant) -> Expression:
        return Condition(field, str(operator), (constant,))  # type: ignore[arg-type]

    def within(self, field: Field, constants: tuple[Constant, ...]) -> Expression:
        return Condition(field, "IN", constants)

    def without(self, field: Field, constants: tuple[Constant, ...]) -> Expression:
        return Never(Condition(field, "IN", constants))

    def exists(self, field: Field) -> Expression:
        return Condition(field, "EXISTS")

    def lacks(self, field: Field) -> Expression:
        return Never(Condition(field, "EXISTS"))

    def list(self, *constants: Constant) -> tuple[Constant, ...]:
        return constants

    def field(self, token: Token) -> Field:
        return Field(str(token).strip("`"), token.start_pos or 0)

    def constant(self, token: Token) -> Constant:
        at = token.start_pos or 0
        if token.type == "TEXT":
            return Constant(re.sub(r"\\([\s\S])", r"\1", token[1:-1]), at)
        if token.type == "TRUTH":
            return Constant(token.casefold() == "true", at)
        if token.type == "NUMBER":
            number = float(token)
            if not math.isfinite(number):
                raise wrong("this number is too large", at, expected="a finite number")
            return Constant(number, at)
        try:
            return Constant(moment(str(token)), at)
        except ValueError as error:
            raise wrong("there is no such date", at, found=f"{token}: {error}") from None


@cache
def _parser() -> Lark:
    return Lark(_GRAMMAR, parser="lalr", transformer=_Builder())


_STRINGS = re.compile(r'"(?:[^"\\]|\\[\s\S])*"|\'(?:[^\'\\]|\\[\s\S])*\'|`[^`]+`')
_STEPS = re.compile(r"[()]|(?<![\w.-])(?:not|and|or)(?![\w.-])", re.IGNORECASE)


def _check_bounds(text: str) -> None:
    # On the bare text, before anything is built: texts in quotes are blanked out.
    bare = _STRINGS.sub(lambda match: " " * len(match[0]), text)
    open_now = chain = joined = 0
    for step in _STEPS.finditer(bare):
        word = step[0].casefold()
        open_now += {"(": 1, ")": -1}.get(word, 0)
        chain = chain + 1 if word == "not" else chain if word == "(" else 0
        joined += word in {"and", "or"}
        if open_now + chain > MAX_NESTING:
            raise wrong(
                "parentheses and NOTs are nested too deep",
                step.start(),
                expected=f"at most {MAX_NESTING} levels",
            )
        if joined >= MAX_CONDITIONS:
            raise wrong(
                "there are too many conditions",
                step.start(),
                expected=f"at most {MAX_CONDITIONS}",
                hint="A list, FIELD IN [...], is one condition.",
            )


def _refused(error: UnexpectedInput, text: str) -> QueryError:
    names: set[str] = set()
    at = error.pos_in_stream
    if isinstance(error, UnexpectedToken):
        names = error.accepts or error.expected
        if error.token.type == "$END":
            at = len(text)
    elif isinstance(error, UnexpectedCharacters):
        names = error.allowed or set()
    at = len(text) if at is None or at < 0 else at
    rest = text[at : at + 20]
    expected = ", ".join(shown for name, shown in _SHOWN.items() if name in names and shown)
    bare_word = bool(names & {"TEXT"}) and re.match(r"[^\W\d]", rest) is not None
    hint = _foreign(text, at) or (
        'Texts stand in quotes: "…".' if bare_word else _HINTS.get(rest[:1], "")
    )
    return wrong(
        "this cannot be read",
        at,
        expected=expected,
        found=repr(rest) if rest else "the end",
        hint=hint,
    )


def _foreign(text: str, at: int) -> str:
    """What to write instead of the words of other languages at or just before a place."""
    for pattern, hint in _FOREIGN:
        for found in pattern.finditer(text):
            if found.start() <= at <= found.end():
                return hint
    return ""
