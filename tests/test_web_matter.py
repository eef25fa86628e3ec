"""A matter's page: what was told, with both dates; what no longer stands; on whom it bears."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import riskmon
from riskmon.monitor import Monitor
from tests import pages
from tests.builders import Clock, company, event, rule, withdrawal, write_rules
from tests.pages import HOSTILE, RUNS, asking, cells, named, page, text


@pytest.fixture
def told(tmp_path: Path, clock: Clock) -> Iterator[Monitor]:
    """Tell a matter that names one company, owned by it another, in the scope of a third."""
    folder = write_rules(
        tmp_path / "rules",
        rule(
            stages={"claim.alleged": "sources", "case.indicted": 0.8, "case.convicted": 1.0},
            open=["case.indicted"],
            scope=0.25,
            ownership={"control": 0.5},
        ),
        publishers=[{"id": "reuters", "name": "Reuters", "credibility": 0.6}],
    )
    url = f"sqlite:///{tmp_path / 'risk.db'}"
    with riskmon.open(url, rules=folder, clock=clock) as monitor:
        monitor.declare(
            [
                company("named", name="Named AG"),
                company("owned", name="Owned AG", owners=[{"company": "named", "share": 0.6}]),
                company("exposed", name="Exposed AG", jurisdiction="cn"),
                company("far", name="Far AG", jurisdiction="us"),
            ]
        )
        case = {"matter": "a/case", "parties": [{"company": "named"}], "scope": ["country:cn"]}
        first = event(ref="one", title="It was said", url="https://example.org/1", **case)
        second = event(ref="two", type="case.indicted", title="Indicted", **case)
        third = event(ref="three", type="case.convicted", title="Convicted", **case)
        clock.turn("2024-01-02")
        monitor.ingest([first])
        clock.turn("2024-01-03")
        monitor.ingest([second | {"occurred_at": "2024-01-03", "title": "Indited"}, third])
        clock.turn("2024-01-04T12:30:00Z")
        monitor.ingest([second | {"occurred_at": "2024-01-03"}])
        clock.turn("2024-01-05")
        monitor.ingest([withdrawal(third, reason="It was another court")])
        yield monitor


def tellings(monitor: Monitor, address: str) -> list[list[str]]:
    """Return what is told: the head, what became of it, when it was recorded."""
    found = []
    for one in page(asking(monitor), address).findall(".//ol[@class='told']/li"):
        fates = [text(fate) for fate in one.findall("p[@class='fate']")]
        (when,) = [text(row.find("dd")) for row in one.iter("div") if text(row[0]) == "Recorded"]
        head = one.find("p[@class='head']")
        assert head is not None
        struck = [text(part) for part in head.iter("s")]
        found.append([text(head), " ".join(struck), *fates, when])
    return found


def test_every_telling_has_both_dates_and_what_became_of_it(told: Monitor) -> None:
    """By when it happened; what was revised or withdrawn is struck through, with when and why."""
    assert [
        ["2024-01-01 claim.alleged It was said", "", "2024-01-02, entry 6"],
        [
            "2024-01-01 case.convicted Convicted",
            "2024-01-01 case.convicted Convicted",
            "Withdrawn on 2024-01-05: It was another court.",
            "2024-01-03, entry 8",
        ],
        [
            "2024-01-03 case.indicted Indited",
            "2024-01-03 case.indicted Indited",
            "Revised on 2024-01-04 12:30Z, by entry 9.",
            "2024-01-03, entry 7",
        ],
        ["2024-01-03 case.indicted Indicted", "", "2024-01-04 12:30Z, entry 9, revision 2"],
    ] == tellings(told, "/matter/a/case")


def test_what_was_known_then_is_shown_as_it_was(told: Monitor) -> None:
    """Before the revision nothing was struck through, and its own words stood."""
    found = tellings(told, "/matter/a/case?known_at=2024-01-03")
    assert [
        ["2024-01-01 claim.alleged It was said", "", "2024-01-02, entry 6"],
        ["2024-01-01 case.convicted Convicted", "", "2024-01-03, entry 8"],
        ["2024-01-03 case.indicted Indited", "", "2024-01-03, entry 7"],
    ] == found


def test_it_says_on_whom_it_bears_by_which_way(told: Monitor) -> None:
    """Greatest first, with the points that the company's own page has."""
    table = named(page(asking(told), "/matter/a/case"), "reaches").find(".//table")
    points = {one.company: f"{one.value:.2f}" for one in told.scores()}
    stage = ["A rule", "case.indicted", "2024-01-03"]
    assert [
        ["Named AG", "named", *stage, "1", "", points["named"]],
        ["Owned AG", "owned through its owners", *stage, "0.5", "", points["owned"]],
        ["Exposed AG", "scope by what it is exposed to", *stage, "0.25", "", points["exposed"]],
    ] == cells(table)
    assert points["far"] == "0.00"


def test_links_carry_both_clocks(told: Monitor) -> None:
    """So what is opened from here is of the same day, as known then."""
    root = page(asking(told), "/matter/a/case?as_of=2024-01-03&known_at=8")
    query = "?as_of=2024-01-03&known_at=8"
    links = {one.get("href") for one in named(root, "reaches").iter("a")}
    assert {f"/company/{one}{query}" for one in ("named", "owned", "exposed")} < links
    assert f"/rules/a-rule{query}" in links


def test_only_addresses_of_the_web_are_links(told: Monitor) -> None:
    """What is none is shown as text, and said to be none."""
    told.ingest([event(ref="bad", matter="a/case", title="Bad", url=RUNS)])
    root = page(asking(told), "/matter/a/case")
    outside = {one.get("href") for one in root.iter("a") if "noopener" in one.get("rel", "")}
    assert {"https://example.org/1"} == outside
    assert f"gives the address {RUNS}, which is no link" in text(named(root, "told"))


def test_nothing_that_a_source_says_acts(told: Monitor, clock: Clock) -> None:
    """In a title, a summary, a name, a reason, an attribute; and nothing of it is lost."""
    clock.turn("2024-01-06")
    party = {"name": HOSTILE, "role": "subject"}
    one = event(
        ref=HOSTILE,
        matter="hostile",
        title=HOSTILE,
        summary=HOSTILE + "\nsecond line",
        parties=[party],
        url=RUNS,
    )
    other = event(matter="hostile", title=HOSTILE)
    assert 2 == told.ingest([one, other]).appended
    told.ingest([withdrawal(other, reason=HOSTILE)])
    root = page(asking(told), "/matter/hostile")
    pages.harmless(root)
    shown = pages.whole(HOSTILE)
    assert shown == text(root.find(".//h1"))
    assert f"Withdrawn on 2024-01-06: {shown}." in text(root)
    assert f"{shown} subject" in text(root)
    assert 6 == text(named(root, "told")).count(shown)


def test_a_matter_that_nobody_told_of_is_said(told: Monitor) -> None:
    """As is one that was told of later than was asked."""
    for address in ("/matter/nothing", "/matter/a/case?known_at=2024-01-01"):
        found = page(asking(told), address, 404)
        assert "no event was told of a matter called" in text(found.find(".//main"))


def test_a_matter_that_bears_on_nobody_says_so(told: Monitor) -> None:
    """With all that was told of it."""
    told.ingest([event(matter="quiet", type="commentary.published", title="An opinion")])
    root = page(asking(told), "/matter/quiet")
    assert "On no company, as of this day" in text(named(root, "reaches"))
    assert "An opinion" in text(named(root, "told"))
