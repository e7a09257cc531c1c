"""Requests that nobody ought to send, made up from a seed, family by family.

Plausible pieces beside broken ones, so that the inner parts of the service are met as well as its
door. Every family yields the bytes of one request, in pieces as they are to be sent.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from urllib.parse import quote_from_bytes

KEY = "fuzz"
ODD_TEXTS = (
    "", " ", "\x00", "red\x00kettle", "\ud800", "\udfff\ud800", "\U0001f9ff" * 40, "é" * 300,
    "\u202eabc", "\ufeff", "a" * 5000, "' OR 1=1 --", "{{7*7}}", "../../etc/passwd", "%00", "%",
    "<script>", "\r\nX-Evil: 1", "NaN", "Infinity", "-0", "1e999", "9" * 400, "true", "null", "[]",
    "\U0001d55c\U0001d556", "ﬁ", "İ", "ß", "\u0130\u0307", "a\u0300" * 100, "한글", "שלום",
    "\x7f\x1b[2J",
)  # fmt: skip
ODD_NUMBERS = (0, -1, 1, 2**31, 2**63, 2**64, -(2**63), 10**300, 1.5, -0.0, 1e308, 1e-320)
FILTERS = (
    'brand = "Corvo"', "price < 9", "price >= 1 AND NOT stock = 0", 'brand IN ["a", "b"]',
    'title : "kettle"', "in_stock = true", "price < 5 OR (brand = x AND price > 2)", "id EXISTS",
    'category = "Kitchen > Kettle"', "price = 1e999", "price < -0", "brand != ''", "NOT NOT NOT a",
    "a = 1 AND", "((((", "))))", "brand = \"", "brand IN [", "price BETWEEN 1 AND 2", "= = =",
)  # fmt: skip
FIELDS = ("title", "brand", "price", "stock", "category", "colour", "id", "popularity", "nothing")
PATHS = (
    "/v1/search", "/v1/search:batch", "/v1/suggest", "/v1/embed", "/v1/products", "/v1/products/p1",
    "/v1/events", "/v1/indexes", "/v1/indexes:rollback", "/v1/indexes/x:publish", "/livez", "/info",
    "/metrics", "/", "/docs", "/openapi.json", "/workbench", "/v1/search/", "//v1/search", "/v1",
)  # fmt: skip
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "BREW", "TRACE", "get")


@dataclass(frozen=True)
class Case:
    """A request in pieces. `whole`: it is complete HTTP, so it must be answered."""

    family: str
    parts: tuple[bytes, ...]
    whole: bool = True
    head: bool = False
    end: bool = False

    @property
    def path(self) -> str:
        """The path that is asked for, as far as there is one."""
        words = self.parts[0][:4000].split(b" ", 2)
        return words[1].partition(b"?")[0].decode("latin-1") if len(words) > 1 else ""

    @property
    def method(self) -> str:
        return self.parts[0][:20].partition(b" ")[0].decode("latin-1")


def request(
    method: str, target: bytes | str, body: bytes | None = None, *headers: tuple[bytes, bytes]
) -> bytes:
    """The bytes of a request that ends with its connection."""
    target = target.encode("latin-1", "replace") if isinstance(target, str) else target
    length = () if body is None else ((b"Content-Length", str(len(body)).encode()),)
    key = (b"Authorization", b"Bearer " + KEY.encode())
    lines = [(b"Host", b"shop"), (b"Connection", b"close"), key, *length, *headers]
    head = b"".join(name + b": " + value + b"\r\n" for name, value in lines)
    return method.encode() + b" " + target + b" HTTP/1.1\r\n" + head + b"\r\n" + (body or b"")


JSON = (b"Content-Type", b"application/json")
NDJSON = (b"Content-Type", b"application/x-ndjson")


def mutated(dice: Random, data: bytes) -> bytes:
    """Some bytes changed, doubled, left out or put in."""
    found = bytearray(data)
    for _ in range(dice.randint(1, 4)):
        at = dice.randrange(len(found) + 1)
        kind = dice.randrange(4)
        if kind == 0 and at < len(found):
            found[at] = dice.randrange(256)
        elif kind == 1:
            found[at:at] = dice.randbytes(dice.randint(1, 8))
        elif kind == 2:
            del found[at : at + dice.randint(1, 8)]
        else:
            found[at:at] = found[at : at + 40] * dice.randint(1, 3)
    return bytes(found)


def text(dice: Random) -> str:
    if dice.random() < 0.4:
        return dice.choice(ODD_TEXTS)
    if dice.random() < 0.5:
        return dice.choice(("red kettle", "oat milk", "almnd milk", "usb c cable 2 m"))
    return "".join(
        chr(dice.choice((dice.randrange(128), dice.randrange(0x11_0000)))) for _ in range(8)
    )


def value(dice: Random, depth: int = 3) -> object:
    """Any JSON value."""
    kind = dice.randrange(8 if depth else 5)
    if kind < 2:
        return text(dice)
    if kind == 2:
        return dice.choice(ODD_NUMBERS)
    if kind == 3:
        return dice.choice((None, True, False))
    if kind == 4:
        return dice.choice(FIELDS)
    if kind < 7:
        return [value(dice, depth - 1) for _ in range(dice.randrange(4))]
    return {text(dice): value(dice, depth - 1) for _ in range(dice.randrange(4))}


def filter_text(dice: Random) -> str:
    found = dice.choice(FILTERS)
    for _ in range(dice.randrange(3)):
        found = dice.choice(("{} AND {}", "({}) OR {}", "NOT ({})", "{}{}")).format(
            found, dice.choice(FILTERS)
        )
    if dice.random() < 0.3:
        at = dice.randrange(len(found) + 1)
        found = found[:at] + text(dice)[:50] + found[at:]
    if dice.random() < 0.05:
        found = "(" * dice.choice((50, 500, 20_000)) + found
    if dice.random() < 0.05:
        found = "NOT " * dice.choice((50, 5_000)) + found
    return found


def encoded(dice: Random, plain: str) -> bytes:
    """Percent-encoded, mostly as it should be."""
    data = plain.encode("utf-8", "surrogatepass")
    if dice.random() < 0.2:
        data = mutated(dice, data)
    found = quote_from_bytes(data).encode()
    if dice.random() < 0.1:
        found = found.replace(b"%", b"%2") or b"%zz"
    return found


def names(dice: Random) -> str:
    parts = [dice.choice((*FIELDS, "price:asc", "title:up", "newest", "relevance", text(dice)))
             for _ in range(dice.randrange(5))]  # fmt: skip
    return ",".join(parts) * (100 if dice.random() < 0.03 else 1)


def parameters(dice: Random) -> dict[str, object]:
    """Parameters of a search, plausible or not."""
    found: dict[str, object] = {"q": text(dice)}
    for name, make in {
        "filter": filter_text, "facets": names, "sort": names, "fields": names, "highlight": names,
        "group_by": lambda d: d.choice((*FIELDS, text(d))), "lang": text,
        "limit": lambda d: d.choice((1, 20, 100, 101, *ODD_NUMBERS)),
        "offset": lambda d: d.choice((0, 999, *ODD_NUMBERS)),
        "mode": lambda d: d.choice(("hybrid", "lexical", "semantic", text(d))),
        "alpha": lambda d: d.choice((0, 0.5, 1, *ODD_NUMBERS)),
        "min_relevance": lambda d: d.choice((0, 0.5, 1, *ODD_NUMBERS)),
        "min_tier": lambda d: d.choice(("exact", "substitute", "irrelevant", text(d))),
        "explain": lambda d: d.choice((True, False, "yes")),
        "exact": lambda d: d.choice((True, False, 1)),
        "timeout_ms": lambda d: d.choice((1, 5000, 60_000, *ODD_NUMBERS)),
        text(dice): value,
    }.items():  # fmt: skip
        if dice.random() < 0.2:
            found[name] = make(dice)
    return found


def query_strings(dice: Random) -> Case:
    pairs = [(name, value if isinstance(value, str) else json.dumps(value))
             for name, value in parameters(dice).items()]  # fmt: skip
    pairs += [dice.choice(pairs)] if dice.random() < 0.1 else []
    joint = dice.choice((b"&", b"&", b"&", b";", b"&&"))
    query = joint.join(encoded(dice, name) + b"=" + encoded(dice, value) for name, value in pairs)
    path = dice.choice(("/v1/search", "/v1/search", "/v1/suggest"))
    return Case("query strings", (request("GET", path.encode() + b"?" + query),))


def json_bodies(dice: Random) -> Case:
    path = dice.choice(PATHS[:7])
    inner: object = parameters(dice)
    if path == "/v1/search:batch":
        inner = {"searches": [inner, *(value(dice) for _ in range(dice.randrange(3)))]}
    elif path == "/v1/embed":
        inner = {"texts": [text(dice) for _ in range(dice.randrange(4))], "side": "query"}
    elif path == "/v1/events":
        inner = dice.choice((event(dice), [event(dice) for _ in range(dice.randrange(3))]))
    elif path.startswith("/v1/products"):
        inner = {"id": huge_id(dice), "title": text(dice), dice.choice(FIELDS): value(dice)}
    if dice.random() < 0.1:
        inner = value(dice)
    body = as_json(dice, inner)
    method = "POST" if dice.random() < 0.9 else dice.choice(METHODS[1:4])
    return Case("json bodies", (request(method, path, body, JSON),))


def event(dice: Random) -> dict[str, object]:
    """An event in the field names of OpenSearch UBI."""
    return {
        "action_name": dice.choice(("click", "add_to_cart", "dwell", text(dice))),
        "query_id": dice.choice(("01JCZ4N6W3M8Q0V5T7X9Y1A2BC", text(dice))),
        "timestamp": dice.choice(("2026-11-20T09:30:00Z", text(dice), *ODD_NUMBERS)),
        "client_id": text(dice),
        "event_attributes": {
            "object": {"object_id": dice.choice(("p1", text(dice)))},
            "position": dice.choice(({"ordinal": 3}, {"ordinal": dice.choice(ODD_NUMBERS)})),
        },
    }


def as_json(dice: Random, inner: object) -> bytes:
    """JSON, or what is nearly JSON: lone surrogates, NaN, other encodings, broken bytes."""
    body = json.dumps(inner, ensure_ascii=dice.random() < 0.5).encode("utf-8", "surrogatepass")
    kind = dice.random()
    if kind < 0.1:
        return mutated(dice, body)
    if kind < 0.13:
        return b"\xef\xbb\xbf" + body
    if kind < 0.16:
        return body.decode("utf-8", "surrogatepass").encode("utf-16", "surrogatepass")
    if kind < 0.19:
        return body[: dice.randrange(len(body) + 1)]
    if kind < 0.21:
        return body.replace(b'"', b'"q": "again", "', 1)
    return body


def deep(dice: Random) -> Case:
    depth = dice.choice((10, 100, 1_000, 10_000, 30_000))
    opening, closing = dice.choice(((b"[", b"]"), (b'{"q":', b"}"), (b'[{"a":[', b"]}]")))
    depth = min(depth, 60_000 // (len(opening) + len(closing)))
    body = opening * depth + b"1" + (closing * depth if dice.random() < 0.7 else b"")
    if dice.random() < 0.5:
        body = b'{"q":"tea","filter":' + body + b"}"
    path = dice.choice(PATHS[:7])
    media = dice.choice((JSON, NDJSON))
    method = "PATCH" if path.endswith("p1") else "POST"
    return Case("deep json", (request(method, path, body, media),))


def ndjson(dice: Random) -> Case:
    lines = []
    for _ in range(dice.randrange(6)):
        product = {"id": huge_id(dice), "title": text(dice), "price": dice.choice(ODD_NUMBERS)}
        line: object = dice.choice(
            (
                product,
                {"put": product},
                {"patch": {"id": "P0000001", dice.choice(FIELDS): value(dice)}},
                {"delete": huge_id(dice)},
                {dice.choice(("put", "patch", "delete", text(dice))): value(dice)},
                {"put": {**product, "values": {text(dice): value(dice)}}},
                value(dice),
            )
        )
        lines.append(as_json(dice, line))
    body = dice.choice((b"\n", b"\n", b"\r\n", b"\n\n", b"\x1e")).join(lines)
    media = dice.choice((NDJSON, NDJSON, JSON, (b"Content-Type", b"text/plain")))
    return Case("ndjson", (request("POST", "/v1/products", body[:60_000], media),))


def huge_id(dice: Random) -> str:
    return dice.choice(("p1", "P0000001", text(dice), "x" * dice.choice((200, 5_000)), "a/b", ".."))


def product_paths(dice: Random) -> Case:
    path = b"/v1/products/" + encoded(dice, huge_id(dice))
    method = dice.choice(("GET", "PATCH", "PATCH", "DELETE"))
    if method in ("GET", "DELETE"):
        return Case("product paths", (request(method, path),))
    inner = {dice.choice(("title", "price", "stock", "attributes", "values")): value(dice)}
    inner |= dice.choice(({}, {"id": huge_id(dice)}, parameters(dice)))
    match = (
        (b"If-Match", dice.choice((b"*", b'"x"', b'W/"1"', b"\xff"))) if dice.random() < 0.2 else ()
    )
    media = dice.choice((JSON, (b"Content-Type", b"application/merge-patch+json")))
    headers = (media, match) if match else (media,)
    return Case("product paths", (request(method, path, as_json(dice, inner), *headers),))


HEADERS = (
    b"X-Request-ID", b"traceparent", b"Authorization", b"X-API-Key", b"Accept", b"Accept-Encoding",
    b"Content-Type", b"If-None-Match", b"Origin", b"Range", b"Cookie", b"Content-Encoding", b"Host",
    b"Access-Control-Request-Method", b"Forwarded", b"X-HTTP-Method-Override", b"Accept-Language",
    b"Access-Control-Request-Headers", b"If-Modified-Since", b"Upgrade", b"TE", b"Expect",
)  # fmt: skip
VALUES = (
    b"", b" ", b"*", b"gzip", b"br, gzip;q=0", b"*;q=0", b"bytes=0-1,2-3", b"null", b"100-continue",
    b"Bearer ", b"Bearer \xff\xfe", b"Basic Og==", b"00-" + b"0" * 32 + b"-" + b"0" * 16 + b"-00",
    b"00-" + b"a" * 32 + b"-" + b"b" * 16 + b"-01", b"https://shop.example", b"x" * 8000, b"h2c",
    b"application/json; charset=utf-16", b"application/json;charset=\"utf-8\"", b"text/plain",
    b"application/problem+json", b"multipart/form-data", b"\xe2\x98\x83", b"a,b;c=d", b'W/"1"',
)  # fmt: skip


def header_lines(dice: Random) -> Case:
    headers, broken = [], 0.2 * (dice.random() < 0.3)
    for _ in range(dice.randint(1, 6)):
        name = (
            dice.randbytes(dice.randint(1, 9)) if dice.random() < broken else dice.choice(HEADERS)
        )
        found = (
            dice.randbytes(dice.randint(0, 30)) if dice.random() < broken else dice.choice(VALUES)
        )
        headers.append((name, found))
    if dice.random() < 0.05:
        headers += [(b"X-%d" % number, b"y") for number in range(dice.choice((100, 3_000)))]
    method, path = dice.choice(METHODS), dice.choice(PATHS)
    body = b'{"q":"tea"}' if dice.random() < 0.4 else None
    data = request(method, path + "?q=tea", body, *headers)
    # A name or value may have broken the head, or asked for something else than HTTP.
    fine = all(
        name in HEADERS and found in VALUES and name not in (b"Upgrade", b"Expect", b"Host")
        for name, found in headers
    )
    return Case("headers", (data,), whole=fine and method != "get", head=method == "HEAD")


def media_types(dice: Random) -> Case:
    body = as_json(dice, parameters(dice))
    kind = dice.choice(("gzip", "deflate", "identity", "br", "x"))
    sent = gzip.compress(body) if kind == "gzip" else body
    media = dice.choice(
        (
            b"application/json", b"text/json", b"application/x-www-form-urlencoded", b"",
            b"application/json; charset=latin-1", b"application/json; charset",
        )
    )  # fmt: skip
    headers = ((b"Content-Type", media), (b"Content-Encoding", kind.encode()))
    return Case("media types", (request("POST", "/v1/search", sent, *headers),))


def chunked(dice: Random) -> Case:
    """Chunks, whole or broken."""
    body = json.dumps({"q": text(dice)}).encode("utf-8", "surrogatepass")
    at = dice.randrange(len(body))
    pieces = [body[:at], body[at:]]
    chunks = [b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces if piece] + [b"0\r\n\r\n"]
    broken = dice.random() < 0.7
    if broken:
        at = dice.randrange(len(chunks))
        chunks[at] = dice.choice(
            (
                b"-1\r\nx\r\n", b"ffffffffffffffffff\r\nx\r\n", b"zz\r\n", b"5;ext=1\r\nhello\r\n",
                b"5\nhello\n", b"", mutated(dice, chunks[at]), b"0\r\nTrailer: x\r\n\r\n", b"\r\n",
            )
        )  # fmt: skip
    head = b"POST /v1/search HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n"
    head += b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n"
    if dice.random() < 0.1:
        head += b"Content-Length: %d\r\n" % dice.choice((0, 5, len(body)))
        broken = True
    parts = (head + b"\r\n", *chunks)
    return Case("chunked bodies", parts, whole=not broken, end=broken)


def lengths(dice: Random) -> Case:
    """A length that is not that of the body."""
    body = json.dumps({"q": "tea"}).encode()
    length = dice.choice(
        (
            b"0", b"5", b"500", b"-1", b"1e3", b"0x0b", b"9" * 20, b"", b"11, 11", b"+11", b" 11",
            b"11\r\nContent-Length: 12", b"100000000",
        )
    )  # fmt: skip
    head = b"POST /v1/search HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n"
    head += b"Content-Type: application/json\r\nContent-Length: " + length + b"\r\n\r\n"
    return Case("content lengths", (head, body), whole=False, end=True)


def broken_heads(dice: Random) -> Case:
    plain = request(dice.choice(METHODS), dice.choice(PATHS) + "?q=tea")
    data = mutated(dice, plain) if dice.random() < 0.8 else dice.randbytes(dice.randint(1, 300))
    if dice.random() < 0.3:
        data = data[: dice.randrange(len(data)) + 1]
    return Case("broken heads", (data,), whole=False, end=True, head=data.startswith(b"HEAD "))


def routes(dice: Random) -> Case:
    path = dice.choice(PATHS) + dice.choice(
        ("", "", "/", "?", "?q=tea&q=tea", "#x", "%2e%2e", "\x7f")
    )
    method = dice.choice(METHODS)
    whole = "\x7f" not in path and method in METHODS[:8]
    return Case("routes", (request(method, path),), whole=whole, head=method == "HEAD")


FAMILIES: tuple[Callable[[Random], Case], ...] = (
    query_strings, json_bodies, ndjson, product_paths, header_lines, media_types, deep, chunked,
    lengths, broken_heads, routes,
)  # fmt: skip


def cases(seed: int, count: int) -> Iterator[Case]:
    """So many requests, the same for the same seed."""
    dice = Random(seed)
    for number in range(count):
        yield FAMILIES[number % len(FAMILIES)](dice)
