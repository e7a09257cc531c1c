"""Title and description templates, cut once per type so that filling one is cheap."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping

# (text before the value, the same when the value before it is left out, name, text at the end)
Part = tuple[str, str, str, str]
Template = tuple[Part, ...]

_PLACE = re.compile(r"\{(\w+)\}")
_FIRST_WORD = re.compile(r"(?<![\w'])[aA] $")
_VOWEL = re.compile(r"[aeio]|un(?!i)", re.IGNORECASE)
_ORPHAN = re.compile(
    r"^ ?[\w ]+(?=,| - )"
)  # `with {scent} scent, {size}`: words of the value before


def cut(template: str, known: Collection[str]) -> Template:
    """A template as parts, without those whose value `known` lacks; each leaves with its separator.

    `"{brand} {type}, {flavour}, {size}"` without a flavour reads brand, type, size.
    """
    pieces = _PLACE.split(template)  # text, name, text, name, ..., text
    parts: list[Part] = []
    left_out = False
    for before, name in zip(pieces[0:-1:2], pieces[1::2], strict=True):
        alone = _ORPHAN.sub("", before)
        if name in known:
            if not parts and left_out:
                before = alone = pieces[0]
            parts.append((alone if left_out else before, alone, name, ""))
        left_out = name not in known
    if parts and not left_out:
        parts[-1] = (*parts[-1][:3], pieces[-1])
    return tuple(parts)


def cut_all(templates: Iterable[str], known: Collection[str]) -> tuple[Template, ...]:
    """Each different template once, empty ones left out."""
    return tuple(dict.fromkeys(filter(None, (cut(template, known) for template in templates))))


def whole(templates: Iterable[str], known: Collection[str]) -> tuple[Template, ...]:
    """The templates that lack no value, cut: sentences do not survive the loss of a word."""
    full = [text for text in templates if all(name in known for name in _PLACE.findall(text))]
    return cut_all(full, known)


def fill(template: Template, values: Mapping[str, str], without: Collection[str] = ()) -> str:
    """The text. `without` names values to leave out, each with the separator before it.

    `a` before a vowel becomes `an`.
    """
    text = ""
    left_out = False
    for before, alone, name, after in template:
        if name in without:
            left_out = True
            continue
        value = values[name]
        if left_out:
            before = alone
        if _VOWEL.match(value) and _FIRST_WORD.search(before):
            before = before[:-1] + "n "
        text += (before if text else before.lstrip(" ,-:")) + value + after
        left_out = False
    return text
