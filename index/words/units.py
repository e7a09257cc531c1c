"""Sizes as shops and shoppers write them: one spelling for each number and each unit.

`10oz`, `10 oz`, `10-ounce` and `10 ounces` are the same two words, `12"` is twelve inches, `1,5 l`
is `1.5 l` where a comma marks decimals and `1,000` is `1000` where it does not, `2.50` is `2.5`.
Nothing is converted: a litre is no thousand millilitres here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_ALIASES = {
    "oz": "ounce ounces onces once unze unzen",
    "lb": "lbs pound pounds",
    "g": "gr gram grams gramm gramme grammes gramos grammi gramas",
    "kg": "kgs kilo kilos kilogram kilograms kilogramm kilogramme",
    "mg": "mgs milligram milligrams milligramm",
    "l": "ltr ltrs liter liters litre litres litro litros litri",
    "ml": "mls milliliter milliliters millilitre millilitres",
    "cl": "centiliter centiliters centilitre centilitres",
    "gal": "gallon gallons",
    "qt": "quart quarts",
    "pt": "pint pints",
    "mm": "millimeter millimeters millimetre millimetres",
    "cm": "centimeter centimeters centimetre centimetres zentimeter",
    "m": "meter meters metre metres",
    "inch": "inches zoll pouce pouces pulgada pulgadas pollici",
    "ft": "foot feet",
    "yd": "yard yards",
    "gb": "gigabyte gigabytes",
    "tb": "terabyte terabytes",
    "mb": "megabyte megabytes",
    "w": "watt watts",
    "v": "volt volts",
    "ah": "amphour amphours",
    "mah": "milliamphours",
    "hz": "hertz",
    "ct": "count counts cts",
    "pk": "pack packs packung packungen paquet paquets",
    "pc": "pcs piece pieces stück stücke stk",
}
_UNIT = {alias: unit for unit, aliases in _ALIASES.items() for alias in aliases.split()}

_INCH = re.compile(r"(?<=\d)(?:\s?(?:''|\u2032\u2032|[\"\u201d])|-?in\b(?!'))")
_FOOT = re.compile(r"(?<=\d)['\u2032\u2019](?!\w)")
_GROUPED = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_COMMA = re.compile(r"(?<=\d),(?=\d)")
_DIGIT = re.compile(r"\d")


def has_digit(text: str) -> bool:
    """Whether there is a decimal digit: without one, nothing here changes a thing."""
    return _DIGIT.search(text) is not None


def spell_out(normalised: str, *, decimal_comma: bool) -> str:
    """The text with inch and foot marks as words and with points for decimal commas."""
    text = _FOOT.sub(" ft ", _INCH.sub(" inch ", normalised))
    return _COMMA.sub(".", text) if decimal_comma else _GROUPED.sub("", text)


def canonical(words: Sequence[str]) -> list[str]:
    """The words with units after a number in their one spelling, and numbers in theirs."""
    found: list[str] = []
    after_number = False
    for word in words:
        number = word[0].isdecimal()
        if number:
            found.append(_plain(word))
        else:
            found.append(_UNIT.get(word, word) if after_number else word)
        after_number = number
    return found


def _plain(number: str) -> str:
    # Versions and dates (`1.2.3`) stay; so does `1`.
    whole, point, decimals = number.partition(".")
    if not point or "." in decimals:
        return number
    decimals = decimals.rstrip("0")
    return f"{whole}.{decimals}" if decimals else whole
