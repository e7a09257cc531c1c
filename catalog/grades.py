"""What judges write, as grades: ESCI letters, words, 0/1/2, and ratings 0 to 3."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from catalog.model import Grade
from catalog.values import FieldError, text

_WORDS: Mapping[str, Grade] = {
    "e": Grade.EXACT,
    "exact": Grade.EXACT,
    "s": Grade.SUBSTITUTE,
    "substitute": Grade.SUBSTITUTE,
    "c": Grade.SUBSTITUTE,
    "complement": Grade.SUBSTITUTE,
    "partial": Grade.SUBSTITUTE,
    "i": Grade.IRRELEVANT,
    "irrelevant": Grade.IRRELEVANT,
}
_DIGITS: Mapping[str, Grade] = {str(grade.value): grade for grade in Grade}
# Four steps onto our three: 3 is exact, 0 irrelevant, and both steps between are "moderately
# relevant", as substitute and complement are in ESCI.
_RATINGS: Mapping[str, Grade] = {
    "3": Grade.EXACT,
    "2": Grade.SUBSTITUTE,
    "1": Grade.SUBSTITUTE,
    "0": Grade.IRRELEVANT,
}

# Column → what it may hold, in the order in which columns are looked for.
SCALES: Mapping[str, Mapping[str, Grade]] = {
    "esci": _WORDS,
    "esci_label": _WORDS,
    "grade": {**_DIGITS, **_WORDS},
    "label": {**_DIGITS, **_WORDS},
    "rating": _RATINGS,
}


def grade_of(column: str, value: Any) -> Grade:
    """The grade that `value` means in `column` (one of SCALES); case and white space do not count.

    Raises:
        FieldError: the column's scale does not know the value.

    """
    grade = SCALES[column].get(text(value).lower())
    if grade is None:
        raise FieldError(
            f"{column} {text(value)!r} is unknown; it may be {', '.join(sorted(SCALES[column]))}"
        )
    return grade
