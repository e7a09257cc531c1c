"""The pages: `/` the storefront and `/workbench` the relevance workbench, each sent as one file.

Style and scripts are files of their own in `static`, put into a page as it is read: what stands in
the page can be allowed by its hash, and a browser asks once. Nothing comes from elsewhere.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path

from fastapi import APIRouter, Response
from fastapi.responses import HTMLResponse

from service.openapi import problems

router = APIRouter(tags=["page"])
_EXAMPLE = '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
_HTML = {"description": "The page.", "content": {"text/html": {"example": _EXAMPLE}}}
_STATIC = Path(__file__).parent / "static"


@dataclass(frozen=True)
class Page:
    """The files of a page, under `static`. Scripts come in this order, and the last one starts."""

    html: str
    styles: tuple[str, ...]
    scripts: tuple[str, ...]


PAGES: Mapping[str, Page] = {
    "/": Page(
        "index.html",
        ("page.css",),
        ("elements.js", "cards.js", "access.js", "suggest.js", "search.js"),
    ),
    "/workbench": Page(
        "workbench/index.html",
        ("page.css", "workbench/page.css"),
        (
            "elements.js",
            "access.js",
            "suggest.js",
            "workbench/delimited.js",
            "workbench/judgments.js",
            "workbench/measures.js",
            "workbench/address.js",
            "workbench/settings.js",
            "workbench/hits.js",
            "workbench/answer.js",
            "workbench/column.js",
            "workbench/compare.js",
            "workbench/keyboard.js",
            "workbench/queries.js",
            "workbench/start.js",
        ),
    ),
}


@router.get("/", response_class=HTMLResponse, responses={200: _HTML, **problems(405, path="/")})
async def storefront() -> Response:
    """A small shop window: search, tiers, relevance."""
    return _answer("/")


@router.get(
    "/workbench",
    response_class=HTMLResponse,
    responses={200: _HTML, **problems(405, path="/workbench")},
)
async def workbench() -> Response:
    """Settings side by side for one query, judged in place."""
    return _answer("/workbench")


def _answer(path: str) -> Response:
    html, policy = _whole(path)
    return HTMLResponse(
        html,
        headers={
            "Content-Security-Policy": policy,
            "Referrer-Policy": "no-referrer",
            "Cache-Control": "no-cache",
        },
    )


@cache
def _whole(path: str) -> tuple[str, str]:
    page = PAGES[path]
    html = _read(page.html)
    styles, scripts = ("\n".join(map(_read, files)) for files in (page.styles, page.scripts))
    html = html.replace("<style></style>", f"<style>\n{styles}</style>")
    html = html.replace("<script></script>", f"<script>\n{scripts}</script>")
    return html, content_policy(html)


def _read(name: str) -> str:
    return (_STATIC / name).read_text(encoding="utf-8")


def content_policy(html: str) -> str:
    """A Content-Security-Policy under which only the page's own script and style run."""
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src {_hashes(html, 'script')}",
            f"style-src {_hashes(html, 'style')}",
            "connect-src 'self'",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        )
    )


def _hashes(html: str, element: str) -> str:
    contents = re.findall(rf"<{element}>(.*?)</{element}>", html, flags=re.DOTALL)
    digests = (b64encode(sha256(text.encode()).digest()).decode() for text in contents)
    return " ".join(f"'sha256-{digest}'" for digest in digests) or "'none'"
