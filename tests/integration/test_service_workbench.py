"""The relevance workbench in a browser: columns, comparison, judging by keys, files, addresses."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from catalog.model import Grade, Judgment
from catalog.readers import read_judgments

pytest.importorskip("playwright.sync_api")
KEY = "ein schlüssel"
Serving = Callable[..., AbstractContextManager[str]]


@pytest.fixture(scope="module")
def url(serving: Serving, served_index: Path) -> Iterator[str]:
    with serving(served_index) as found:
        yield found


def column(page: Any, letter: str) -> Any:
    return page.locator(f".column[aria-label='Column {letter}']")


def search(page: Any, text: str) -> None:
    page.fill("#q", text)
    page.press("#q", "Enter")
    settle(page)


def settle(page: Any) -> None:
    """All columns have answered, with hits or without."""
    page.locator(".column[aria-busy]").first.wait_for(state="detached")


def ids(column: Any) -> list[str]:
    return column.locator(".hit").evaluate_all("hits => hits.map((hit) => hit.dataset.id)")


def said(page: Any) -> dict[str, list[str]]:
    return parse_qs(urlsplit(page.url).fragment)


def judged(page: Any) -> dict[str, dict[str, int]]:
    """What the browser keeps: query → product id → grade."""
    kept = [json.loads(text) for text in page.evaluate("Object.values(localStorage)")]
    return {
        query: {product: grade for product, (grade, _) in grades}
        for query, _, _, grades in kept
        if grades
    }


def test_three_columns_are_the_three_modes(url: str, page: Any) -> None:
    page.goto(f"{url}/workbench")
    assert "Type a query" in column(page, "A").inner_text()
    search(page, "red kettle")
    for letter, mode in zip("ABC", ("hybrid", "lexical", "semantic"), strict=True):
        asked = {"q": "red kettle", "mode": mode, "limit": 20}
        answer = httpx.get(f"{url}/v1/search", params=asked).json()
        one = column(page, letter)
        assert ids(one) == [hit["id"] for hit in answer["hits"]]
        assert f"{answer['total']['value']} found" in one.locator(".outcome").inner_text()
        assert one.locator(".what").inner_text() == mode
    assert re.search(r"in common: A and B \d+", page.inner_text("#compared"))
    assert "products · index " in page.inner_text("#about")


def test_ranks_in_the_other_columns(url: str, page: Any) -> None:
    page.goto(f"{url}/workbench#q=red+kettle&a.mode=hybrid&b.mode=lexical")
    column(page, "B").locator(".hit").first.wait_for()
    settle(page)
    here, there = ids(column(page, "A")), ids(column(page, "B"))
    for rank, product in enumerate(here):
        told = column(page, "A").locator(f".hit[data-id='{product}'] .elsewhere").inner_text()
        if product in there:
            moved = there.index(product) - rank
            arrow = f" ▲{moved}" if moved > 0 else f" ▼{-moved}" if moved < 0 else ""
            assert told == f"B {there.index(product) + 1}{arrow}"
        else:
            assert told == "only here"
    common = len({*here[:10]} & {*there[:10]})
    assert page.inner_text("#compared") == f"Of the first ten in common: A and B {common}"


def test_what_is_below_the_thresholds_is_shown_apart(url: str, page: Any) -> None:
    page.goto(f"{url}/workbench#q=kettle&show=50&a.mode=hybrid&a.min_tier=irrelevant")
    column(page, "A").locator(".hit[data-tier=irrelevant]").first.wait_for()
    tiers = (
        column(page, "A")
        .locator("ol > li")
        .evaluate_all("items => items.map((item) => item.dataset.tier || item.textContent)")
    )
    (cut,) = [at for at, text in enumerate(tiers) if text.startswith("substitute ends at 0.")]
    assert "irrelevant" not in tiers[:cut]
    assert set(tiers[cut + 1 :]) == {"irrelevant"}
    assert re.search(r"exact from 0\.\d+, substitute from 0\.\d+", column(page, "A").inner_text())


def test_settings_are_asked_and_stand_in_the_address(url: str, page: Any) -> None:
    page.goto(f"{url}/workbench")
    search(page, "kettle")
    one = column(page, "A")
    one.locator("summary:has-text('Settings')").click()
    with page.expect_request("**/v1/search?*alpha=0.2*"):
        one.locator("[name=alpha]").fill("0.2")
        one.locator("[name=alpha]").dispatch_event("change")
    assert not one.locator("[name=own]").is_checked()
    settle(page)
    assert "not calibrated at this alpha" in one.locator(".flags").inner_text()
    with page.expect_request("**/v1/search?*filter=*"):
        one.locator("[name=filter]").fill("price < 30")
        one.locator("[name=filter]").press("Enter")
    settle(page)
    assert (said(page)["a.alpha"], said(page)["a.filter"]) == (["0.2"], ["price < 30"])
    found = ids(one)
    page.reload()
    column(page, "A").locator(".hit").first.wait_for()
    settle(page)
    assert ids(column(page, "A")) == found
    page.go_back()
    settle(page)
    assert "a.filter" not in said(page)
    assert one.locator("[name=filter]").input_value() == ""
    with page.expect_request("**/v1/search?*mode=lexical*"):
        column(page, "A").locator("[name=mode]").evaluate(
            "(field) => { field.value = 'lexical'; "
            "field.dispatchEvent(new Event('change', { bubbles: true })) }"
        )
    assert "a.alpha" not in said(page)  # one arm has none


def test_columns_come_and_go(url: str, page: Any) -> None:
    page.goto(f"{url}/workbench#q=kettle&a.mode=hybrid&b.mode=semantic")
    settle(page)
    page.click("#add")
    settle(page)
    assert page.locator(".column").count() == 3
    assert not page.is_visible("#add")
    column(page, "A").locator("summary:has-text('Settings')").click()
    column(page, "A").locator(".remove").click()
    assert page.locator(".column .what").all_inner_texts() == ["semantic", "hybrid"]
    assert (said(page)["a.mode"], "c.mode" in said(page)) == (["semantic"], False)
    page.go_back()
    assert page.locator(".column").count() == 3


def test_judging_by_keys(url: str, page: Any) -> None:
    page.goto(f"{url}/workbench#q=kettle&a.mode=hybrid&b.mode=lexical")
    settle(page)
    assert column(page, "A").locator(".figure").inner_text() == "nDCG@10: nothing judged yet"
    column(page, "A").locator(".hit").first.focus()
    for key in ("2", "ArrowDown", "0", "ArrowDown", "1"):
        page.keyboard.press(key)
    first = ids(column(page, "A"))[:3]
    gains = {first[0]: 1, first[1]: 0, first[2]: 0.5}
    best = 1 + 0.5 / math.log2(3)
    for letter in "AB":
        shown = ids(column(page, letter))[:10]
        value = (
            sum(gains.get(one, 0) / math.log2(rank + 2) for rank, one in enumerate(shown)) / best
        )
        judged = len({*shown} & {*first})
        figure = column(page, letter).locator(".figure").inner_text()
        others = ", the others count 0" if judged < len(shown) else ""
        assert figure == f"nDCG@10 {value:.3f} · {judged} of {len(shown)} judged{others}"
    focused = page.locator(".hit:focus")
    assert focused.get_attribute("data-id") == first[2]
    assert "judged substitute" in focused.get_attribute("aria-label")
    page.keyboard.press("e")
    assert "semantic" in focused.locator(".explain").inner_text()
    page.keyboard.press("ArrowRight")
    there = page.locator(".column[aria-label='Column B'] .hit:focus")
    assert there.count() == 1
    if first[2] in ids(column(page, "B")):
        assert there.get_attribute("data-id") == first[2]
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Home")
    page.keyboard.press("Backspace")
    assert column(page, "A").locator(".marks [aria-pressed=true]").count() == 2
    page.reload()
    settle(page)
    assert column(page, "A").locator(".marks [aria-pressed=true]").count() == 2
    page.on("dialog", lambda dialog: dialog.accept())
    page.click("#erase")
    assert page.locator(".marks [aria-pressed=true]").count() == 0
    assert page.evaluate("localStorage.length") == 0


def test_judgments_are_of_the_query_that_was_asked(url: str, page: Any) -> None:
    page.goto(f"{url}/workbench#q=kettle&a.mode=hybrid&a.min_tier=irrelevant")
    settle(page)
    one = column(page, "A")
    first, second = ids(one)[:2]
    page.fill("#q", "toaster")
    one.locator(".hit").first.focus()
    page.keyboard.press("2")
    one.locator(".marks [value='1']").nth(1).click()
    assert judged(page) == {"kettle": {first: 2, second: 1}}
    assert one.locator(".marks [aria-pressed=true]").count() == 2
    assert "2 of 10 judged" in one.locator(".figure").inner_text()
    assert page.inner_text("#place") == "1 of 1"
    one.locator("summary:has-text('Settings')").click()
    with page.expect_request("**/v1/search?q=kettle&mode=semantic&*"):
        one.locator("[name=mode]").select_option("semantic")
    settle(page)
    assert (said(page)["q"], page.input_value("#q")) == (["kettle"], "toaster")
    page.press("#q", "Enter")
    settle(page)
    assert one.locator(".marks [aria-pressed=true]").count() == 0
    assert said(page)["q"] == ["toaster"]


def test_nothing_is_judged_while_an_answer_is_under_way(
    url: str, page: Any, tmp_path: Path
) -> None:
    (tmp_path / "list.txt").write_text("kettle\ntoaster\n")
    page.goto(f"{url}/workbench#q=kettle&a.mode=hybrid&a.min_tier=irrelevant&b.mode=lexical")
    page.set_input_files("#load", tmp_path / "list.txt")
    page.locator("#status:has-text('2 queries loaded')").wait_for()
    settle(page)
    late, soon = column(page, "A"), column(page, "B")
    late.locator(".hit").first.focus()
    page.keyboard.press("1")
    before, figure = judged(page), late.locator(".figure").inner_text()
    old = ids(soon)
    held: list[Any] = []
    page.route("**/v1/search?*mode=hybrid*", lambda route: held.append(route))
    page.keyboard.press("n")
    page.locator("[aria-label='Column B'][aria-busy]").wait_for(state="detached")
    page.keyboard.press("2")
    assert page.inner_text("#status") == "Not judged: column A waits for its answer."
    late.locator(".marks [value='0']").nth(1).click()
    assert judged(page) == before
    assert late.locator(".figure").inner_text() == figure
    assert ids(soon) != old
    # One column answers another query than the other: nothing is said of both.
    assert page.inner_text("#compared") == ""
    assert not any(page.locator(".elsewhere").all_inner_texts())
    soon.locator(".marks [value='2']").first.click()
    assert judged(page) == {**before, "toaster": {ids(soon)[0]: 2}}
    (waiting,) = held
    waiting.continue_()
    settle(page)
    assert "in common: A and B" in page.inner_text("#compared")
    late.locator(".hit").last.focus()
    page.keyboard.press("0")
    assert judged(page)["toaster"][ids(late)[-1]] == 0


def test_a_column_without_hits_has_none_to_judge(url: str, page: Any) -> None:
    page.goto(f"{url}/workbench#q=kettle&a.mode=hybrid&a.filter=price+%3C+0&b.mode=lexical")
    column(page, "B").locator(".hit").first.wait_for()
    settle(page)
    figure = column(page, "A").locator(".figure")
    assert figure.inner_text() == "nDCG@10: no hit to judge"
    column(page, "B").locator(".marks [value='2']").first.click()
    assert figure.inner_text() == "nDCG@10 0.000 · no hit to judge"


def test_the_focus_stays_on_why(url: str, page: Any) -> None:
    page.goto(f"{url}/workbench#q=kettle&a.mode=hybrid")
    why = column(page, "A").locator(".why").nth(2)
    why.click()
    assert why.evaluate("(button) => button === document.activeElement")
    assert why.get_attribute("aria-expanded") == "true"
    page.keyboard.press("Enter")
    assert column(page, "A").locator(".hit .explain").count() == 0
    page.keyboard.press("2")
    assert judged(page) == {"kettle": {ids(column(page, "A"))[2]: 2}}


def test_columns_begin_where_the_text_above_does(url: str, page: Any) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{url}/workbench#q=kettle")
    column(page, "A").locator(".hit").first.wait_for()
    settle(page)
    wanted = page.locator("#status").bounding_box()["x"]
    assert column(page, "A").bounding_box()["x"] == pytest.approx(wanted, abs=0.5)
    assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_without_script_no_query_is_sent(url: str, browser: Any) -> None:
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        sent: list[str] = []
        page.on("request", lambda request: sent.append(request.url + (request.post_data or "")))
        page.goto(f"{url}/workbench")
        page.fill("#q", "kettle")
        with page.expect_navigation():
            page.press("#q", "Enter")
        assert len(sent) == 2
        assert "kettle" not in "".join(sent)


def test_judgments_go_out_and_come_in(url: str, page: Any, tmp_path: Path) -> None:
    page.goto(f"{url}/workbench#q=%226%22+kettle&a.mode=hybrid&a.min_tier=irrelevant")
    column(page, "A").locator(".hit").first.wait_for()
    settle(page)
    column(page, "A").locator(".marks [value='1']").first.click()
    product = ids(column(page, "A"))[0]
    with page.expect_download() as coming:
        page.click("#download")
    assert coming.value.suggested_filename == "judgments.tsv"
    coming.value.save_as(tmp_path / "judgments.tsv")
    own = Judgment('"6" kettle', product, Grade.SUBSTITUTE, "human")
    assert list(read_judgments(tmp_path / "judgments.tsv", strict=True)) == [own]
    (tmp_path / "more.tsv").write_text(
        "query\tproduct_id\tesci\nred toaster\tp\tE\nkettle\tq\tI\nbroken\n", encoding="utf-8"
    )
    page.set_input_files("#load", tmp_path / "more.tsv")
    page.locator("#status:has-text('2 judgments of 2 queries loaded, 1 lines left out')").wait_for()
    assert page.inner_text("#place") == "1 of 3"
    page.locator("h1").click()
    page.keyboard.press("n")
    settle(page)
    assert page.input_value("#q") == "red toaster"
    assert page.inner_text("#place") == "2 of 3"
    page.click("#next")
    assert said(page)["q"] == ["kettle"]
    page.click("#next")
    assert page.inner_text("#status") == "The list ends here."
    page.select_option("#listed", '"6" kettle')
    settle(page)
    assert column(page, "A").locator(".marks [aria-pressed=true]").count() == 1
    (tmp_path / "bad.tsv").write_text("a\tb\n1\t2\n")
    page.set_input_files("#load", tmp_path / "bad.tsv")
    page.locator("#status.error:has-text('needs a header with query')").wait_for()


def test_a_refusal_is_told_with_its_code_and_the_others_go_on(url: str, page: Any) -> None:
    page.goto(f"{url}/workbench#q=kettle&a.mode=hybrid&a.filter=prise+%3C+3&b.mode=lexical")
    problem = column(page, "A").locator(".problem")
    problem.wait_for()
    assert "(invalid_query)" in problem.inner_text()
    assert "Did you mean price?" in problem.inner_text()
    column(page, "B").locator(".hit").first.wait_for()


def test_facets_narrow_a_column(url: str, page: Any) -> None:
    page.goto(f"{url}/workbench#q=kettle&a.mode=hybrid&a.facets=brand")
    column(page, "A").locator(".hit").first.wait_for()
    column(page, "A").locator("summary:has-text('More')").click()
    button = column(page, "A").locator(".facet button").first
    brand, count = button.inner_text().rsplit(" ", 1)
    button.click()
    settle(page)
    assert said(page)["a.filter"] == [f'`brand` = "{brand}"']
    assert column(page, "A").locator(".outcome").inner_text().startswith(f"{count} found")


def test_hiding_tiers_and_ranks(url: str, page: Any) -> None:
    page.goto(f"{url}/workbench#q=kettle&a.mode=hybrid&a.min_tier=irrelevant")
    first = column(page, "A").locator(".hit").first
    first.wait_for()
    page.check("#blind")
    assert not first.locator(".tier").is_visible()
    assert not first.locator(".rank").is_visible()
    assert "exact" not in first.get_attribute("aria-label")


def test_what_the_shop_says_is_text(url: str, page: Any) -> None:
    def evil(route: Any) -> None:
        answer = route.fetch().json()
        hit = answer["hits"][0]
        hit["fields"]["title"] = hit["fields"]["brand"] = "<img src=x onerror=alert(1)>"
        hit["highlight"] = {"title": "<b>&lt;i&gt;</b> <mark>&quot;kettle&#x27; &amp;lt;</mark>"}
        route.fulfill(json=answer)

    page.route("**/v1/search*", evil)
    page.goto(f"{url}/workbench#q=kettle&a.mode=hybrid")
    first = column(page, "A").locator(".hit").first
    first.wait_for()
    assert first.locator("h3").inner_text() == "<b><i></b> \"kettle' &lt;"
    assert first.locator("mark").inner_text() == "\"kettle' &lt;"
    assert page.locator(".hit img, .hit b").count() == 0


def test_a_key_opens_it(serving: Serving, served_index: Path, page: Any) -> None:
    digests = f'["{sha256(KEY.encode()).hexdigest()}"]'
    with serving(
        served_index, GRADUS_KEYS__ADMIN_SHA256=digests, GRADUS_KEYS__SEARCH_SHA256=digests
    ) as closed:
        page.goto(f"{closed}/workbench#q=kettle")
        page.locator("#key").wait_for()
        assert page.inner_text("#status") == "A key is needed to search here."
        page.fill("#key", KEY)
        page.press("#key", "Enter")
        column(page, "A").locator(".hit").first.wait_for()
        page.locator("#about:has-text('1 versions')").wait_for()
        assert "schl" not in page.url
        page.close()
