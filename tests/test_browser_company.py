"""A company's page in a real Chromium: at a glance, at any clocks, without a line, on paper."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page
from pypdf import PdfReader

import riskmon
from riskmon import receipts
from riskmon.monitor import Monitor
from tests.browser import DAY, SIZES, Look, Served, rows, serving, words
from tests.builders import ROOT, Clock, company, event

pytest_plugins = ["tests.browser"]
pytestmark = pytest.mark.xdist_group("browser")

Visit = Callable[..., Page]
BAIDU = f"/company/baidu?{DAY}"
THEN: dict[str, Any] = {"as_of": "2024-02-12", "known_at": "2024-01-12"}


def query(page: Page) -> dict[str, list[str]]:
    """Return what the address of a page asks."""
    return parse_qs(urlsplit(page.url).query)


@pytest.fixture
def ledger(scenario_pages: Served) -> Iterator[Monitor]:
    """Open the ledger of which the pages are."""
    with scenario_pages.monitor() as monitor:
        yield monitor


def in_view(page: Page, text: str) -> bool:
    """Whether a reader sees a text, whole, before anything is scrolled."""
    script = """([text, width, height]) => {
      const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
      for (let node; (node = walk.nextNode());) {
        const at = node.data.indexOf(text);
        if (at < 0 || !node.parentElement.checkVisibility()) continue;
        const range = document.createRange();
        range.setStart(node, at);
        range.setEnd(node, at + text.length);
        const box = range.getBoundingClientRect();
        if (box.width && box.left >= 0 && box.top >= 0 && box.right <= width
            && box.bottom <= height) return true;
      }
      return false;
    }"""
    assert page.viewport_size
    asked = [text, page.viewport_size["width"], page.viewport_size["height"]]
    return bool(page.evaluate(script, asked))


@pytest.mark.parametrize("size", SIZES)
def test_somebody_new_sees_score_since_cause_source_and_before(
    visit: Visit, ledger: Monitor, size: str
) -> None:
    """On the first screen, of a desk and of a telephone, as Python says them."""
    page = visit("company", size=size)
    score = ledger.score("baidu", as_of="2026-11-22")
    top = score.lines[0]
    before = ledger.score("baidu", as_of="2026-10-23")
    as_known = ledger.score("baidu", as_of="2026-10-23", known_at="2026-10-23")
    ruleset = ledger.ruleset()
    assert ruleset
    told = [event for event in top.events if event.type == top.stage][-1]
    publisher = next(one.name for one in ruleset.publishers if one.id == told.source)
    shown = {
        "score": f"{score.value:.2f}",
        "since": "2026-06-08",
        "cause": ruleset.by_id[top.rule].title,
        "its points": f"{top.points:.2f} of the {score.value:.2f} points",
        "source": publisher,
        "what it said": told.title,
        "a month before": f"{before.value:.2f}",
        "as known then": "the same by what was known then",
    }
    assert f"{before.value:.2f}" == f"{as_known.value:.2f}"
    assert {} == {name: text for name, text in shown.items() if not in_view(page, str(text))}


@pytest.mark.parametrize("size", SIZES)
def test_what_was_known_a_month_before_is_seen_where_it_differs(
    look: Look, waiting_pages: Served, size: str
) -> None:
    """A listing of November that was learned in January: both figures of December."""
    page = look(waiting_pages, size=size)
    page.goto("/company/contoso?as_of=2024-01-10&known_at=2024-01-10")
    with waiting_pages.monitor() as monitor:
        now = monitor.score("contoso", as_of="2023-12-11", known_at="2024-01-10")
        then = monitor.score("contoso", as_of="2023-12-11", known_at="2023-12-11")
    assert (True, 0.0) == (now.value > 50, then.value)
    (said,) = words(page, ".fact:has(dt:text-is('A month before')) dd")
    assert (
        f"{now.value:.2f} ({now.level}) on 2023-12-11, by what is known now; "
        "0.00 (low) by what was known then"
    ) == said
    assert in_view(page, "by what was known then")


def test_both_clocks_change_everything_on_the_page_and_its_address(
    visit: Visit, ledger: Monitor
) -> None:
    """Typed and sent, they are in the address, in each figure and in each link that leads on."""
    page = visit("company")
    now = page.inner_text("main")
    page.get_by_label("As of").fill(THEN["as_of"])
    page.get_by_label("Known at").fill(THEN["known_at"])
    page.get_by_role("button", name="Show").click()
    page.wait_for_url("**known_at**")
    assert {name: [value] for name, value in THEN.items()} == query(page)

    score = ledger.score("baidu", **THEN)
    assert [f"{score.value:.2f}"] == words(page, ".fact.score .value")
    assert [f"{line.points:.2f}" for line in score.lines] == [
        row[-1] for row in rows(page, ".screen .waterfall")
    ]
    stretches = ledger.timeline("baidu", **THEN)
    assert [f"{one.points:.2f}" for one in stretches] == [
        row[-1] for row in rows(page, ".screen table.matters")
    ]
    picture = page.locator(".screen svg.history")
    assert f"at the end {score.value:.1f}" in str(
        picture.get_attribute("aria-label") or picture.text_content()
    )
    assert "as of 2024-02-12" in words(page, ".stands")[0].lower()
    assert now != page.inner_text("main")

    links = page.eval_on_selector_all(
        ".screen a[href^='/'], .screen a[href^='?'], nav a",
        "links => links.map(link => link.href)",
    )
    asked = [parse_qs(urlsplit(link).query) for link in links]
    assert links
    lost = [
        link
        for link, found in zip(links, asked, strict=True)
        if not found.get("as_of", [""])[0].startswith(THEN["as_of"])
        or found.get("known_at") not in (["2024-01-12"], [str(score.position)])
    ]
    assert [] == lost


@pytest.mark.parametrize("start", ["overview", "matter", "rules", "rule", "compare"])
def test_the_clocks_go_with_the_reader(visit: Visit, start: str) -> None:
    """From every page by its first link to a company, the page of that company has them."""
    page = visit(start)
    page.goto(f"{page.url}&known_at=2026-11-01")
    said = page.inner_text("main")
    page.get_by_label("As of").fill("2026-06-30")
    page.get_by_role("button", name="Show").click()
    page.wait_for_url("**as_of=2026-06-30**")
    assert said != page.inner_text("main")
    link = page.locator("main a[href^='/company/'], nav a[href='/']").first
    page.locator("nav a").nth(1).click() if not link.count() else link.click()
    page.wait_for_load_state()
    assert {"as_of": ["2026-06-30"], "known_at": ["2026-11-01"]} == query(page)


@pytest.mark.parametrize("script", [True, False])
def test_the_score_without_a_line_is_a_click_away(
    look: Look, scenario_pages: Served, ledger: Monitor, *, script: bool
) -> None:
    """Beside the score, which stays; the line is struck; a second click counts it again."""
    page = look(scenario_pages, script=script)
    page.goto(BAIDU)
    score = ledger.score("baidu", as_of="2026-11-22")
    first = score.lines[0]
    page.get_by_role("link", name=f"Without this line: {first.without:.2f}").click()
    page.wait_for_url("**without=**")
    assert [f"{first.rule}|{first.matter}"] == query(page)["without"]
    assert [f"{score.value:.2f}", f"{first.without:.2f}"] == words(
        page, ".fact.score .value", ".remaining strong"
    )
    struck = page.locator("details.left-out summary")
    assert [f"{first.points:.2f}"] == [words(page, "details.left-out .points")[0]]
    assert "line-through" == struck.evaluate("one => getComputedStyle(one).textDecorationLine")
    page.get_by_role("link", name="Count this line again").click()
    page.wait_for_url(lambda url: "without" not in url)
    assert 0 == page.locator(".remaining").count()


@pytest.mark.parametrize("path", ["/company/baidu", "/company/baidu/print"])
def test_a_page_prints_to_two_sheets_with_its_receipt(
    look: Look, scenario_pages: Served, ledger: Monitor, path: str
) -> None:
    """A4, nothing cut off, and by its digest whoever holds the sheets can check them."""
    page = look(scenario_pages)
    page.goto(f"{path}?{DAY}")
    pdf = PdfReader(io.BytesIO(page.pdf(prefer_css_page_size=True, print_background=True)))
    boxes = [tuple(round(float(side)) for side in one.mediabox[2:]) for one in pdf.pages]
    assert [(595, 842)] * 2 == [(width, height) for width, height in boxes]
    texts = ["".join(one.extract_text().split()) for one in pdf.pages]
    score = ledger.score("baidu", as_of="2026-11-22")
    receipt = ledger.receipt(score, keep=False)
    for part in (
        score.name,
        f"{score.value:.2f}",
        "Greatest cause",
        "A month before",
        "2026-06-08",
    ):
        assert part.replace(" ", "") in texts[0]
    for part in (receipts.digest(receipt), receipt["head"], receipt["ruleset"], "Sources"):
        assert part in texts[1]
    assert "Review" not in "".join(texts)


def crowd(monitor: Monitor) -> None:
    """Tell far more of one company than a sheet has room for, in long words."""
    names = [f"owner-{number}" for number in range(40)]
    long = "A subsidiary with a very long name that goes on and on " * 5
    monitor.declare([company(name, name=f"{name} {long}") for name in names])
    owners = [{"company": name, "share": 0.01} for name in names]
    monitor.declare([company("crowded", name=f"Crowded {long}", owners=owners)])
    families = [
        {"type": "listing.listed", "topics": ["entity-list"]},
        {"type": "case.indicted", "topics": ["trade-secrets"]},
        {"type": "claim.alleged", "topics": ["military-research"]},
    ]
    parties = [{"company": "crowded"}]
    web = "https://example.com/" + "a-long-address/" * 20
    told = [
        event(**family, title=f"{number} {long}", parties=parties, url=web, matter=f"m-{long}{at}")
        for number, family in enumerate(families * 12)
        for at in (number // 2,)
    ]
    assert not monitor.ingest(told).rejected


def test_a_company_of_which_much_is_told_prints_to_two_sheets(look: Look, tmp_path: Path) -> None:
    """What has no room is counted, and the receipt is whole."""
    database = f"sqlite:///{tmp_path / 'risk.db'}"
    with riskmon.open(database, rules=ROOT / "rules", clock=Clock()) as monitor:
        crowd(monitor)
        lines = len(monitor.score("crowded").lines)
    assert lines > 12
    with serving(tmp_path, database) as served:
        page = look(served)
        page.goto("/company/crowded/print?as_of=2024-01-01")
        pdf = PdfReader(io.BytesIO(page.pdf(prefer_css_page_size=True)))
    assert 2 == len(pdf.pages)
    first, last = ("".join(one.extract_text().split()) for one in pdf.pages)
    assert f"{lines - 12}morelines" in first
    for part in ("olderonesareonthepage", "10more,offewerpoints", "40,ofwhich8:", "Ledgerhead"):
        assert part in last
