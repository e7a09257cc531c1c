"""`/`: the storefront page, sent as one file without anything from elsewhere.

Style and scripts are files of their own in `static`, put into the page as it is read: what stands
in the page can be allowed by its hash, and a browser asks once.
"""

from __future__ import annotations

import re
from base64 import b64encode
from functools import cache
from hashlib import sha256
from pathlib import Path

from fastapi import APIRouter, Response
from fastapi.responses import HTMLResponse

from service.openapi import problems

router = APIRouter(tags=["page"])
_STATIC = Path(__file__).parent / "static"
_SCRIPTS = ("cards.js", "access.js", "suggest.js", "search.js")  # the last one starts


@router.get("/", response_class=HTMLResponse, responses=problems(405, path="/"))
async def storefront() -> Response:
    """A small shop window: search, tiers, relevance."""
    html, policy = _storefront()
    return HTMLResponse(
        html,
        headers={
            "Content-Security-Policy": policy,
            "Referrer-Policy": "no-referrer",
            "Cache-Control": "no-cache",
        },
    )


@cache
def _storefront() -> tuple[str, str]:
    html = _read("index.html")
    html = html.replace("<style></style>", f"<style>\n{_read('page.css')}</style>")
    scripts = "\n".join(_read(name) for name in _SCRIPTS)
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
