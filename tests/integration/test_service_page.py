"""The storefront page in a browser: completion, corrections, keys, Back."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

pytest.importorskip("playwright.sync_api")
KEY = "ein schlüssel"
Serving = Callable[..., AbstractContextManager[str]]


@pytest.fixture(scope="module")
def url(serving: Serving, served_index: Path) -> Iterator[str]:
    with serving(served_index) as found:
        yield found


def search(page: Any, text: str) -> None:
    page.fill("#q", text)
    page.press("#q", "Enter")


def wait_for_hits(page: Any, word: str) -> None:
    page.locator(f"#hits .hit h2:has-text('{word}')").first.wait_for()


def asked(page: Any) -> dict[str, list[str]]:
    return parse_qs(urlsplit(page.url).query)


def test_back_and_forward_restore_the_search(url: str, page: Any) -> None:
    page.goto(f"{url}/?q=kettle")  # not as the page writes it: no trap on the way back
    wait_for_hits(page, "kettle")
    search(page, "toaster")
    wait_for_hits(page, "toaster")
    page.check("text=words")
    page.wait_for_url("**mode=lexical*")
    page.go_back()
    page.wait_for_url("**mode=hybrid*")
    wait_for_hits(page, "toaster")
    assert page.is_checked("text=both")
    page.go_back()
    wait_for_hits(page, "kettle")
    assert page.input_value("#q") == "kettle"
    page.go_forward()
    wait_for_hits(page, "toaster")
    assert page.input_value("#q") == "toaster"
    page.go_back()
    wait_for_hits(page, "kettle")
    page.go_back()
    assert page.url == "about:blank"


def test_the_workbench_is_a_link_away(url: str, page: Any) -> None:
    page.goto(url)
    page.click("text=Relevance workbench")
    page.locator(".column").first.wait_for()
    assert page.url.partition("#")[0].partition("?")[0] == f"{url}/workbench"
    page.click("text=Storefront")
    page.locator("#hits").wait_for(state="attached")
    assert page.locator(".column").count() == 0


def test_a_correction_is_told_and_can_be_undone(url: str, page: Any) -> None:
    page.goto(url)
    search(page, "kettel")
    told = page.locator("#read-as")
    told.wait_for()
    assert told.inner_text() == "Showing results for kettle. Search instead for kettel"
    told.locator("a").click()
    told.wait_for(state="hidden")
    assert asked(page)["correct"] == ["false"]
    assert asked(page)["q"] == ["kettel"]
    page.go_back()
    told.wait_for()
    search(page, "kettel")  # asked anew, it is corrected anew
    told.wait_for()
    assert "correct" not in asked(page)


def test_completion_by_keyboard(url: str, page: Any) -> None:
    page.goto(url)
    field, options = page.locator("#q"), page.locator("#offers [role=option]")
    field.fill("kett")  # one event, and so one call
    options.first.wait_for()
    assert field.get_attribute("aria-expanded") == "true"
    first = options.first.locator("span").inner_text()
    assert "kett" in first.lower()
    field.press("ArrowDown")
    assert field.get_attribute("aria-activedescendant") == options.first.get_attribute("id")
    assert options.first.get_attribute("aria-selected") == "true"
    field.press("ArrowUp")
    assert field.get_attribute("aria-activedescendant") is None
    field.press("Escape")
    assert field.get_attribute("aria-expanded") == "false"
    assert field.input_value() == "kett"
    field.press("ArrowDown")
    options.first.wait_for()
    field.press("ArrowDown")
    field.press("Enter")
    page.locator("#hits .hit").first.wait_for()
    assert asked(page)["q"] == [first]
    assert not page.is_visible("#offers")
    field.press("ArrowDown")
    options.first.wait_for()
    field.press("ArrowDown")
    search(page, "oat milk")  # typing on lets go of the option
    page.wait_for_url("**q=oat*milk*")


def test_completion_shows_texts_as_texts_and_waits(url: str, page: Any) -> None:
    calls: list[str] = []

    def answer(route: Any) -> None:
        calls.append(route.request.url)
        evil = {"text": "<img src=x onerror=alert(1)> tea", "kind": "product"}
        route.fulfill(json={"suggestions": [evil]})

    page.route("**/v1/suggest*", answer)
    page.goto(url)
    page.locator("#q").press_sequentially("tea pot", delay=10)
    option = page.locator("#offers [role=option]")
    option.wait_for()
    assert option.locator("span").inner_text() == "<img src=x onerror=alert(1)> tea"
    assert page.locator("#offers img").count() == 0
    assert len(calls) < len("tea pot")
    option.click()
    page.wait_for_url("**q=*img*")
    assert page.locator("#q").evaluate("field => field === document.activeElement")


def test_a_call_that_is_late_is_given_up(url: str, page: Any) -> None:
    def answer(route: Any) -> None:
        if not route.request.url.endswith("q=te"):  # that one never comes
            route.fulfill(json={"suggestions": [{"text": "tea", "kind": "query"}]})

    page.route("**/v1/suggest*", answer)
    page.goto(url)
    with page.expect_request("**/v1/suggest?q=te"):
        page.locator("#q").press_sequentially("te")
    with page.expect_event("requestfailed") as given_up:
        page.locator("#q").press_sequentially("a")
    assert given_up.value.url.endswith("q=te")
    page.locator("#offers [role=option]").wait_for()


def test_numbers_add_up_with_irrelevant_hits(url: str, page: Any) -> None:
    page.goto(f"{url}/?q=kettle&min_tier=irrelevant")
    wait_for_hits(page, "kettle")
    status = page.inner_text("#status")
    total, exact, substitute, irrelevant = map(int, re.findall(r"\d+(?= [^m])", status)[:4])
    assert "irrelevant" in status
    assert total == exact + substitute + irrelevant
    assert irrelevant > 0


def test_a_key_opens_a_closed_shop_for_this_tab(
    serving: Serving, served_index: Path, page: Any
) -> None:
    digests = f'["{sha256(KEY.encode()).hexdigest()}"]'
    with serving(served_index, GRADUS_KEYS__SEARCH_SHA256=digests) as closed:
        page.goto(f"{closed}/?q=kettle")
        page.locator("#key").wait_for()
        assert page.inner_text("#status") == "A key is needed to search here."
        page.fill("#key", "wrong")
        page.press("#key", "Enter")
        page.locator("#status:has-text('not accepted')").wait_for()
        page.fill("#key", KEY)
        page.press("#key", "Enter")
        wait_for_hits(page, "kettle")
        assert not page.is_visible("#key")
        assert "schl" not in page.url
        page.reload()
        wait_for_hits(page, "kettle")
        page.locator("#q").press_sequentially("s")
        page.locator("#offers [role=option]").first.wait_for()
        page.click("#forget")
        page.locator("#key").wait_for()
        page.close()
