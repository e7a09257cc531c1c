"""The files of the pages: all of them are sent, and each holds one idea."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from service.page import PAGES, Page, router

STATIC = Path(__file__).parents[2] / "service" / "static"
SCRIPTS = sorted(STATIC.rglob("*.js"))
MOST_LINES = 200


def files(page: Page) -> list[str]:
    return [page.html, *page.styles, *page.scripts]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def sent(path: str) -> str:
    """What the route answers."""
    app = FastAPI()
    app.include_router(router)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
        answer = await client.get(path)
    assert answer.status_code == 200
    return answer.text


def test_every_file_belongs_to_a_page() -> None:
    used = {name for page in PAGES.values() for name in files(page)}
    there = {str(path.relative_to(STATIC)) for path in STATIC.rglob("*") if path.is_file()}
    assert there == used | {"examples.json"}


@pytest.mark.anyio
@pytest.mark.parametrize("path", PAGES)
async def test_every_file_of_a_page_stands_in_it(path: str) -> None:
    html = await sent(path)
    for name in (*PAGES[path].styles, *PAGES[path].scripts):
        assert (STATIC / name).read_text() in html
    assert html.count("<script>") == html.count("<style>") == 1
    assert not re.search(r"\s(src|srcset|integrity)=|@import|url\(", html)


@pytest.mark.parametrize("path", PAGES)
def test_no_two_scripts_of_a_page_take_one_name(path: str) -> None:
    text = "\n".join((STATIC / name).read_text() for name in PAGES[path].scripts)
    names = re.findall(r"^(?:async )?(?:function|const|let) (\w+)", text, re.MULTILINE)
    assert len(names) == len(set(names))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_are_short_and_say_what_they_are(script: Path) -> None:
    lines = script.read_text().splitlines()
    assert len(lines) <= MOST_LINES
    assert max(map(len, lines)) <= 120
    assert lines[0].startswith("// ") or lines[1].startswith("// ")
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(", "".join(lines)
    )
