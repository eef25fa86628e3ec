"""The schedule of one process, on a clock that the test turns; and `riskmon run --once`."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path

import pytest

import riskmon
from riskmon.config import load
from riskmon.errors import BusyError, UsageError
from riskmon.forms import moment
from riskmon.monitor import Monitor, utc_now
from riskmon.schedule import Schedule
from tests.builders import RISKMON, Clock, listed
from tests.liar import Liar, says
from tests.scheduled import configure, rows, slow
from tests.workers import begun, wait_for

pytestmark = pytest.mark.parametrize("url", ["sqlite"], indirect=True)
HOURLY = '[jobs.lists]\nevery = "1h"\n'
NIGHTLY = '[jobs.nightly]\ncron = "30 2 * * *"\n'
BERLIN = 'timezone = "Europe/Berlin"'
Begins = Callable[..., Schedule]


@pytest.fixture
def begins(url: str, tmp_path: Path, clock: Clock) -> Iterator[Begins]:
    """Return what begins a process of the schedule by a configuration, on the test's clock."""
    with ExitStack() as stack:

        def begin(jobs: str = HOURLY, more: str = "") -> Schedule:
            configure(tmp_path / "here", url, jobs, more)
            config = load(str(tmp_path / "here" / "riskmon.toml"))
            monitor = stack.enter_context(riskmon.open(config=config, clock=clock))
            return stack.enter_context(Schedule(monitor, config))

        yield begin


def ticks(url: str, job: str = "lists") -> list[str]:
    """Return the ticks of a job, those that were run to their end."""
    found = [row["tick"] for row in rows(url) if (row["job"], row["state"]) == (job, "done")]
    return [f"{one:%Y-%m-%dT%H:%M:%S}" for one in found]


def looks(schedule: Schedule, clock: Clock, job: str, *moments: str) -> list[bool]:
    """Return whether a job was begun at each moment, looked at in turn."""
    found = []
    for one in moments:
        clock.turn(f"{one}Z")
        found.append(schedule.look(job))
    return found


def test_the_first_run_is_on_the_first_tick(begins: Begins, clock: Clock, url: str) -> None:
    """A process that begins runs nothing at once, then each tick once."""
    clock.turn("2024-01-01T10:59:59.999Z")
    schedule = begins()
    assert moment("2024-01-01T11:00Z") == schedule.next("lists")
    assert not schedule.look("lists")
    # It began a moment ago by the steady clock, so the tick must be close on the wall, too.
    clock.turn("2024-01-01T11:00:00Z")
    wait_for(lambda: schedule.look("lists"))
    assert [False, True, False] == looks(
        schedule, clock, "lists", "2024-01-01T11:59", "2024-01-01T12:00", "2024-01-01T12:30"
    )
    assert ["2024-01-01T11:00:00", "2024-01-01T12:00:00"] == ticks(url)


@pytest.fixture
def ran(begins: Begins, clock: Clock) -> Schedule:
    """Return a process that ran `lists` at noon."""
    clock.turn("2024-01-01T12:00Z")
    schedule = begins()
    assert schedule.once("lists")
    return schedule


def test_a_pause_is_caught_up_by_one_run(ran: Schedule, clock: Clock, url: str) -> None:
    """Three days without a look: the latest tick is run, and those before it never."""
    later = ("2024-01-04T15:20", "2024-01-04T15:21", "2024-01-04T16:00")
    assert [True, False, True] == looks(ran, clock, "lists", *later)
    assert ["2024-01-01T12:00:00", "2024-01-04T15:00:00", "2024-01-04T16:00:00"] == ticks(url)


def test_a_clock_that_is_set_doubles_nothing(ran: Schedule, clock: Clock, url: str) -> None:
    """Back an hour, and on again: no tick is run twice, nor at a name that it had."""
    assert [True] == looks(ran, clock, "lists", "2024-01-01T13:00")
    back = ("2024-01-01T12:00", "2024-01-01T12:30", "2024-01-01T13:00", "2024-01-01T13:30")
    assert [False] * 4 == looks(ran, clock, "lists", *back)
    assert [True] == looks(ran, clock, "lists", "2024-01-01T14:00")
    assert [f"2024-01-01T{hour}:00:00" for hour in (12, 13, 14)] == ticks(url)


@pytest.mark.parametrize(
    ("night", "moments", "expected"),
    [
        ("2026-10-25", ["00:29", "00:30", "00:59", "01:00", "01:30", "01:59"], ["00:30"]),
        ("2027-03-28", ["00:29", "00:30", "00:59", "01:00", "01:30", "01:59"], ["01:00"]),
    ],
)
def test_a_night_of_daylight_saving_has_one_run(
    begins: Begins, clock: Clock, url: str, night: str, moments: list[str], expected: list[str]
) -> None:
    """02:30 in Berlin, which comes twice in autumn, and not at all in spring."""
    before = datetime.fromisoformat(night) - timedelta(days=1)
    clock.turn(f"{before:%Y-%m-%d}T02:31Z")
    schedule = begins(NIGHTLY, BERLIN)
    assert schedule.once("nightly")
    looks(schedule, clock, "nightly", *(f"{night}T{one}" for one in moments))
    assert [f"{night}T{one}:00" for one in expected] == ticks(url, "nightly")[1:]


def test_jobs_that_are_due_together_are_each_run(begins: Begins, clock: Clock, url: str) -> None:
    """One after the other, by any number of processes: each once."""
    clock.turn("2024-01-01T02:00Z")
    jobs = HOURLY + NIGHTLY
    schedules = [begins(jobs), begins(jobs)]
    for job in ("lists", "nightly"):
        assert schedules[0].once(job)
    clock.turn("2024-01-02T02:30Z")
    begun_by = [one.look(job) for one in schedules for job in ("lists", "nightly")]
    assert [True, True, False, False] == begun_by
    assert (2, 2) == (len(ticks(url)), len(ticks(url, "nightly")))


def test_what_failed_is_kept_and_the_rest_is_done(begins: Begins, clock: Clock, url: str) -> None:
    """One source fails, the other is taken in, and scores are recalculated."""
    body = json.dumps(listed("Baidu")).encode()
    with Liar() as liar:
        where = liar.url("/events", says(body, content_type="application/json"))
        jobs = f"""
[jobs.lists]
every = "1h"
fetch = ["un-sanctions", "jsonl"]
[fetch]
insecure = true
[fetch.urls]
jsonl = "{where}"
un-sanctions = "{liar.url("/nothing")}"
"""
        clock.turn("2024-01-01T12:00Z")
        schedule = begins(jobs)
        assert not schedule.once("lists")
        clock.turn("2024-01-01T13:00Z")
        assert schedule.look("lists")
    with riskmon.open(url) as monitor:
        second, first = monitor.runs()
        assert {"jsonl": {"appended": 1}} == first.read
        assert {"jsonl": {"duplicates": 1}} == second.read
        assert ["un-sanctions"] == list(first.failed)
        assert "404" in first.failed["un-sanctions"]
    assert 2 == len(ticks(url))


def test_a_mistake_in_a_source_ends_its_run(
    ran: Schedule, clock: Clock, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not caught by riskmon's own errors: the run failed, and the next tick is run."""
    with monkeypatch.context() as broken:
        broken.setattr(Monitor, "_found", lambda *_, **__: 1 / 0)
        assert [True, False] == looks(ran, clock, "lists", "2024-01-01T13:00", "2024-01-01T13:01")
    assert "failed" == rows(url)[-1]["state"]
    assert [True] == looks(ran, clock, "lists", "2024-01-01T14:00")
    assert "done" == rows(url)[-1]["state"]


def test_a_run_whose_end_cannot_be_kept_is_run_again(
    ran: Schedule, clock: Clock, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database was away as it failed: the next look has the same tick."""
    with monkeypatch.context() as broken:

        def fail(*_: object, **__: object) -> None:
            raise BusyError

        broken.setattr(Monitor, "recalculate", fail)
        broken.setattr(Monitor, "end_run", fail)
        assert [False] == looks(ran, clock, "lists", "2024-01-01T13:00")
    assert ("open", 1) == (rows(url)[-1]["state"], rows(url)[-1]["token"])
    assert ran.look("lists")
    assert ("done", 2) == (rows(url)[-1]["state"], rows(url)[-1]["token"])


def test_who_was_stopped_runs_nothing_more(ran: Schedule, clock: Clock, url: str) -> None:
    """However much is due."""
    ran.stop()
    assert [False] == looks(ran, clock, "lists", "2024-01-05T00:00")
    assert 1 == len(rows(url))


def test_once_in_a_minute_is_enough(begins: Begins, clock: Clock, url: str) -> None:
    """Two hosts whose cron begins it at the same time give it one run; a minute later it is due."""
    clock.turn("2024-01-01T02:30:01Z")
    one, other = begins(NIGHTLY), begins(NIGHTLY)
    assert one.once("nightly")
    clock.turn("2024-01-01T02:30:04Z")
    assert other.once("nightly")
    assert ["2024-01-01T02:30:00"] == ticks(url, "nightly")
    clock.turn("2024-01-01T02:31:02Z")
    assert other.once("nightly")
    assert ["2024-01-01T02:30:00", "2024-01-01T02:31:00"] == ticks(url, "nightly")


def test_once_is_run_on_a_clock_that_was_set_back(begins: Begins, clock: Clock, url: str) -> None:
    """A person who asks for a run has one; its tick comes after the last one."""
    clock.turn("2024-01-01T12:00Z")
    schedule = begins()
    assert schedule.once("lists")
    clock.turn("2024-01-01T09:00Z")
    assert schedule.once("lists")
    assert ["2024-01-01T12:00:00", "2024-01-01T12:00:01"] == ticks(url)


def test_once_wants_a_job_that_there_is(begins: Begins) -> None:
    """The message names those that there are."""
    with pytest.raises(UsageError, match=r"expected a job .*\(lists\), got 'night'"):
        begins().once("night")


def once(folder: Path, job: str = "steady") -> subprocess.Popen[str]:
    """Return `riskmon run --once`, as cron begins it."""
    command = [RISKMON, "run", "--once", job]
    return subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True)


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Return exit code and standard error."""
    _, said = process.communicate(timeout=60)
    return process.returncode, said


def test_the_command_once_is_run_by_one_of_two(url: str, tmp_path: Path) -> None:
    """At the same minute there is one run: the other says so, or that it is going on."""
    folder = configure(tmp_path / "here", url)
    wait_for(lambda: 1 < utc_now().second < 50)
    found = [ended(one) for one in [once(folder), once(folder)]]
    codes = sorted(code for code, _ in found)
    assert codes in ([0, 0], [0, 5])
    assert 1 == len(rows(url))
    assert "was run at" in "".join(said for _, said in found) or "has run it since" in "".join(
        said for _, said in found
    )


def test_the_command_once_says_what_came_of_it(url: str, tmp_path: Path) -> None:
    """0 done, 1 where something failed, 2 where there is no such job, 5 where another runs it."""
    folder = configure(
        tmp_path / "here", url, HOURLY + '[jobs.un]\nevery = "1h"\nfetch = ["all"]\n'
    )
    code, said = ended(once(folder, "nothing"))
    assert (2, True) == (code, "expected a job of the configuration" in said)
    process = begun(slow, folder, 60, "--once", "lists")
    wait_for((folder / "begun").exists)
    code, said = ended(once(folder, "lists"))
    assert (5, True) == (code, "has run it since" in said)
    process.kill()
    process.join()
    code, said = ended(once(folder, "lists"))
    assert (0, "done", 2) == (code, rows(url)[-1]["state"], rows(url)[-1]["token"])
    assert 1 == len(rows(url))
