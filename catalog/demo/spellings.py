"""One value, many spellings: the ways sellers and shoppers write sizes, packs and shades."""

from __future__ import annotations

import re
from functools import cache

# What follows a number → how else it is written. `{n}` is the number.
_UNITS = {
    "fl oz": ("{n} oz", "{n}oz", "{n} fl. oz.", "{n} fluid ounce"),
    "oz": ("{n}oz", "{n} ounce", "{n}-ounce"),
    "lb": ("{n}lb", "{n} lbs", "{n} pound", "{n}-pound"),
    "l": ("{n}l", "{n} litre", "{n} liter"),
    "liter": ("{n}L", "{n} L", "{n} litre", "{n}-liter"),
    "ml": ("{n}ml", "{n} mL"),
    "gallon": ("{n} gal", "{n}-gallon"),
    "quart": ("{n} qt", "{n}qt", "{n}-quart"),
    "inch": ('{n}"', "{n} in", "{n}-inch", "{n}in"),
    "ft": ("{n}ft", "{n} foot", "{n} feet"),
    "foot": ("{n}ft", "{n} ft", "{n}-foot"),
    "feet": ("{n}ft", "{n} ft", "{n}-foot"),
    "w": ("{n}W", "{n} watt", "{n}-watt"),
    "v": ("{n}V", "{n} volt"),
    "v battery": ("{n}V battery", "{n} volt battery"),
    "mah": ("{n}mAh", "{n} mAh"),
    "gb": ("{n}GB", "{n} GB"),
    "lumens": ("{n} lm", "{n}lm"),
    "btu": ("{n} BTU",),
    "pack": ("{n}-pack", "pack of {n}", "{n}pk"),
    "count": ("{n} ct", "{n}ct", "{n}-count"),
    "pieces": ("{n} pcs", "{n}-piece", "{n}pc"),
    "bags": ("{n} ct bags", "box of {n}"),
}
_WORDS = {
    "stainless steel": ("stainless", "s/steel"),
    "gluten free": ("gluten-free", "GF"),
    "sugar free": ("sugar-free", "no sugar"),
    "dairy free": ("dairy-free",),
    "fragrance free": ("fragrance-free", "no fragrance"),
    "gray": ("grey",),
    "heather gray": ("heather grey",),
    "black": ("blk",),
    "white": ("wht",),
    "navy": ("navy blue",),
    "organic": ("certified organic", "org"),
    "men's": ("mens", "men"),
    "women's": ("womens", "women"),
    "kids'": ("kids",),
    "rechargeable": ("USB rechargeable",),
    "medium": ("med",),
    "small": ("S", "sm"),
    "large": ("L", "lg"),
    "extra large": ("XL", "x-large"),
    "microfiber": ("microfibre",),
}
_NUMBER = re.compile(r"(\d+(?:\.\d+)?)\s+(.+)")
_SIDES = re.compile(r"(\d+(?:\.\d+)?) x (\d+(?:\.\d+)?) (inch|feet|ft)")


@cache
def spellings(value: str) -> tuple[str, ...]:
    """Other ways of writing an attribute value; empty when there is just the one."""
    if value in _WORDS:
        return _WORDS[value]
    if sides := _SIDES.fullmatch(value):
        mark = '"' if sides[3] == "inch" else "'"
        return (f"{sides[1]}x{sides[2]} {sides[3]}", f"{sides[1]}{mark} x {sides[2]}{mark}")
    several, joint, single = value.rpartition(" x ")
    found = _NUMBER.fullmatch(single)
    if not found or found[2] not in _UNITS:
        return ()
    return tuple(several + joint + form.format(n=found[1]) for form in _UNITS[found[2]])
