"""Spellings that sound alike in English: what people write who know a word by ear."""

from __future__ import annotations

import re

# What is written, as a regular expression that knows its surroundings → what is written instead.
# Ours, from the usual lists of English misspellings; both directions where both happen.
_ALIKE = (
    # one sound, two spellings
    ("ph", "f"),
    (r"(?<!f)f(?!f)", "ph"),
    ("ck", "k"),
    (r"(?<=[aeiou])k(?!n)", "ck"),
    (r"c(?=[aou])", "k"),
    (r"k(?=[aou])", "c"),
    (r"(?<!s)c(?=[eiy])", "s"),
    (r"(?<!s)s(?=[eiy])", "c"),
    ("qu", "kw"),
    (r"(?<=[a-z])x", "ks"),
    (r"(?<=[aeiou])s(?=[aeiou])", "z"),
    ("z", "s"),
    (r"g(?=[ei])", "j"),
    (r"j(?=[aeiou])", "g"),
    # vowels
    ("ie", "ei"),
    ("ei", "ie"),
    ("ea", "ee"),
    ("ee", "ea"),
    ("oa", "o"),
    (r"(?<=[a-z])y(?=[a-z])", "i"),
    (r"(?<=[a-z])i(?=[bcdfglmnprstvz])", "y"),
    # letters nobody hears
    ("wh", "w"),
    (r"(?<![a-z])kn", "n"),
    (r"(?<![a-z])wr", "r"),
    (r"gh(?=t)", ""),
    (r"mb(?![a-z])", "m"),
    # endings, also before a plural's s
    (r"tion(?![a-rt-z])", "sion"),
    (r"sion(?![a-rt-z])", "tion"),
    (r"able(?![a-rt-z])", "ible"),
    (r"ible(?![a-rt-z])", "able"),
    (r"ance(?![a-rt-z])", "ence"),
    (r"ence(?![a-rt-z])", "ance"),
    (r"er(?![a-rt-z])", "or"),
    (r"or(?![a-rt-z])", "er"),
    # one consonant or two
    (r"([b-df-hj-np-tv-z])\1", r"\1"),
    (r"(?<=[aeiou])([bdfglmnprst])(?=[aeiou])", r"\1\1"),
)
_PATTERNS = tuple((re.compile(written), heard) for written, heard in _ALIKE)


def sounding_alike(word: str, place: int) -> list[str]:
    """The word with what is written at `place` (0 ≤ place < len) spelt otherwise; often none."""
    found = ((pattern.match(word, place), heard) for pattern, heard in _PATTERNS)
    return [
        word[:place] + match.expand(heard) + word[match.end() :] for match, heard in found if match
    ]
