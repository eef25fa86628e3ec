"""Lists read a second time: corrections, races, keys that repeat, files that are no list."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from types import SimpleNamespace

import pytest

import riskmon
from riskmon import sources
from riskmon.copies import Copies
from riskmon.errors import RiskmonError
from riskmon.listing import Found, Listed, Listing, Parts, Shape
from riskmon.monitor import Monitor
from riskmon.reports import Report
from riskmon.spells import Stood
from tests.builders import Clock, company

pytestmark = pytest.mark.parametrize("url", ["sqlite"], indirect=True)

Take = Callable[..., Report]
NAME = "Example Shipping Co., Ltd."
SINCE = date(1990, 1, 1)


def entries(parts: Parts) -> Iterator[Found]:
    """Yield an entry for each line `key|name|since|until`; `=2024-01-01` is the copy's day."""
    with next(iter(parts.values()))() as stream:
        for number, raw in enumerate(stream.read().decode().split("\n"), 1):
            if raw.startswith("="):
                yield date.fromisoformat(raw[1:])
            elif raw:
                key, name, since, until = [*raw.split("|"), "", ""][:4]
                first, last = (date.fromisoformat(one) if one else None for one in (since, until))
                yield Listed(number, raw, key, name, name, first, last)


@pytest.fixture
def take(monitor: Monitor, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Take:
    """Plug in two lists with dates of their own; return what ingests a copy, given as lines."""
    clock.turn("2024-12-31")
    plugged = {}
    for name in ("example-list", "other-list"):
        shape = Shape(name, "Example List", ("ofac-sdn",), rows=1, since=SINCE)
        module = SimpleNamespace(
            SHAPE=shape, entries=entries, listing=lambda one: Listing(one.cells), __doc__="A list."
        )
        plugged[name] = SimpleNamespace(load=lambda module=module: module)
    monkeypatch.setattr(sources, "plugged", lambda: plugged)
    monitor.declare([company("example", name=NAME)])

    def taken(*lines: str, day: str | None = None, name: str = "example-list") -> Report:
        (tmp_path / "copy.txt").write_bytes("\n".join(lines).encode())
        return monitor.ingest(tmp_path / "copy.txt", source=name, dated=day)

    return taken


def log(monitor: Monitor) -> list[tuple[str, str, int, str, str]]:
    """Return type, ref, revision, day and party of each event of the log, in order."""
    found = []
    for entry in monitor.entries():
        if entry.kind == "event.recorded":
            told = riskmon.Event.model_validate_json(entry.body)
            kind, name = told.type.partition(".")[2], str(told.parties[0].name)
            day = f"{told.occurred_at:%Y-%m-%d}"
            found.append((kind, entry.ref, entry.revision, day, name))
    return found


def score(monitor: Monitor, day: str) -> float:
    return monitor.score("example", as_of=day).value


def many(count: int) -> list[str]:
    return [f"{number}|Example {number}" for number in range(count)]


# Dates


def test_what_is_gone_before_it_began_never_begins(monitor: Monitor, take: Take) -> None:
    """A listing that is to begin in June, and is off the list in May, does not score in July."""
    take("a|Other", f"k|{NAME}|2024-06-01", day="2024-05-01")
    take("a|Other", day="2024-05-10")
    assert score(monitor, "2024-07-01") < 25


def test_an_ended_listing_that_is_amended_stays_ended(monitor: Monitor, take: Take) -> None:
    """An order that expired does not hold again because its entry is corrected afterwards."""
    take("a|Other", f"k|{NAME}|2020-01-01|2023-01-01", day="2022-01-01")
    take("a|Other", "k|Example Shipping|2020-01-01|2023-01-01", day="2024-01-01")
    assert score(monitor, "2024-02-01") < 25


def test_an_ended_listing_that_flaps_stays_ended(monitor: Monitor, take: Take) -> None:
    """An order that expired, which one copy lacks and the next has, does not hold again."""
    both = ("a|Other", f"k|{NAME}|2020-01-01|2023-01-01")
    for copy, day in ((both, "2024-01-01"), (both[:1], "2024-01-02"), (both, "2024-01-03")):
        take(*copy, day=day)
    assert score(monitor, "2024-02-01") < 25


def test_an_end_before_its_beginning_is_refused(monitor: Monitor, take: Take) -> None:
    """Else the listing would hold for ever."""
    report = take("a|Other", f"k|{NAME}|2023-01-01|2020-01-01", day="2024-01-01")
    assert ([2], 0) == ([one.line for one in report.rejected], score(monitor, "2024-02-01"))


def test_the_date_of_a_second_listing_can_be_corrected(monitor: Monitor, take: Take) -> None:
    """As that of the first, by a revision; and the row is counted."""
    take("a|Other", "k|B|2020-01-01", day="2024-01-01")
    take("a|Other", day="2024-01-02")
    take("a|Other", "k|B|2024-02-01", day="2024-02-02")
    report = take("a|Other", "k|B|2024-01-20", day="2024-02-03")
    assert ("listed", "k [listed 2]", 2, "2024-01-20", "B") == log(monitor)[-1]
    assert (2, 1, 1) == (report.rows, report.revised, report.duplicates)


def test_dates_that_flip_within_a_day_follow_the_last_copy(monitor: Monitor, take: Take) -> None:
    """Stale copies between fresh ones of one day: the next copy's date stands, if it differs."""
    new, old = ("a|Other", "k|B|2020-01-01"), ("a|Other", "k|B|2020-02-02")
    take("a|Other", "k|B|2019-01-01", day="2024-01-01")
    for copy in (new, old, new):
        take(*copy, day="2024-01-02")
    take(*old, day="2024-01-03")
    assert ("listed", "k", 5, "2020-02-02", "B") == log(monitor)[-1]


@pytest.mark.parametrize("day", ["3017-01-01", "9999-12-31", "0222-01-01"])
def test_a_copy_that_says_an_impossible_day_is_held(take: Take, day: str) -> None:
    """Else every later copy is held, for being older than that one."""
    assert take(f"={day}", "k|B|2020-01-01").held is not None


def test_who_is_delisted_is_who_stood(monitor: Monitor, take: Take) -> None:
    """Amended when it was listed first, listed again under another name: that one is delisted."""
    for number, lines in enumerate((["k|A"], ["k|B"], [], ["k|C"], []), 1):
        take("a|Other", *lines, day=f"2024-01-0{number}")
    assert ("delisted", "k [delisted 2]", 1, "2024-01-05", "C") == log(monitor)[-1]


def test_a_corrected_date_keeps_who_was_listed(monitor: Monitor, take: Take) -> None:
    """Redated and renamed in one copy: under the old name it was listed, all the same."""
    take("a|Other", f"k|{NAME}|2020-01-01", day="2024-01-01")
    take("a|Other", "k|B|2020-02-01", day="2024-01-02")
    assert score(monitor, "2023-01-01") > 50


# Keys


def test_rows_of_one_key_may_change_places(take: Take) -> None:
    """The same two rows in another order change nothing."""
    take("k|A", "k|B", day="2024-01-01")
    report = take("k|B", "k|A", day="2024-01-02")
    assert (2, {}) == (report.duplicates, report.types)


def test_of_two_rows_of_one_key_the_one_that_left_is_delisted(monitor: Monitor, take: Take) -> None:
    """And the one that stays is neither amended nor delisted."""
    take("z|Other", "k|A", "k|B", day="2024-01-01")
    take("z|Other", "k|B", day="2024-01-02")
    assert [("delisted", "A")] == [(one[0], one[4]) for one in log(monitor)[3:]]


@pytest.mark.parametrize("key", ["k #2", "k [amended]", "k [delisted]"])
def test_a_key_that_looks_like_one_of_ours_is_its_own(
    monitor: Monitor, take: Take, key: str
) -> None:
    """What a list calls an entry never falls together with what is made of another key."""
    take("k|A", "k|B", f"{key}|C", day="2024-01-01")
    take("k|D", "k|B", f"{key}|C", day="2024-01-02")
    take("k|B", f"{key}|C", day="2024-01-03")
    assert {1} == {one[2] for one in log(monitor)}


def test_odd_keys_and_names_are_told_or_refused(take: Take) -> None:
    """Each row counts once, however often it comes: a NUL, a bell, nothing, 5,000 letters."""
    odd = ["x\0y|B", "x\x07y|C", "k" * 5000 + "|D", "|E", " |F", "n|" + "N" * 5000]
    for _ in range(2):
        report = take("ok|A", *odd, day="2024-01-01")
        assert 7 == report.appended + report.duplicates + len(report.rejected) == report.rows


# Decisions and races


def test_copies_at_once_leave_what_stands_listed(
    monitor: Monitor, take: Take, url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Of two compared with one state the second is compared anew: nobody is delisted for good."""
    take("a|Other", f"k|{NAME}|2023-01-01", day="2024-01-01")
    stood = Copies.stood

    def late(self: Copies, source: str) -> Stood:
        found = stood(self, source)
        monkeypatch.setattr(Copies, "stood", stood)
        (tmp_path / "other.txt").write_text("a|Other", "utf-8")
        with riskmon.open(url) as other:
            other.ingest(tmp_path / "other.txt", source="example-list", dated="2024-01-02")
        return found

    monkeypatch.setattr(Copies, "stood", late)
    for day in ("2024-01-02", "2024-01-03"):
        take("a|Other", f"k|{NAME}|2023-02-01", day=day)
    assert score(monitor, "2024-01-04") > 50


def test_an_acceptance_is_of_what_was_shown(monitor: Monitor, take: Take) -> None:
    """It does not undo a newer copy that was read since the numbers were shown."""
    take(*many(100), day="2024-01-01")
    held = take(*many(50), day="2024-01-02").held
    take(*many(105), day="2024-01-03")
    assert held is not None
    with pytest.raises(RiskmonError):
        monitor.accept_copy(held.digest)


def test_an_acceptance_that_failed_does_not_last(
    monitor: Monitor, take: Take, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed between decision and copy, and the list moves on: the copy is held again."""
    take(*many(100), day="2024-01-01")
    held = take(*many(50), day="2024-01-02").held
    assert held is not None
    with monkeypatch.context() as patched:
        patched.setattr(Copies, "take", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            monitor.accept_copy(held.digest)
    take(*many(104), day="2024-01-03")
    assert take(*many(50), day="2024-01-03").held is not None


def test_what_is_accepted_is_what_was_held(monitor: Monitor, take: Take) -> None:
    """A kept copy that was changed on disk is refused; one that is nowhere, too."""
    take(*many(100), day="2024-01-01")
    held = take(*many(50), day="2024-01-02").held
    assert held is not None
    with pytest.raises(RiskmonError, match="cannot be read"):
        monitor.accept_copy(held.digest, copy="/nowhere/at-all")
    monitor._copies.kept(held.digest).write_text("1|Example 1", "utf-8")
    with pytest.raises(RiskmonError, match="digest"):
        monitor.accept_copy(held.digest)


def test_a_copy_that_two_lists_hold_can_be_decided(monitor: Monitor, take: Take) -> None:
    """An empty file is the same file for both."""
    for name in ("example-list", "other-list"):
        take(*many(100), day="2024-01-01", name=name)
        take(day="2024-01-02", name=name)
    for one in monitor.held():
        monitor.reject_copy(f"{one.source}:{one.digest}")
    assert [] == monitor.held()


def test_a_copy_refused_for_its_day_is_taken_with_the_right_one(
    monitor: Monitor, take: Take
) -> None:
    """The same file with the day corrected is not what a person rejected."""
    take(*many(100), day="2024-01-01")
    held = take(*many(101), day="2023-01-02").held
    assert held is not None
    monitor.reject_copy(held.digest, why="wrong day")
    assert take(*many(101), day="2024-01-02").held is None


def test_rows_that_are_refused_late_count(take: Take) -> None:
    """A fifth of the entries cannot be told: held, as where a fifth cannot be read."""
    take(*many(100), day="2024-01-01")
    report = take(*many(80), *(f"{n}|{'N' * 3000}" for n in range(80, 100)), day="2024-01-02")
    assert report.held is not None


def test_a_full_disk_is_said(take: Take, monkeypatch: pytest.MonkeyPatch) -> None:
    """That the copy cannot be kept is an error with its reason."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    take(*many(100), day="2024-01-01")
    monkeypatch.setattr("riskmon.fetching.copies._write", full)
    with pytest.raises(RiskmonError, match="No space"):
        take(*many(50), day="2024-01-02")
