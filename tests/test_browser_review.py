"""Decisions in a real Chromium, with script and without; what wants to run does not; the token."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from playwright.sync_api import Error, Page, expect

from riskmon.monitor import Monitor
from tests.browser import MATTER, Look, Served, hold, serving, words
from tests.builders import listed
from tests.pages import HOSTILE, RUNS
from tests.test_lists import CUBA
from tests.test_web_review import draft

pytest_plugins = ["tests.browser"]
pytestmark = pytest.mark.xdist_group("browser")

BY, WHY = "Ada", "I asked them"
SCRIPT = pytest.mark.parametrize("script", [True, False], ids=["script", "plain"])


def decided(monitor: Monitor, since: int) -> list[dict[str, Any]]:
    """Return what persons decided since a position: the bodies of the entries."""
    kinds = {"ruling.made", "match.decided"}
    return [json.loads(one.body) for one in monitor.entries(since) if one.kind in kinds]


def choose(page: Page, part: str, legend: str, label: str) -> str:
    """Decide in one row of a form, send it, and return what the page says was done."""
    form = page.locator(f"form[action^='/review/{part}']").first
    row = form.locator("fieldset", has=page.locator("legend", has_text=legend))
    row.get_by_text(label, exact=False).first.click()
    form.get_by_label("Who decides").fill(BY)
    form.get_by_label("Why").fill(WHY)
    form.locator("button[type=submit]").click()
    page.wait_for_url("**done=**")
    return words(page, "#done .done")[0]


@SCRIPT
def test_a_name_is_accepted_and_its_company_scores_by_it(
    look: Look, waiting_pages: Served, *, script: bool
) -> None:
    """The decision is an entry with who and why; the page says so, and so does the company's."""
    name = f"Huawei Technologies {'Syria' if script else 'Yemen'} Branch"
    with waiting_pages.monitor() as monitor:
        monitor.ingest([listed(name)])
        since = monitor.position
        page = look(waiting_pages, script=script)
        page.goto("/review")
        said = choose(page, "names", name, "it is")
        assert said.startswith(f"Accepted: {name} is Huawei Technologies Co., Ltd. Entry")
        assert f"{BY}: {WHY}" in said
        (entry,) = decided(monitor, since)
        assert ("accept", name, "huawei", BY, WHY) == tuple(
            entry[field] for field in ("verdict", "name", "company", "by", "why")
        )
        lines = monitor.score("huawei").lines
    page.get_by_role("link", name="Huawei Technologies Co., Ltd.").first.click()
    page.wait_for_url("**/company/huawei")
    assert {line.matter for line in lines} == set(
        page.locator(".screen .waterfall tbody th small").all_inner_texts()
    )


@SCRIPT
def test_a_held_copy_is_left_out_or_taken_in(
    look: Look, waiting_pages: Served, tmp_path: Path, *, script: bool
) -> None:
    """Until then it waits with its reasons; then it does not wait any more."""
    with waiting_pages.monitor() as monitor:
        if not monitor.held():
            hold(monitor, tmp_path, 1899)
        (held,) = monitor.held()
        since = monitor.position
        page = look(waiting_pages, script=script)
        page.goto("/review")
        assert all(
            reason in words(page, "section[aria-labelledby=copies]")[0] for reason in held.reasons
        )
        verb, label = ("reject", "leave it out") if script else ("accept", "take it in")
        said = choose(page, "copies", held.source, label)
        assert said.startswith(f"{verb.capitalize()}ed: {held.source}:{held.ref}")
        assert [(verb, BY, WHY)] == [
            (one["verdict"], one["by"], one["why"]) for one in decided(monitor, since)
        ]
        gone = len(CUBA) - held.rows if verb == "accept" else 0
        delisted = [one for one in monitor.entries(since) if '"listing.delisted"' in one.body]
        assert gone == len(delisted)
    assert "No copy is held." in words(page, "section[aria-labelledby=copies]")[0]


@SCRIPT
def test_a_draft_is_accepted_and_scores(look: Look, waiting_pages: Served, *, script: bool) -> None:
    """It becomes an event, with who and why beside it."""
    ref = f"case-{script}".lower()
    with waiting_pages.monitor() as monitor:
        draft(monitor, ref, 0.9, parties=[{"name": "Contoso AG"}])
        since = monitor.position
        page = look(waiting_pages, script=script)
        page.goto("/review")
        said = choose(page, "drafts", f"Charged {ref}", "it is an event")
        assert said.startswith(f"Accepted: my-model:{ref} Entry")
        assert [("accept", ref, BY, WHY)] == [
            tuple(one[field] for field in ("verdict", "ref", "by", "why"))
            for one in decided(monitor, since)
        ]
    page.goto("/company/contoso")
    assert f"my-model:{ref}" in page.locator(".screen .waterfall tbody th small").all_inner_texts()


def test_a_decision_without_who_and_why_is_not_sent(look: Look, waiting_pages: Served) -> None:
    """The browser asks for them first; nothing becomes an entry."""
    with waiting_pages.monitor() as monitor:
        since = monitor.position
        page = look(waiting_pages)
        page.goto("/review")
        page.get_by_role("button", name="Decide on the drafts").click()
        assert page.locator("#drafts-by").evaluate("one => one.matches(':invalid:focus')")
        assert since == monitor.position


HOSTILE_PAGES = {
    "overview": "/",
    "company": "/company/hostile",
    "print": "/company/hostile/print",
    "matter": f"/matter/{quote(MATTER)}",
    "review": "/review",
    "find": "/?" + urlencode({"q": HOSTILE, "sort": HOSTILE, "level": HOSTILE}),
    "without": "/company/hostile?" + urlencode({"without": HOSTILE, "years": HOSTILE}),
    "clock": "/?" + urlencode({"as_of": "2026-11-22", "a": HOSTILE, "known_at": "9999"}),
    "wrong-clock": "/?" + urlencode({"as_of": HOSTILE}),
    "nobody": f"/company/{quote(HOSTILE, safe='')}",
    "nowhere": f"/{quote(HOSTILE)}",
}


@pytest.mark.parametrize("name", HOSTILE_PAGES)
def test_nothing_that_was_told_runs(look: Look, waiting_pages: Served, name: str) -> None:
    """Titles, names, addresses: no dialogue, no address of a script, no character that acts."""
    page = look(waiting_pages, allowed=r"status of 40[04]")
    page.goto(HOSTILE_PAGES[name])
    text = str(page.evaluate("document.documentElement.textContent"))
    assert "main" == page.evaluate("document.querySelector('main').id") or name == "print"
    assert not re.search("[\x00-\x08\x1b\u202a-\u202e\u2066-\u2069]", text)
    found = page.evaluate(
        """() => [...document.querySelectorAll("*")].flatMap(one => [...one.attributes].map(
            at => [one.localName, at.name, at.value])).filter(([tag, name, value]) =>
            name.startsWith("on") || name === "style" || (tag === "script" && name === "src"
              && value !== "/static/page.js") || (["href", "src", "action", "formaction",
              "xlink:href"].includes(name) && /^\\s*(javascript|data|vbscript):/i.test(value)))"""
    )
    assert [] == found
    if name in {"company", "matter", "review"}:
        assert "<script>alert(1)</script>" in text
    if name in {"matter", "review"}:
        assert RUNS in text
    page.locator("main").click(position={"x": 5, "y": 5})
    assert ["/static/page.js"] == page.eval_on_selector_all(
        "script", "all => all.map(one => one.getAttribute('src'))"
    )


def test_nothing_that_is_found_while_one_types_runs(look: Look, waiting_pages: Served) -> None:
    """Companies come into the page without a new one: as text, too."""
    page = look(waiting_pages)
    page.goto("/")
    page.get_by_label("Find").press_sequentially("hostile")
    expect(page.locator(".companies tbody tr")).to_have_count(1)
    assert "<script>alert(1)</script>" in page.inner_text(".companies tbody")


def test_a_script_that_got_in_would_not_run(look: Look, waiting_pages: Served) -> None:
    """The second wall: the browser is told to run nothing but the page's own file."""
    page = look(waiting_pages, allowed="Content Security Policy|status of 404")
    page.goto("/")
    page.evaluate(
        """() => {
          const script = document.createElement("script");
          script.textContent = "window.ran = 1";
          document.body.append(script);
          const picture = document.createElement("div");
          picture.innerHTML = "<img src=x onerror='window.ran = 2'>";
          document.body.append(picture);
        }"""
    )
    page.wait_for_load_state("networkidle")
    assert page.evaluate("window.ran === undefined")


def test_a_guarded_page_asks_for_its_token(
    look: Look, waiting_pages: Served, tmp_path: Path
) -> None:
    """Without it, or with another one, nothing is shown; with it, whoever came decides by name."""
    token = "a-token-of-this-test-alone-0123456789"  # noqa: S105 (of nothing else)
    with serving(tmp_path, waiting_pages.database, env={"RISKMON_WEB__TOKEN": token}) as guarded:
        for credentials in (None, {"username": "ada", "password": "wrong"}):
            page = look(guarded, allowed="status of 401|Refused to", http_credentials=credentials)
            with suppress(Error):  # asked for it, Chromium shows the refusal, or a page of its own
                page.goto("/company/huawei")
            page.wait_for_load_state()
            assert "Huawei" not in page.inner_text("body")
            answer = page.context.request.get("/company/huawei")
            assert (401, False) == (answer.status, "Huawei" in answer.text())
        page = look(guarded, http_credentials={"username": "ada", "password": token})
        page.goto("/review")
        assert "ada" == page.locator("#drafts-by").input_value()
        page.goto("/company/huawei")
        assert "Huawei Technologies Co., Ltd." in words(page, "h1")
