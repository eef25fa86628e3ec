"""Every page in a real Chromium: accessible, narrow, without script, and alone with its server."""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.browser import PAGES, Look, Served, open_all
from tests.builders import ROOT
from tests.screenshots import SCENARIO, WAITING

pytest_plugins = ["tests.browser"]
pytestmark = pytest.mark.xdist_group("browser")

AXE = files("axe_playwright_python") / "axe.min.js"
Visit = Callable[..., Page]


def found(page: Page, *rules: str) -> list[tuple[str, str, list[str]]]:
    """Return what axe finds that is serious or critical, and where; by all its rules, or some."""
    page.evaluate(AXE.read_text("utf-8"))
    asked: dict[str, Any] = {"resultTypes": ["violations"]}
    asked |= {"runOnly": rules} if rules else {}
    result: dict[str, Any] = page.evaluate("asked => axe.run(asked)", asked)
    assert result["passes"]
    return [
        (one["impact"], one["id"], [node["html"][:200] for node in one["nodes"][:3]])
        for one in result["violations"]
        if one["impact"] in {"serious", "critical"}
    ]


@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing_serious_in_either_scheme(visit: Visit, name: str) -> None:
    """With all opened that can be; contrast of every word, in light and in dark."""
    page = visit(name)
    open_all(page)
    light = found(page)
    page.emulate_media(color_scheme="dark")
    dark = found(page, "color-contrast")  # nothing but colours is different
    assert {"light": [], "dark": []} == {"light": light, "dark": dark}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_no_wider_than_a_telephone(visit: Visit, name: str) -> None:
    """What is wider scrolls in a box of its own, and no word is cut off outside of one."""
    page = visit(name, size="telephone")
    open_all(page)
    wide = page.evaluate(
        """() => [...document.querySelectorAll("main *, header *")].filter(one =>
            one.checkVisibility() && !one.closest(".scroll, .unseen, thead, pre")
            && one.getBoundingClientRect().right > innerWidth + 1
        ).map(one => one.outerHTML.slice(0, 120))"""
    )
    assert (375, []) == (page.evaluate("document.documentElement.scrollWidth"), wide)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_fits_a_desk(visit: Visit, name: str) -> None:
    """No box of it has to be scrolled sideways to read a table to its end."""
    page = visit(name)
    open_all(page)
    boxes = """all => all.filter(one => one.scrollWidth > one.clientWidth + 1).map(
        one => [one.getAttribute("aria-label"), one.scrollWidth, one.clientWidth])"""
    assert [] == page.eval_on_selector_all(".scroll, body", boxes)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_says_the_same_without_script(visit: Visit, name: str) -> None:
    """To the letter; what needs a script, as the button to print, is not offered then."""
    said = []
    for script in (True, False):
        page = visit(name, script=script)
        said.append(page.inner_text("body"))
    assert said[0].replace("Back Print\n", "Back\n") == said[1]
    assert len(said[1]) > 200


def test_a_page_that_is_not_there_says_so(look: Look, scenario_pages: Served) -> None:
    """As a page like the others."""
    page = look(scenario_pages, allowed="404")
    answer = page.goto("/company/nobody")
    assert answer
    assert 404 == answer.status
    assert "nobody" in page.inner_text("main")
    assert [] == found(page)


def test_the_documents_show_each_page() -> None:
    """The pictures that `python -m tests.screenshots` makes, each small, each shown."""
    shown = (ROOT / "docs" / "page.md").read_text("utf-8")
    files = {one.name for one in (ROOT / "docs" / "pictures").glob("page-*.png")}
    assert {f"page-{one.name}.png" for one in (*SCENARIO, *WAITING)} == files
    for name in files:
        assert f"(pictures/{name})" in shown
        assert (ROOT / "docs" / "pictures" / name).stat().st_size < 150_000
