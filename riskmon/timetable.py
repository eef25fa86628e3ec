"""When a job is due: by an interval or a line of cron, whatever the wall clock does. Pure.

A tick is a moment of a timetable, and the name of one run. Ticks never go back, and none is run
twice; only the clock does what it likes: it stands still in a pause, leaps, and is set back.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from apscheduler.triggers.base import BaseTrigger
from cronsim import CronSim, CronSimError

from riskmon.forms import EPOCH

UTC_ZONE = ZoneInfo("UTC")
LEAST, MOST = timedelta(seconds=1), timedelta(days=366)
FIELDS = ("minute", "hour", "day of month", "month", "day of week")
LATE = 1.5
"""Intervals after which a run is overdue. Below 1, setting the clock by a second would run a job
twice; at 2, what was promised within two intervals would come after them."""


@dataclass(frozen=True, slots=True)
class Every:
    """A tick each `interval` since 1970 in UTC, so that all hosts agree on them."""

    interval: timedelta

    def __post_init__(self) -> None:
        if not LEAST <= self.interval <= MOST:
            raise ValueError("expected an interval of 1s to 366d")

    def after(self, moment: datetime) -> datetime:
        """Return the first tick after an aware moment, in UTC."""
        return EPOCH + ((moment - EPOCH) // self.interval + 1) * self.interval


@dataclass(frozen=True, slots=True)
class Cron:
    """The ticks of a line of cron on the clocks of a zone, as Debian's cron has them.

    Weekday 0 is Sunday. In autumn's repeated hour what runs at fixed hours runs once, what runs
    every hour or every few minutes runs on; a fixed time that spring leaves out is made up for
    as the hour ends.
    """

    line: str
    zone: ZoneInfo

    def __post_init__(self) -> None:
        if len(self.line.split()) != len(FIELDS):
            raise ValueError(
                f"expected five fields ({', '.join(FIELDS)}) such as '30 2 * * *' for every "
                "night at 02:30"
            )
        try:
            self.after(EPOCH)
        except CronSimError as error:
            field = str(error).removeprefix("Bad ").replace("-", " ")
            raise ValueError(f"the {field} is none, or never comes") from None
        except StopIteration:
            raise ValueError("expected a moment that comes, and this one never does") from None

    def after(self, moment: datetime) -> datetime:
        """Return the first tick after an aware moment, in UTC."""
        ticks = CronSim(self.line, moment.astimezone(self.zone))
        # From within the repeated hour cronsim names a fixed time of its first half again.
        while (tick := next(ticks).astimezone(UTC)) <= moment:
            pass
        return tick


Timetable = Every | Cron


def due(
    timetable: Timetable, last: datetime | None, now: datetime, waited: float
) -> datetime | None:
    """Return the tick that is to be run now, None if there is none to run.

    `last`: the last tick that any process began, None if there was none. `now`: the wall clock.
    `waited`: seconds on a clock that nobody sets (monotonic) since this process first saw that
    `last`, or began.

    After a pause it is the latest tick, so one run catches up. Where none ever ran, it is the
    first tick after the process began. Where the clock was set back, ticks go on at the pace of
    the wall, their names ahead of it: a name is never given twice. So, if it is asked often
    enough, a job is run within one and a half intervals, however the clock is set.
    """
    began = now - timedelta(seconds=waited)
    """When the process saw `last`, on the wall as it is now."""
    if last is None:
        first = timetable.after(began)
        return _latest(timetable, first, now) if first <= now else None
    following = timetable.after(last)
    if following <= now:
        return _latest(timetable, following, now)
    late = LATE * (following - last)
    set_back = following - now > late and timetable.after(began) <= now
    # Set back a little again and again, the clock would never reach the tick.
    return following if set_back or waited >= late.total_seconds() else None


def _latest(timetable: Timetable, first: datetime, now: datetime) -> datetime:
    """Return the last tick up to `now`, of which `first` is one.

    It looks back from now, further each time: since `first` there may have been a million.
    """
    back = timedelta(minutes=1)
    while now - back > first and timetable.after(now - back) > now:
        back *= 2
    tick = timetable.after(now - back) if now - back > first else first
    while (following := timetable.after(tick)) <= now:
        tick = following
    return tick


class Ticker(BaseTrigger):  # type: ignore[misc]  # APScheduler has no types
    """A timetable as a trigger of APScheduler: the next tick, never one for each that was missed.

    APScheduler compares with the wall clock, so it sleeps on when that is set back: have it ask
    `due` by an interval as well.
    """

    __slots__ = ("_timetable",)

    def __init__(self, timetable: Timetable) -> None:
        self._timetable = timetable

    def get_next_fire_time(self, _previous: datetime | None, now: datetime) -> datetime:
        """Return the first tick after `now`."""
        return self._timetable.after(now)
