"""Title and description templates, cut once per type so that filling one is cheap."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping

# (text before the value, name of the value, text after the last value or "")
Part = tuple[str, str, str]
Template = tuple[Part, ...]

_PLACE = re.compile(r"\{(\w+)\}")
_FIRST_WORD = re.compile(r"(?<![\w'])[aA] $")


def cut(template: str, known: Collection[str]) -> Template:
    """A template as parts, without those whose value `known` lacks; each leaves with its separator.

    `"{brand} {type}, {flavour}, {size}"` without a flavour reads brand, type, size.
    """
    pieces = _PLACE.split(template)  # text, name, text, name, ..., text
    places = list(zip(pieces[0:-1:2], pieces[1::2], strict=True))
    kept = [(before, name) for before, name in places if name in known]
    if not kept:
        return ()
    if kept[0] != places[0]:
        kept[0] = (pieces[0], kept[0][1])
    parts = [(before, name, "") for before, name in kept]
    if kept[-1] == places[-1]:
        before, name, _ = parts[-1]
        parts[-1] = (before, name, pieces[-1])
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
    for before, name, after in template:
        if name not in without:
            value = values[name]
            if value[0] in "aeioAEIO" and _FIRST_WORD.search(before):
                before = before[:-1] + "n "
            text += (before if text else before.lstrip(" ,-:")) + value
        text += after
    return text
