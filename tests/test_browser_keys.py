"""The pages by keyboard alone: everything is reached, seen to be reached, and left again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser import PAGES

pytest_plugins = ["tests.browser"]
pytestmark = pytest.mark.xdist_group("browser")

Visit = Callable[..., Page]
MOST = 400
"""Keys that a test presses at most."""

STOPS = """() => {
  const all = "a[href], button, input:not([type=hidden]), select, textarea, summary, "
    + "[tabindex='0']";
  window.stops = [...document.querySelectorAll(all)].filter(one => one.checkVisibility()
    && !one.disabled && (one.type !== "radio" || one.checked));
  return window.stops.length;
}"""
"""Finds where the Tab key has to stop, in the order of the page."""

HERE = """() => {
  const one = document.activeElement;
  const box = one.getBoundingClientRect();
  const style = getComputedStyle(one);
  return {
    place: window.stops.indexOf(one),
    left: one === document.body,
    marked: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1,
    seen: box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth,
  };
}"""
"""Says which of them has the focus, and whether a reader sees that."""


def here(page: Page) -> dict[str, Any]:
    found: dict[str, Any] = page.evaluate(HERE)
    return found


@pytest.mark.parametrize("name", PAGES)
def test_tab_reaches_everything_in_order_and_is_caught_nowhere(visit: Visit, name: str) -> None:
    """From the link to the content to the last one; where it is, is marked and in view."""
    page = visit(name)
    stops = page.evaluate(STOPS)
    reached: list[int] = []
    for _ in range(MOST):
        page.keyboard.press("Tab")
        found = here(page)
        if found["left"] or (reached and found["place"] == reached[0]):
            break
        assert (True, True) == (found["marked"], found["seen"]), page.evaluate(
            "document.activeElement.outerHTML.slice(0, 200)"
        )
        if found["place"] not in {-1, *reached[-1:]}:  # boxes that scroll, parts of a date
            reached.append(found["place"])
    assert [*range(stops)] == reached


def test_the_first_tab_leads_past_the_navigation(visit: Visit) -> None:
    """The link to the content shows itself, and takes the next Tab there."""
    page = visit("overview")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="To the content")).to_be_in_viewport()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('main') !== null")


def test_a_company_is_found_opened_and_questioned_by_keys(visit: Visit) -> None:
    """Tab to search, type, on to the company, Enter; there a line is opened and left out."""
    page = visit("overview")

    def tab_to(selector: str) -> None:
        for _ in range(MOST):
            page.keyboard.press("Tab")
            if page.evaluate("one => document.activeElement.matches(one)", selector):
                return
        pytest.fail(f"Tab never comes to {selector}")

    tab_to("input[type=search]")
    page.keyboard.type("baidu")
    page.keyboard.press("Enter")
    expect(page.locator(".companies tbody tr")).to_have_count(1)
    tab_to(".companies tbody th a")
    page.keyboard.press("Enter")
    page.wait_for_url("**/company/baidu?*")
    tab_to("#line-2 summary")
    page.keyboard.press("Enter")
    expect(page.locator("#line-2 .formula")).to_be_visible()
    tab_to("#line-2 .tools a")
    page.keyboard.press("Enter")
    page.wait_for_url("**without=**")
    expect(page.locator(".screen .remaining")).to_be_visible()


def test_slash_finds_and_arrows_walk_the_companies(visit: Visit) -> None:
    """What a little script adds: companies as they are typed, sorted without a new page."""
    page = visit("overview")
    page.keyboard.press("/")
    page.keyboard.type("moonshot")
    expect(page.locator(".companies tbody tr")).to_have_count(1)
    assert "q=moonshot" in page.url
    page.keyboard.press("ArrowDown")
    assert "Moonshot AI" == page.evaluate("document.activeElement.textContent")
    page.keyboard.press("Enter")
    page.wait_for_url("**/company/moonshot-ai?*")
    page.go_back()
    page.locator("th.col-name a").press("Enter")
    expect(page.locator("th.col-name")).to_have_attribute("aria-sort", "ascending")
