"""The first page and a company's: what they say, at the clocks of the address."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

import riskmon
from riskmon import receipts
from riskmon.model import points
from riskmon.monitor import Monitor
from riskmon.results import Point
from riskmon.web import app
from riskmon.web.doors import Doors
from riskmon.web.drawing import Mark, bar, history, spark
from riskmon.web.site import linked, web_link
from tests.builders import Clock, company, event, rule, write_rules

HERE = "http://127.0.0.1:8000"
AS_OF = "?as_of=2026-11-22"
Get = Callable[[str], str]


def getting(monitor: Monitor) -> Get:
    client = TestClient(app(monitor, doors=Doors()), HERE)

    def get(address: str) -> str:
        answer = client.get(address)
        assert 200 == answer.status_code, answer.text
        return answer.text

    return get


@pytest.fixture
def get(scenario: Monitor) -> Get:
    """Return what gets a page about the shipped scenario."""
    return getting(scenario)


def words(part: str) -> str:
    """Return what a part of a page says, without its marks, in one line."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", part)).split())


def said(page: str) -> str:
    """Return what a page says on the screen."""
    return words(page.partition('<div class="paper only">')[0].partition('<main id="main"')[2])


def rows(page: str, table: str) -> list[list[str]]:
    """Return the cells of the body of a table, by its class."""
    found = re.search(rf'<table class="{table}">.*?<tbody>(.*?)</tbody>', page, re.DOTALL)
    assert found
    cells = [
        re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", one, re.DOTALL) for one in found[1].split("<tr")
    ]
    return [[words(cell) for cell in row] for row in cells if row]


def test_the_overview_says_who_is_at_risk_highest_first(get: Get, scenario: Monitor) -> None:
    """Name, score, level, changes, category and since of each, as Python has them."""
    found = scenario.overview(as_of="2026-11-22")
    wanted = [[row.name, f"{row.value:.2f}", row.level, row.category or ""] for row in found]
    shown = rows(get(f"/{AS_OF}"), "companies")
    assert wanted == [[row[0], row[1], row[2], row[7]] for row in shown]
    assert [
        "Baidu, Inc.",
        "68.31",
        "high",
        "",
        "0.0",
        "0.0",
        "0.0",
        "listings",
        "2026-06-08",
    ] == shown[0]


def test_the_overview_answers_for_another_day_as_known_then(get: Get) -> None:
    """Both clocks, and every link of the page keeps them."""
    page = get("/?as_of=2024-02-12&known_at=2024-01-12")
    assert ["Baidu, Inc.", "42.22"] == rows(page, "companies")[0][:2]
    inside = re.findall(
        r'<a [^>]*href="(/(?:company|rules|compare)?[^"]*)"', page.partition("<aside")[0]
    )
    kept = "as_of=2024-02-12&amp;known_at=2024-01-12"
    ways_back = {"/?as_of=2024-02-12&amp;known_at=2024-01-12", "/"}
    assert [] == [one for one in inside if kept not in one and one not in ways_back]


def test_the_overview_finds_filters_and_sorts(get: Get) -> None:
    """By name and alias, level and category; by a column, and the other way round."""

    def names(query: str) -> list[str]:
        page = get(f"/{AS_OF}&{query}")
        return [row[0] for row in rows(page, "companies")] if "<tbody>" in page else []

    assert ["Moonshot AI"] == names("q=moonshot")
    assert ["Moonshot AI"] == names("q=月之暗面")
    assert [] == names("q=nobody-of-that-name")
    assert ["Moonshot AI"] == names("level=moderate")
    assert ["Shanghai Zhisuan Technology Co. Ltd.", "Google LLC"] == names("category=enforcement")
    assert sorted(names("sort=name"), key=str.casefold) == names("sort=name")
    assert names("sort=name") == names("sort=-name")[::-1]
    assert {"Fortune Capital", "OpenAI"} == {*names("sort=-value")[:2]}
    assert 11 == len(names("page=99999999999&sort=change_30"))


@pytest.fixture
def many(tmp_path: Path, clock: Clock) -> Iterator[Monitor]:
    """Open a monitor on ten thousand companies, of which half are talked about."""
    rules = write_rules(tmp_path / "rules", rule())
    with riskmon.open(f"sqlite:///{tmp_path / 'risk.db'}", rules=rules, clock=clock) as opened:
        opened.declare([company(f"company-number-{number}") for number in range(10_000)])
        parties = [{"company": f"company-number-{number}"} for number in range(1000)]
        opened.ingest([event(parties=parties), event(parties=parties[:500])])
        opened.recalculate()
        yield opened


def test_ten_thousand_companies_come_in_pages_of_fifty(many: Monitor) -> None:
    """A hundred kilobytes at most are sent for one."""
    with TestClient(app(many, doors=Doors()), HERE) as client, client.stream("GET", "/") as answer:
        sent = len(b"".join(answer.iter_raw()))
        assert ("gzip", True) == (answer.headers["content-encoding"], sent < 100_000)
    get = getting(many)
    assert "10,000 of 10,000" in said(get("/"))
    assert "Page 200 of 200" in said(get("/?page=200"))
    both = [row[0] for page in (1, 2) for row in rows(get(f"/?page={page}"), "companies")]
    assert 100 == len({*both})


def test_the_overview_says_what_moved_and_what_waits(many: Monitor) -> None:
    """Since the last run, with where each came from; what no company is called, too."""
    many.ingest([event(parties=[{"name": "Nobody Knows Ltd"}, {"company": "company-number-9999"}])])
    many.recalculate()
    page = getting(many)("/")
    aside = words(page.partition("<aside")[2])
    assert "Company-Number-9999 0.00 → 18.77 +18.8" in aside
    assert "Alerts Nothing was told yet. Waits for a person Names 1 Held copies 0 Drafts 0" in aside


def test_an_empty_ledger_has_a_page_that_says_what_to_do(tmp_path: Path) -> None:
    """Before anything was declared or run."""
    with riskmon.open(f"sqlite:///{tmp_path / 'risk.db'}") as opened:
        told = said(getting(opened)("/"))
    assert "No company is on the watchlist yet: riskmon declare companies.jsonl" in told
    assert "No run yet: riskmon recalculate" in told


def test_a_company_begins_with_five_facts(get: Get) -> None:
    """Score, since when, the greatest cause, its source, and what it was a month before."""
    facts = re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", get(f"/company/baidu{AS_OF}"), re.DOTALL)
    found = {name: words(told) for name, told in facts[:5]}
    assert {
        "Score": "68.31 of 100, high",
        "Since": "high since 2026-06-08",
        "Greatest cause": "US list of Chinese military companies (Section 1260H) : 54.47 of the "
        "68.31 points, since 2026-06-08",
        "Source": "US Department of Defense , 2026-06-08: Baidu listed under Section 1260H",
        "A month before": "68.32 (high) on 2026-10-23, by what is known now; the same by what was "
        "known then",
    } == found


def test_a_month_before_is_told_as_known_now_and_as_known_then(
    tmp_path: Path, clock: Clock
) -> None:
    """What was told late is in the one and not in the other; so is the company itself."""
    rules = write_rules(tmp_path / "rules", rule())
    with riskmon.open(f"sqlite:///{tmp_path / 'risk.db'}", rules=rules, clock=clock) as opened:
        opened.declare([company()])
        named = {"parties": [{"company": "baidu"}]}
        opened.ingest([event(occurred_at="2023-12-01", **named)])
        clock.turn("2024-02-01")
        opened.declare([company("late")])
        opened.ingest([event(occurred_at="2023-12-01", **named)])
        clock.turn("2024-02-12")
        get = getting(opened)
        told, late = said(get("/company/baidu")), said(get("/company/late"))
        now = opened.score("baidu", as_of="2024-01-13").value
        then = opened.score("baidu", as_of="2024-01-13", known_at="2024-01-13").value
    assert (
        f"A month before {now:.2f} (moderate) on 2024-01-13, by what is known now; "
        f"{then:.2f} (low) by what was known then"
    ) in told
    assert "by what is known now; it was not on the watchlist then" in late


def test_a_company_has_its_lines_and_they_add_up(get: Get, scenario: Monitor) -> None:
    """Each with rule, why, stage, formula, events and references."""
    score = scenario.score("baidu", as_of="2026-11-22")
    page = get(f"/company/baidu{AS_OF}")
    shown = [row[2] for row in rows(page, "waterfall")]
    assert [f"{line.points:.2f}" for line in score.lines] == shown
    told = said(page)
    for wanted in (
        "54.47 US list of Chinese military companies (Section 1260H) listing.listed since 2026-06",
        "severity 60 \N{MULTIPLICATION SIGN} likelihood 1 \N{MULTIPLICATION SIGN} weight 1 (named)",
        "It blocks no trade by itself",
        "2026-02-13 15:00Z US Department of Defense listing.withdrawn The notice is withdrawn",
        "Experimental: shown, not counted",
        "https://www.congress.gov/bill/118th-congress/house-bill/2670",
    ):
        assert wanted in told
    assert len(score.lines) == page.count('id="line-')


def test_without_a_line_the_score_is_what_the_model_says(get: Get, scenario: Monitor) -> None:
    """By one line and by two, at an address of its own; counted again by the same link."""
    score = scenario.score("baidu", as_of="2026-11-22")
    first, second = score.lines[:2]
    one = get(f"/company/baidu{AS_OF}&without={first.rule}|{first.matter}")
    assert f"without 1 line: {first.without:.2f} low" in said(one)
    both = f"{AS_OF}&without={first.rule}|{first.matter}&without={second.rule}|{second.matter}"
    rest = points(math.fsum((score.hazard, -first.hazard, -second.hazard)))
    assert f"without 2 lines: {rest:.2f} low" in said(get(f"/company/baidu{both}"))
    assert f'href="{AS_OF}"' in one
    assert (
        "without" not in re.findall(r"<dd>.*?</dd>", get(f"/company/baidu{AS_OF}&without=x|y"))[0]
    )


@pytest.mark.parametrize(
    ("clocks", "value"),
    [
        ("as_of=2024-01-12&known_at=2024-01-12", "44.51"),
        ("as_of=2024-02-12&known_at=2024-01-12", "42.22"),
        ("as_of=2024-02-12", "31.67"),
        ("as_of=2024-02-12&known_at=1", "0.00"),
    ],
)
def test_both_clocks_change_a_company(get: Get, clocks: str, value: str) -> None:
    """A day or a position; the controls show them."""
    page = get(f"/company/Baidu?{clocks}")
    assert value == re.findall(r"Score ([\d.]+)", said(page))[0]
    for name, given in (one.split("=") for one in clocks.split("&")):
        assert f'name="{name}" value="{given}"' in page


def test_a_history_has_its_events_in_order_and_a_table(get: Get) -> None:
    """Numbered as they are on the line; over one year, three or ten."""
    page = get(f"/company/baidu{AS_OF}")
    assert ["1", "2", "3", "4"] == re.findall(r'<li value="(\d+)">', words_of_marks(page))
    assert 'aria-label="Score of Baidu, Inc. from 2025-11-22 to 2026-11-22: between' in page
    longer = get(f"/company/baidu{AS_OF}&years=10")
    assert len(re.findall("<li value=", words_of_marks(longer))) > 4
    assert get(f"/company/baidu{AS_OF}&years=1000").count("<polyline") == page.count("<polyline")


def words_of_marks(page: str) -> str:
    found = re.search(r'<ol class="marks">(.*?)</ol>', page, re.DOTALL)
    assert found
    return found[1]


def test_the_printed_page_has_a_receipt_that_can_be_checked(get: Get, scenario: Monitor) -> None:
    """Its digest is that of the receipt that the ledger gives for the same clocks."""
    page = get(f"/company/baidu/print{AS_OF}")
    made = scenario.receipt(scenario.score("baidu", as_of="2026-11-22"), keep=False)
    shown = dict(re.findall(r"<div><dt>([^<]*)</dt><dd>([^<]*)</dd></div>", page))
    assert {
        "Company": "baidu",
        "As of": made["as_of"],
        "Position": str(made["position"]),
        "Ledger head": made["head"],
        "Ruleset": made["ruleset"],
        "Receipt": receipts.digest(made),
    } == {
        name: shown[name]
        for name in ("Company", "As of", "Position", "Ledger head", "Ruleset", "Receipt")
    }
    assert 2 == page.count('class="sheet"')


def test_a_receipt_by_a_moment_is_the_one_that_its_command_gives(
    get: Get, scenario: Monitor
) -> None:
    """The page says `--known-at` with a position, and so the digest is of that receipt."""
    page = get("/company/baidu/print?as_of=2024-02-12&known_at=2024-01-12")
    position = int(re.findall(r"--known-at (\d+)</code>", page)[0])
    score = scenario.score("baidu", as_of="2024-02-12", known_at=position)
    assert f"<dd>{receipts.digest(scenario.receipt(score, keep=False))}</dd>" in page


def test_looking_writes_nothing(get: Get, scenario: Monitor) -> None:
    """No page appends an entry."""
    before = scenario.position
    for address in ("/", "/company/baidu", "/company/baidu/print", "/company/moonshot-ai"):
        get(address)
    assert before == scenario.position


def test_owners_and_what_is_owned_are_told(get: Get) -> None:
    """With the share, since when, and the other's score."""
    found = rows(get(f"/company/moonshot-ai{AS_OF}"), "narrow")
    told = said(get(f"/company/moonshot-ai{AS_OF}"))
    assert found
    assert "Alibaba Group Holding Limited owner 36.0% 2024-02-19 67.39" in told
    assert "Moonshot AI owned 36.0%" in said(get(f"/company/alibaba{AS_OF}"))


HOSTILE = "<script>alert(1)</script>'\"><img src=x onerror=alert(2)> \x1b[31m {{ 7*7 }}"


def test_what_was_told_by_others_is_text(tmp_path: Path, clock: Clock) -> None:
    """Titles, names, matters and addresses that are programs run nothing."""
    rules = write_rules(
        tmp_path / "rules", rule(title=HOSTILE[:60], why=HOSTILE, references=["javascript:x"])
    )
    with riskmon.open(f"sqlite:///{tmp_path / 'risk.db'}", rules=rules, clock=clock) as opened:
        assert not opened.declare([company(name=HOSTILE.replace("\x1b", ""))]).rejected
        told: list[dict[str, Any]] = [
            event(
                title=HOSTILE.replace("\x1b", ""),
                matter="<b>'\"&?#/x",
                url=url,
                parties=[{"company": "baidu"}],
            )
            for url in ("javascript:alert(3)", "data:text/html,x", "https://example.com/'\"><b>")
        ]
        assert not opened.ingest(told).rejected
        get = getting(opened)
        pages = [
            get(path)
            for path in ("/", "/company/baidu", "/company/baidu/print", "/?q=<b>&level=low")
        ]
    for page in pages:
        assert re.findall(r"<(?:script|img|b)\b[^>]*>", page) == re.findall(
            r'<script src="/static/page\.js" defer>', page
        )
        assert [] == re.findall(r"""(?:href|src)=["'](?!/|\?|#|https?://)[^"']*""", page)
        assert "\x1b" not in page
        assert "{{ 7*7 }}" in page or "7*7" not in page


def test_only_addresses_of_the_web_become_links() -> None:
    """And those in a text, without the point at its end."""
    given = ["https://a.example/x", "http://b", "javascript:alert(1)", "//c", "", "https://", None]
    assert ["https://a.example/x", "http://b", "", "", "", "", ""] == [
        web_link(one) for one in given
    ]
    assert (
        'See <a href="https://a.example/1?b&amp;c" rel="noopener noreferrer nofollow">'
        "https://a.example/1?b&amp;c</a>, &lt;b&gt;."
    ) == linked("See https://a.example/1?b&c, <b>.")


def test_pictures_stay_within_their_frames() -> None:
    """Whatever the numbers are: nothing, one point, a bar beyond the end."""
    assert "" == spark([]) == spark([1.0]) == history([], [], "nothing")
    assert 'points="0,23.8 100,1"' in spark([1.0, 100.0])
    assert 'x="99.60" width="0.40"' in bar(2.0, 5.0)
    clock = Clock()
    only = [Point(clock.now, 50.0)]
    drawn = history(only, [Mark(clock.now, 1, "<b>")], "one day")
    assert ("<b>" not in drawn, drawn.count("<circle")) == (True, 1)
