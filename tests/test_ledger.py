"""The ledger: one order, one chain, nothing ever changed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import riskmon
from riskmon.errors import BusyError, UsageError
from riskmon.forms import moment
from riskmon.ledger import Fact, Ledger
from riskmon.model import Entry
from riskmon.monitor import Monitor
from riskmon.tables import entry
from tests.builders import Clock, company, event, withdrawal

NOW = datetime(2024, 1, 1, tzinfo=UTC)


@pytest.fixture
def ledger(url: str) -> Iterator[Ledger]:
    """Make an empty ledger, on each kind of database."""
    with closing(Ledger(url)) as made:
        yield made


def fact(ref: str, body: str = "{}", kind: str = "event.recorded") -> Fact:
    return Fact(kind, "wire", ref, body)


def stored(ledger: Ledger) -> list[tuple[int, str, str, int]]:
    return [(e.position, e.kind, e.ref, e.revision) for e in ledger.entries()]


def test_a_repeat_vanishes_a_change_is_a_revision_a_return_is_a_third_entry(ledger: Ledger) -> None:
    """A repeat is compared with the latest revision only."""
    listed, other = '{"a":1}', '{"a":2}'
    told = [listed, listed, other, other, listed]
    outcomes = [ledger.append([fact("x", body)], lambda: NOW)[0] for body in told]
    assert outcomes == ["appended", "duplicate", "revised", "duplicate", "revised"]
    assert stored(ledger) == [(n, "event.recorded", "x", n) for n in (1, 2, 3)]


def test_one_batch_counts_its_own_entries(ledger: Ledger) -> None:
    """The same key twice in a batch is as in two batches."""
    gone = fact("x", "{}", "event.withdrawn")
    facts = [fact("x"), fact("x"), gone, gone, fact("x"), fact("y", "{}", "event.withdrawn")]
    outcomes = ["appended", "duplicate", "withdrawn", "duplicate", "revised", "unknown"]
    assert ledger.append(facts, lambda: NOW) == outcomes
    assert stored(ledger) == [
        (1, "event.recorded", "x", 1),
        (2, "event.withdrawn", "x", 2),
        (3, "event.recorded", "x", 3),
    ]


def test_recorded_at_never_goes_back(ledger: Ledger) -> None:
    """Set the clock back a day: the next entry has the last one's moment."""
    for days in (0, 2, 1, -300, 3):
        ledger.append([fact(f"day {days}")], lambda: NOW + timedelta(days=days))  # noqa: B023
    assert [0, 2, 2, 2, 3] == [(e.recorded_at - NOW).days for e in ledger.entries()]


@settings(max_examples=50)
@given(st.lists(st.integers(0, 5), max_size=12), st.integers(-1, 6))
def test_the_last_position_recorded_by_a_moment(days: list[int], asked: int) -> None:
    """That moment included; whatever the clock did."""
    with closing(Ledger("sqlite://")) as ledger:
        for number, day in enumerate(days):
            ledger.append([fact(str(number))], lambda: NOW + timedelta(days=day))  # noqa: B023
        at = NOW + timedelta(days=asked)
        expected = sum(entry.recorded_at <= at for entry in ledger.entries())
        assert expected == ledger.position_at(at)


def test_a_second_program_can_follow_the_chain(ledger: Ledger) -> None:
    """Hash = SHA-256 of nothing, the previous hash and the columns before it, joined by NUL."""
    ledger.append([fact("x", '{"title":"百度"}'), fact("y")], lambda: NOW)
    ledger.append([fact("x", "{}")], lambda: NOW)
    previous = "0" * 64
    for e in ledger.entries():
        at = "2024-01-01T00:00:00.000000Z"
        columns = [previous, e.position, e.kind, e.source, e.ref, e.revision, at, e.body]
        previous = hashlib.sha256("\0".join(["", *map(str, columns)]).encode()).hexdigest()
        assert previous == e.hash
    assert (3, previous) == ledger.head()[:2]


def test_entries_are_read_from_and_to_a_position(ledger: Ledger) -> None:
    """After one position, up to another, in order."""
    ledger.append([fact(str(n)) for n in range(5)], lambda: NOW)
    assert ["2", "3"] == [e.ref for e in ledger.entries(after=2, until=4)]


def test_bodies_come_back_byte_for_byte(monitor: Monitor) -> None:
    """What was hashed is what is stored: other scripts, quotes, far numbers; maps sorted."""
    strange = {
        "text": 'a"\\\n百度 \u202e',
        "large": 2**63 - 1,
        "tiny": 5e-324,
        "map": {"b": 1, "a": 2},
    }
    monitor.ingest([event(ref="strange", attributes=strange)])
    backwards = dict(reversed(strange.items()))
    assert 1 == monitor.ingest([event(ref="strange", attributes=backwards)]).duplicates
    (body,) = [e.body for e in monitor.entries() if e.ref == "strange"]
    assert strange == json.loads(body)["attributes"]
    assert ["large", "map", "text", "tiny"] == list(json.loads(body)["attributes"])
    assert body == riskmon.Event.model_validate_json(body).model_dump_json(exclude_defaults=True)


def test_the_past_keeps_its_answers_to_the_last_bit(monitor: Monitor, clock: Clock) -> None:
    """A revision, a withdrawal, a back-dated event, a new company: earlier answers stay."""
    topics = ["military-research"]
    party = [{"company": "baidu"}]
    monitor.declare([company("baidu")])
    told = event(matter="m", topics=topics, parties=party, source="reuters")
    monitor.ingest([told])
    before = monitor.score("baidu", as_of="2024-06-01", known_at="2024-01-01").lines
    changes = [
        told | {"credibility": 0.1},
        withdrawal(told, reason="in error"),
        event(matter="m", type="claim.confirmed", occurred_at="2023-12-01", parties=party),
    ]
    for day, change in enumerate(changes, start=2):
        clock.turn(f"2024-01-{day:02}")
        monitor.ingest([change])
    monitor.declare([company("baidu", jurisdiction="cn"), company("tencent")])
    assert before == monitor.score("baidu", as_of="2024-06-01", known_at="2024-01-01").lines
    position = monitor.score("baidu", known_at="2024-01-01").position
    assert before == monitor.score("baidu", as_of="2024-06-01", known_at=position).lines
    assert before != monitor.score("baidu", as_of="2024-06-01").lines


def test_a_position_that_is_not_reached_is_refused(monitor: Monitor) -> None:
    """Its answer would change with the next entry."""
    monitor.declare([company("baidu")])
    for position in (3, -1, 10**30, True):
        with pytest.raises(UsageError, match="a position from 0 to 2, got"):
            monitor.score("baidu", known_at=position)
    assert 2 == monitor.score("baidu", known_at=2).position


def test_the_clock_is_read_when_nobody_else_can_write(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else an entry could get a moment that somebody has already asked about."""
    monkeypatch.setattr("riskmon.sqlite.BUSY_SECONDS", 0.1)
    monkeypatch.setattr("riskmon.postgresql.BUSY_SECONDS", 0.1)
    with closing(Ledger(url)) as ledger, closing(Ledger(url)) as other:

        def clock() -> datetime:
            with pytest.raises(BusyError):
                other.append([fact("y")], lambda: NOW)
            return NOW

        assert ["appended"] == ledger.append([fact("x")], clock)


def test_an_event_told_again_stands_at_its_first_place(monitor: Monitor) -> None:
    """Of two stages on one day the later told counts; withdrawn and told again, it is as before."""
    monitor.declare([company("baidu")])
    case = {"matter": "m", "topics": ["trade-secrets"], "parties": [{"company": "baidu"}]}
    first = event(type="case.acquitted", **case)
    second = event(type="case.indicted", **case)
    monitor.ingest([first, second, withdrawal(first), first])
    (line,) = monitor.score("baidu", as_of="2024-01-01").lines
    assert "case.indicted" == line.stage


def test_columns_of_an_entry_are_those_of_the_table() -> None:
    """`Entry` and the table name the same columns in the same order."""
    assert list(Entry._fields) == [column.name for column in entry.columns]


def test_moments_are_kept_in_utc(monitor: Monitor) -> None:
    """+08:00 in, Z out; the same moment in two zones is a repeat."""
    one = event(occurred_at="2024-01-01T08:00:00+08:00")
    assert 1 == monitor.ingest([one]).appended
    assert 1 == monitor.ingest([one | {"occurred_at": "2024-01-01"}]).duplicates
    body = json.loads(list(monitor.entries())[-1].body)
    assert "2024-01-01T00:00:00Z" == body["occurred_at"]
    assert moment("2024-01-01") == moment("2024-01-01T08:00+08:00")
