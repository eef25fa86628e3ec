"""When a job is due: daylight saving, pauses, and a wall clock that is set as it likes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from apscheduler.schedulers.background import BackgroundScheduler
from hypothesis import given
from hypothesis import strategies as st

from riskmon.timetable import LATE, Cron, Every, Ticker, Timetable, due

BERLIN = ZoneInfo("Europe/Berlin")
NIGHTLY = Cron("30 2 * * *", BERLIN)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
AUTUMN, SPRING = datetime(2026, 10, 25, tzinfo=UTC), datetime(2027, 3, 28, tzinfo=UTC)
"""02:00 in Berlin: at 01:00 UTC its clocks go back to 02:00, or on to 03:00."""
NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)


def ticks(timetable: Timetable, since: datetime, until: datetime) -> list[datetime]:
    """Return the ticks after a moment, up to another."""
    found = [timetable.after(since)]
    while (tick := timetable.after(found[-1])) <= until:
        found.append(tick)
    return found


def at(night: datetime, *hours: float) -> list[datetime]:
    return [night + timedelta(hours=one) for one in hours]


def quarters(first: int, last: int) -> list[float]:
    return [number / 4 for number in range(first, last + 1)]


@pytest.mark.parametrize(
    ("timetable", "night", "hours"),
    [
        (NIGHTLY, AUTUMN, [0.5, 25.5]),
        (Cron("0 * * * *", BERLIN), AUTUMN, [*range(27)]),
        (Cron("*/15 * * * *", BERLIN), AUTUMN, quarters(0, 104)),
        (Every(HOUR), AUTUMN, [*range(27)]),
        (NIGHTLY, SPRING, [1, 24.5]),
        (Cron("0 * * * *", BERLIN), SPRING, [*range(27)]),
        (Cron("*/15 * * * *", BERLIN), SPRING, quarters(0, 104)),
        (Every(HOUR), SPRING, [*range(27)]),
    ],
    ids=lambda value: str(getattr(value, "line", None) or getattr(value, "year", "")),
)
def test_a_night_of_daylight_saving_neither_doubles_nor_skips(
    timetable: Timetable, night: datetime, hours: Sequence[float]
) -> None:
    """A fixed hour comes once each night, what comes every hour comes every hour that passes."""
    assert at(night, *hours) == ticks(timetable, night - timedelta(seconds=1), night + 26 * HOUR)


def test_a_fixed_time_does_not_come_again_within_the_repeated_hour() -> None:
    """At the second 02:10 the 02:30 of that night has been."""
    assert AUTUMN + 25.5 * HOUR == NIGHTLY.after(AUTUMN + HOUR + 10 * MINUTE)


def test_an_interval_is_the_same_on_all_hosts() -> None:
    """Every six hours is at 00, 06, 12 and 18 UTC, whenever a process began."""
    assert at(AUTUMN, 6, 12, 18, 24) == ticks(Every(6 * HOUR), AUTUMN + 7 * MINUTE, AUTUMN + DAY)


@pytest.mark.parametrize(
    ("line", "weekday"), [("0 9 * * 0", "Sun"), ("0 9 * * 7", "Sun"), ("0 9 * * mon", "Mon")]
)
def test_weekday_0_is_sunday(line: str, weekday: str) -> None:
    """As in every crontab, and unlike APScheduler's own trigger."""
    assert weekday == f"{Cron(line, BERLIN).after(NOON):%a}"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("30 2 * *", "expected five fields"),
        ("0 30 2 * * *", "expected five fields"),
        ("@daily", "expected five fields"),
        ("61 2 * * *", "the minute is none"),
        ("30 2 30 2 *", "the day of month is none, or never comes"),
        ("30 2 * * fry", "the day of week is none"),
    ],
)
def test_a_line_that_never_comes_is_refused(line: str, message: str) -> None:
    """So is one that cron could not read; the message names the field."""
    with pytest.raises(ValueError, match=message):
        Cron(line, BERLIN)


@given(st.lists(st.text("0123456789*,-/#LWMONFRI", min_size=1, max_size=5), min_size=5, max_size=5))
def test_a_line_is_refused_or_has_ticks(fields: list[str]) -> None:
    """Nothing but ValueError comes of any text."""
    try:
        timetable = Cron(" ".join(fields), BERLIN)
    except ValueError:
        return
    assert NOON < timetable.after(NOON)


@pytest.mark.parametrize("interval", [timedelta(0), timedelta(seconds=0.5), timedelta(days=367)])
def test_an_interval_has_bounds(interval: timedelta) -> None:
    """A second at least, a year at most."""
    with pytest.raises(ValueError, match="expected an interval of 1s to 366d"):
        Every(interval)


moments = st.timedeltas(timedelta(0), timedelta(days=5000)).map(
    lambda since: datetime(2020, 1, 1, tzinfo=UTC) + since
)
lines = st.builds(
    "{} {} {} {} {}".format,
    st.sampled_from(["0", "30", "*", "*/15", "7,59"]),
    st.sampled_from(["*", "2", "2-3", "*/6", "0,23"]),
    st.sampled_from(["*", "1", "29", "L"]),
    st.sampled_from(["*", "3,10"]),
    st.sampled_from(["*", "0", "1-5"]),
)
zones = st.sampled_from(
    ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo", "Asia/Gaza"]
).map(ZoneInfo)
timetables = st.one_of(
    st.builds(Cron, lines, zones),
    st.builds(Every, st.timedeltas(timedelta(seconds=1), timedelta(days=40))),
)


@given(timetables, moments, st.timedeltas(timedelta(0), timedelta(days=2)))
def test_ticks_are_the_same_from_wherever_one_asks(
    timetable: Timetable, moment: datetime, earlier: timedelta
) -> None:
    """The first tick after a moment is that of each moment before it from which none has come."""
    tick = timetable.after(moment)
    assert moment < tick
    since = moment - earlier
    while (before := timetable.after(since)) <= moment:
        assert since < before
        since = before if moment - before < HOUR else max(before, moment - HOUR)
    assert tick == before


# Due


def test_the_first_run_is_at_the_first_tick_after_the_process_began() -> None:
    """A monitor that is begun at noon does not do at once what is to be done by night."""
    night = NIGHTLY.after(NOON)
    waited = (night - NOON).total_seconds()
    assert None is due(NIGHTLY, None, NOON, 0)
    assert None is due(NIGHTLY, None, night - MINUTE, waited - 60)
    assert night == due(NIGHTLY, None, night, waited)


def test_a_pause_is_caught_up_by_one_run() -> None:
    """The latest tick, though a year of them was missed; then the next one."""
    timetable, back = Every(timedelta(seconds=1)), NOON + 365 * DAY
    assert back == due(timetable, NOON, back, 0)
    assert None is due(timetable, back, back, 1)
    assert NIGHTLY.after(back - DAY) == due(NIGHTLY, NIGHTLY.after(NOON), back, 0)


@given(timetables, moments, st.timedeltas(timedelta(0), timedelta(days=3)))
def test_what_is_due_is_the_latest_tick(
    timetable: Timetable, last: datetime, pause: timedelta
) -> None:
    """Whatever the pause: no later tick had come, and it is after the last one."""
    now = last + pause
    tick = due(timetable, last, now, 0)
    if tick is None:
        assert timetable.after(last) > now
    else:
        assert last < tick <= now < timetable.after(tick)


class Shared:
    """The ticks that processes have begun; each process on a host whose clock may lie."""

    def __init__(self, timetable: Timetable, processes: int, begin: datetime) -> None:
        self.timetable = timetable
        self.true = begin
        self.runs: list[tuple[datetime, datetime]] = []
        """The true moment, and the tick."""
        self.last: datetime | None = None
        self._seen: list[tuple[datetime | None, datetime]] = [(None, begin)] * processes

    def ask(self, process: int, lie: timedelta) -> None:
        """Have a process ask, and claim what is due."""
        if self._seen[process][0] != self.last:
            self._seen[process] = (self.last, self.true)
        waited = (self.true - self._seen[process][1]).total_seconds()
        tick = due(self.timetable, self.last, self.true + lie, waited)
        if tick is not None:
            assert self.last is None or tick > self.last
            self.last = tick
            self.runs.append((self.true, tick))

    def live(self, until: datetime, poll: timedelta, lie: Callable[[int], timedelta]) -> None:
        """Have every process ask at each poll until a true moment."""
        while self.true < until:
            for process in range(len(self._seen)):
                self.ask(process, lie(process))
            self.true += poll

    def gaps(self) -> list[timedelta]:
        """Return the true time between runs, and since the last one."""
        moments = [true for true, _ in self.runs]
        return [after - before for before, after in pairwise([*moments, self.true])]


@pytest.mark.parametrize("set_", [-HOUR, HOUR], ids=["back an hour", "forward an hour"])
@pytest.mark.parametrize(
    ("interval", "poll"),
    [(MINUTE, timedelta(seconds=1)), (HOUR, MINUTE / 2), (DAY, MINUTE * 10)],
    ids=["1m", "1h", "1d"],
)
@pytest.mark.parametrize("into", [0.01, 0.5, 0.99])
def test_a_clock_that_is_set_delays_no_run_past_two_intervals(
    interval: timedelta, poll: timedelta, set_: timedelta, into: float
) -> None:
    """Nor does it run a tick twice, at whatever part of an interval it is set."""
    shared = Shared(Every(interval), 2, NOON)
    moment = NOON + (3 + into) * interval
    shared.live(moment, poll, lambda _: timedelta(0))
    before = len(shared.runs)
    shared.live(moment + 5 * interval, poll, lambda _: set_)
    assert 3 <= before
    assert max(shared.gaps()) <= LATE * interval + poll < 2 * interval
    assert len(shared.runs) == len({tick for _, tick in shared.runs})


def test_a_clock_that_was_a_year_ahead_stops_no_job() -> None:
    """The names of the ticks stay ahead; the runs come as the wall has them."""
    last = NIGHTLY.after(NOON + 365 * DAY)
    night = NIGHTLY.after(NOON)
    began = night - HOUR
    assert None is due(NIGHTLY, last, began, 0)
    assert NIGHTLY.after(last) == due(NIGHTLY, last, night, HOUR.total_seconds())


def test_a_clock_that_is_set_by_a_second_runs_nothing_twice() -> None:
    """As time servers do: the minute that comes again is not another one."""
    timetable = Every(MINUTE)
    for waited in range(60):
        now = NOON + timedelta(seconds=waited - 1)
        assert None is due(timetable, NOON, now, waited)


@given(
    st.sampled_from([MINUTE, 7 * MINUTE, HOUR]),
    st.lists(
        st.tuples(
            st.floats(0.05, 2),
            st.lists(st.timedeltas(-2 * DAY, 2 * DAY), min_size=3, max_size=3),
        ),
        max_size=6,
    ),
    st.integers(1, 3),
)
def test_whatever_the_clocks_do_ticks_go_on(
    interval: timedelta, settings: list[tuple[float, list[timedelta]]], processes: int
) -> None:
    """Clocks of several hosts, each set again and again: no tick twice, none late, none back."""
    shared = Shared(Every(interval), processes, NOON)
    poll = interval / 10
    for share, lies in settings:
        shared.live(shared.true + share * interval, poll, lies.__getitem__)
    shared.live(shared.true + 3 * interval, poll, lambda _: timedelta(0))
    named = [tick for _, tick in shared.runs]
    assert sorted(set(named)) == named
    assert max(shared.gaps()) <= LATE * interval + poll


def test_a_timetable_is_a_trigger_of_apscheduler() -> None:
    """The next tick after now, also where many were missed."""
    scheduler = BackgroundScheduler(timezone=UTC)
    scheduler.add_job(print, Ticker(NIGHTLY), next_run_time=NOON)
    assert NIGHTLY.after(NOON) == Ticker(NIGHTLY).get_next_fire_time(None, NOON)
    assert NIGHTLY.after(NOON) == Ticker(NIGHTLY).get_next_fire_time(NOON - 30 * DAY, NOON)
