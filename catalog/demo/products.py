"""The products of the made-up shop, each a draw from its type, written up by a careless seller."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from catalog.demo import noise
from catalog.demo.departments import Assortment, Department, ProductType
from catalog.demo.prices import price, size_places
from catalog.demo.templates import Template, cut_all, fill, whole
from catalog.model import Product

POPULARITY_SLOPE = 0.8  # popularity falls as rank ** -slope
_MOST_POPULAR = 10_000.0
_OUT_OF_STOCK = 0.06
_BRAND_MAKES_TYPE = 0.6
_SYNONYM_IN_DESCRIPTION = 0.15
_SECOND_FEATURE = 0.4
_TRIES = 4


@dataclass(frozen=True)
class _Line:
    """A type made ready for drawing. `brands` holds (name, premium in [0, 1], writes capitals)."""

    kind: ProductType
    category: tuple[str, ...]
    brands: tuple[tuple[str, float, bool], ...]
    axes: tuple[tuple[str, tuple[str, ...]], ...]
    sizes: tuple[tuple[str, dict[str, float]], ...]
    titles: tuple[Template, ...]
    descriptions: tuple[Template, ...]
    marketing: tuple[str, ...]


def make_products(assortment: Assortment, count: int, rng: Random) -> list[Product]:
    """`count` products with ids P0000001 up; every type at least once when there are enough.

    Types differ in how many products they have (up to about four to one). Equal assortment,
    count and state of `rng` give equal products.
    """
    lines = [line for home in assortment.departments for line in _lines(home, rng)]
    drawn = lines * (count // len(lines) > 0)
    rng.shuffle(drawn)
    weights = [rng.uniform(0.5, 2.0) for _ in lines]
    drawn += rng.choices(lines, weights, k=count - len(drawn))
    rng.shuffle(drawn)
    ranks = list(range(1, count + 1))
    rng.shuffle(ranks)
    seen: set[tuple[str, ...]] = set()
    return [
        _product(f"P{number:07d}", line, rank, seen, rng)
        for number, (line, rank) in enumerate(zip(drawn, ranks, strict=True), 1)
    ]


def _lines(home: Department, rng: Random) -> Iterator[_Line]:
    brands = [(brand, rng.random(), rng.random() < 0.7) for brand in home.brands]
    for kind in home.types:
        makers = [brand for brand in brands if rng.random() < _BRAND_MAKES_TYPE]
        known = {"brand", "type", "use", *kind.attributes}
        told = {*known, "feature"}
        yield _Line(
            kind=kind,
            category=(home.name, kind.category, kind.name),
            brands=tuple(makers if len(makers) > 2 else brands),
            axes=tuple(kind.attributes.items()),
            sizes=size_places(kind),
            titles=cut_all(home.titles, known),
            descriptions=whole(home.descriptions, told) or cut_all(home.descriptions, told),
            marketing=home.marketing,
        )


def _product(
    identity: str, line: _Line, rank: int, seen: set[tuple[str, ...]], rng: Random
) -> Product:
    for _ in range(_TRIES):  # a large shop runs out of combinations: then offers repeat
        brand, premium, neat = rng.choice(line.brands)
        attributes = {axis: rng.choice(values) for axis, values in line.axes}
        made = (line.kind.name, brand, *attributes.values())
        if made not in seen:
            seen.add(made)
            break
    places = [where[attributes[axis]] for axis, where in line.sizes]
    size = sum(places) / len(places) if places else None
    low, high = line.kind.price
    popularity = _MOST_POPULAR / rank**POPULARITY_SLOPE
    return Product(
        id=identity,
        title=_title(line, brand, neat, attributes, rng),
        brand=brand,
        category=line.category,
        attributes=attributes,
        description=_description(line, brand, attributes, rng),
        price=price(low, high, size, premium, rng),
        stock=0 if rng.random() < _OUT_OF_STOCK else 1 + int(rng.expovariate(1 / 40)),
        popularity=round(popularity, 2),
    )


def _title(line: _Line, brand: str, neat: bool, attributes: dict[str, str], rng: Random) -> str:
    kind = line.kind
    values = {axis: noise.spelt(value, rng) for axis, value in attributes.items()}
    if neat:
        values = {axis: noise.capitals(value) for axis, value in values.items()}
    use, name = rng.choice(kind.uses), kind.name
    if kind.synonyms and rng.random() < noise.SYNONYM_AS_NAME:
        name = noise.capitals(rng.choice(kind.synonyms))
    values |= {
        "brand": brand.upper() if rng.random() < noise.SHOUTED_BRAND else brand,
        "type": name,
        "use": noise.capitals(use) if neat else use,
    }
    without = ["brand"] if rng.random() < noise.NO_BRAND else []
    template = rng.choice(line.titles)
    if rng.random() < noise.LEFT_OUT and len(template) > 2:
        without.append(rng.choice([name for _, _, name, _ in template if name != "type"]))
    title = fill(template, values, without)
    return _decorated(title[0].upper() + title[1:], line, rng)


def _decorated(title: str, line: _Line, rng: Random) -> str:
    chance = rng.random()
    if chance < noise.MARKETING:
        word = rng.choice(line.marketing) if line.marketing else "NEW"
        return f"{word}! {title}" if chance < noise.MARKETING / 3 else f"{title} ({word})"
    if chance > 1 - noise.TYPO:
        return noise.slipped(title, rng, least=5)
    if chance > 0.9:
        return noise.abbreviated(title, rng)
    return title


def _description(line: _Line, brand: str, attributes: dict[str, str], rng: Random) -> str:
    kind = line.kind
    feature = rng.choice(kind.features)
    values = {**attributes, "brand": brand, "type": kind.name.lower()}
    values |= {"feature": feature, "use": rng.choice(kind.uses)}
    opening = fill(rng.choice(line.descriptions), values)
    sentences = [opening[0].upper() + opening[1:]]
    if rng.random() < _SECOND_FEATURE:
        other = rng.choice(kind.features)
        if other != feature:
            sentences.append(f"{other}.")
    if rng.random() < 0.3:
        axis, value = rng.choice(list(attributes.items()))
        sentences.append(f"{axis.capitalize()}: {value}.")
    if kind.synonyms and rng.random() < _SYNONYM_IN_DESCRIPTION:
        sentences.append(f"Also known as {rng.choice(kind.synonyms)}.")
    return " ".join(sentences)
