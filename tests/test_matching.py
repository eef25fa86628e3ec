"""Names told before a company was declared, and after: they meet once, whoever was killed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import riskmon
from riskmon.monitor import Monitor
from tests.builders import Clock, company, listed, values
from tests.workers import begun, ends, ingest_and_die

NAME, LIKELY = "Hangzhou Hikvision Digital Technology Co., Ltd.", "Hangzhou Hikvision Digital Tech"
COMPANY = company("hik", name=NAME)
CROWD = [
    f"{first} {second} Trading"
    for first in ("Amber", "Birch", "Cedar", "Delta", "Ember", "Frost", "Grove", "Haven")
    for second in ("Bridge", "Castle", "Field", "Harbour", "Lantern", "Meadow", "River", "Stone")
]


def near(value: float) -> Any:
    return pytest.approx(value, abs=1e-9)


def matches(monitor: Monitor) -> list[tuple[str, str, int]]:
    """Return ref, source and revision of each decision."""
    entries = (one for one in monitor.entries() if one.kind == "match.decided")
    return [(one.ref, one.source, one.revision) for one in entries]


def test_a_company_declared_later_finds_the_names_told_before(monitor: Monitor) -> None:
    """By likeness; the report says how many; every event of that name counts."""
    for _ in range(2):
        assert 0 == monitor.ingest([listed(LIKELY)]).matched
    assert 1 == monitor.declare([COMPANY]).matched
    assert near(91) == monitor.score("hik").value
    assert 1 == len(matches(monitor))


def test_an_alias_declared_later_finds_the_names_told_before(monitor: Monitor) -> None:
    """A company that was there, with a name more."""
    monitor.declare([company("hik")])
    assert 0 == monitor.ingest([listed(LIKELY)]).matched
    assert 1 == monitor.declare([company("hik", aliases=[NAME])]).matched
    assert near(70) == monitor.score("hik").value


@pytest.mark.parametrize("crowd", [[], CROWD], ids=["alone", "in a crowd"])
@pytest.mark.parametrize("late", [False, True])
def test_any_name_of_a_party_is_found(monitor: Monitor, crowd: list[str], *, late: bool) -> None:
    """Its aliases too, whichever came first: the event or the company."""
    told = [listed("Qwz Plc", aliases=[LIKELY]), *map(listed, crowd)]
    if not late:
        monitor.declare([COMPANY])
    monitor.ingest(told)
    if late:
        monitor.declare([COMPANY])
    assert near(70) == monitor.score("hik").value


def test_a_name_and_a_company_meet_once(monitor: Monitor, url: str) -> None:
    """Told again, declared again, recalculated, by another process: there is one decision."""
    monitor.declare([COMPANY])
    assert 1 == monitor.ingest([listed(LIKELY)]).matched
    assert 0 == monitor.ingest([listed(LIKELY)]).matched
    assert 0 == monitor.declare([COMPANY]).matched
    with riskmon.open(url, clock=monitor._clock) as other:
        other.recalculate()
        assert 0 == other.ingest([listed(LIKELY)]).matched
        assert 0 == other.declare([COMPANY | {"aliases": ["Hikvision"]}]).matched
    assert 1 == len(matches(monitor))
    assert near(97.3) == monitor.score("hik").value


def test_a_name_of_many_events_is_matched_once(monitor: Monitor) -> None:
    """And counts for each of them."""
    monitor.ingest([listed(LIKELY) for _ in range(1500)])
    assert {LIKELY: 1500} == monitor.status().unresolved
    assert 1 == monitor.declare([COMPANY]).matched
    assert {} == monitor.status().unresolved
    assert 1500 == len(monitor.events("hik"))


@pytest.mark.parametrize("then", ["ingest", "recalculate", "declare", "match"])
@pytest.mark.parametrize("first", ["events", "companies"])
def test_a_process_killed_before_it_matched_is_made_up_for(
    url: str, clock: Clock, first: str, then: str
) -> None:
    """Killed between the append and the matching, whichever side was told last."""
    told = [[listed(LIKELY)], [COMPANY]]
    begin, last = told if first == "events" else reversed(told)
    with riskmon.open(url, clock=clock) as monitor:
        monitor.declare(begin) if first == "companies" else monitor.ingest(begin)
        assert [-9] == ends([begun(ingest_and_die, url, last)])
        kinds = sorted(one.kind for one in monitor.entries())
        assert ["company.declared", "event.recorded", "ruleset.published"] == kinds
        assert near(0) == monitor.score("hik").value
        ways: dict[str, Callable[[], object]] = {
            "ingest": lambda: monitor.ingest([]),
            "recalculate": monitor.recalculate,
            "declare": lambda: monitor.declare([]),
            "match": monitor.match,
        }
        ways[then]()
        assert near(70) == monitor.score("hik").value
        monitor.verify()


@pytest.mark.parametrize("who", [0, 1])
@pytest.mark.parametrize("first", ["ingest", "declare"])
def test_two_processes_find_what_each_told_the_other(
    url: str, clock: Clock, first: str, who: int
) -> None:
    """One ingests while the other declares, neither having read the other: either finds it."""
    with (
        riskmon.open(url, clock=clock) as one,
        riskmon.open(url, clock=clock) as other,
    ):
        other.declare([company("somebody")])
        one.ingest([listed("Somebody Else")])
        for monitor in (one, other):
            vars(monitor._matching)["catch_up"] = lambda _: 0
        tell = {"ingest": lambda: one.ingest([listed(LIKELY)])}
        tell["declare"] = lambda: other.declare([COMPANY])
        for step in sorted(tell, reverse=first == "ingest"):
            tell[step]()
        for monitor in (one, other):
            del vars(monitor._matching)["catch_up"]
        (one, other)[who].recalculate()
        assert near(70) == one.score("hik").value == other.score("hik").value
        (one, other)[1 - who].recalculate()
        assert 1 == len(matches(one))


def test_both_may_match_the_same_at_once(url: str, clock: Clock) -> None:
    """Two processes that read the same stretch of the log: the second has nothing to add."""
    with (
        riskmon.open(url, clock=clock) as one,
        riskmon.open(url, clock=clock) as other,
    ):
        one.declare([COMPANY])
        append = other._matching._append

        def late(*given: Any) -> int:
            one.match()
            return append(*given)

        vars(other._matching)["_append"] = late
        vars(one._matching)["catch_up"] = lambda _: 0
        one.ingest([listed(LIKELY)])
        del vars(one._matching)["catch_up"]
        assert 0 == other.match()
        assert 1 == len(matches(one))
        assert near(70) == other.score("hik").value


def test_persons_are_never_matched(monitor: Monitor) -> None:
    """Nor proposed, nor counted among the names that mean nobody; whichever came first."""
    monitor.declare([company("ford", name="Ford Motor Company")])
    monitor.ingest([listed("Ford Motor Company", kind="person")])
    monitor.ingest([listed("Ford Motor Co", kind="person")])
    monitor.ingest([listed(LIKELY, kind="person")])
    assert 0 == monitor.declare([COMPANY]).matched
    assert {"ford": 0.0, "hik": 0.0} == values(monitor)
    assert ([], [], {}) == (matches(monitor), monitor.review(), monitor.status().unresolved)


STRANGE = {
    "one letter, often": "Z" * 2000,
    "words": "Huawei " * 250 + "Ltd",
    "one character, often": "百" * 2000,
    "emoji": "💥🔥",
    "emoji beside a name": "😀 Hangzhou Hikvision Digital Tech 😀",
    "no letters": "...",
    "turned": "\u202ehcetlatigid noisivkih",
    "marks": "e" + "\u0301" * 1999,
    "a line": "a\nb\tc",
    "right to left": "شركة هواوي",
    "old letters": "𐎠𐎡𐎢",
    "markup": "<b>[/bold]'; DROP TABLE entry; --",
}


@pytest.mark.parametrize("name", STRANGE.values(), ids=STRANGE)
@pytest.mark.parametrize("late", [False, True])
def test_strange_names_are_stored_and_never_an_error(
    monitor: Monitor, name: str, *, late: bool
) -> None:
    """They mean a company, wait, or mean nobody; told before a company or after it."""
    told = listed(name)
    if not late:
        monitor.declare([COMPANY])
    assert 1 == monitor.ingest([told]).appended
    if late:
        assert {name: 1} == monitor.status().unresolved
        monitor.declare([COMPANY])
    verdict = monitor.resolve(name).verdict
    waits = [one.name for one in monitor.review()]
    unresolved = monitor.status().unresolved
    found = (verdict, waits, unresolved, values(monitor)["hik"])
    assert found in [
        ("accepted", [], {}, near(70)),
        ("review", [name], {name: 1}, 0.0),
        ("nobody", [], {name: 1}, 0.0),
    ]
    assert ["nobody", "review"].count(verdict) == 1 or "Hikvision" in name


def test_a_name_too_long_for_the_ledger_is_a_refused_row(monitor: Monitor) -> None:
    """Ten thousand letters are no name; the rows around it are stored, and asking is no error."""
    monitor.declare([COMPANY])
    report = monitor.ingest([listed("A"), listed("Z" * 10_000), listed(LIKELY)])
    assert (2, 1) == (report.appended, report.matched)
    assert ["parties[0].name"] == [one.field for one in report.rejected]
    assert "nobody" == monitor.resolve("Z" * 10_000).verdict
    assert "nobody" == monitor.resolve("Hikvision " * 1_000).verdict


def test_a_name_that_a_person_accepts_brings_its_likes(monitor: Monitor) -> None:
    """Names told earlier that are like the new alias are accepted with the next recalculation."""
    monitor.declare([company("a", name="Acme")])
    told = [listed("Zarvex Optics LLC"), listed("ZARVEX OPTICS") | {"ref": "2"}]
    monitor.ingest(told)
    monitor.accept("Zarvex Optics LLC", "a", why="renamed")
    assert near(70) == monitor.score("a").value
    monitor.recalculate()
    assert near(91) == monitor.score("a").value
