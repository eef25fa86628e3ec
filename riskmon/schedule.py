"""The schedule: jobs run on their ticks, each by one process, and what they tell is sent.

APScheduler is the ticker, in memory. What a tick is, and who may run it, the database says: so any
number of processes give each tick one run, and one that dies loses none.
"""

from __future__ import annotations

import logging
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger

from riskmon import delivery
from riskmon.channels import Channel
from riskmon.delivery import Delivered
from riskmon.errors import BusyError, FencedError, RiskmonError, UsageError
from riskmon.monitor import Monitor
from riskmon.settings import Config
from riskmon.ticks import SIGNS, Claim, Claimed
from riskmon.timetable import Ticker, due
from riskmon.work import work

LOOK = 1
"""Seconds between two looks at what is due, was left unfinished, or is to be sent."""
JUMP = 2.0
"""Seconds by which the wall clock leaves the steady one where it was set."""
GRACE = 6.0
"""Seconds that a job has to end by itself once the process is asked to."""
FAREWELL = 2.0
"""Seconds to give its tick back in, if it has not."""
MINUTE = timedelta(minutes=1)

log = logging.getLogger("riskmon")


class Schedule:
    """The jobs of a configuration, as one process runs them: one at a time.

    `run` until `stop` is called, or `once`. As a context manager it gives signs of life from its
    beginning to its end, and gives back what is unfinished then.
    """

    def __init__(self, monitor: Monitor, config: Config) -> None:
        self._monitor = monitor
        self._config = config
        self._clock = monitor.clock
        self._channels = channels(config)
        delivery.check(self._channels)
        lease = config.lease.total_seconds()
        self._pause = lease / SIGNS
        self._ticks = monitor.ticks(lease)
        self._outbox = monitor.outbox()
        self._stopped = threading.Event()
        self._idle = threading.Event()
        self._idle.set()
        self._claim: Claim | None = None
        self._seen: dict[str, tuple[datetime | None, float]] = {}
        """Of each job the last tick that anybody claimed, and since when we know of it."""
        self._began = self.beaten = time.monotonic()
        """`beaten`: when the last sign of life was given, on the steady clock."""
        self._pulse = threading.Thread(target=self._beat, name="riskmon-beat", daemon=True)

    def __enter__(self) -> Self:
        self._pulse.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        # A database that does not answer keeps nobody: others see that this process is gone.
        last = threading.Thread(target=self._leave, name="riskmon-leave", daemon=True)
        last.start()
        last.join(FAREWELL)

    def stop(self) -> None:
        """Have `run` return: what runs has some seconds to end."""
        self._stopped.set()

    def run(self) -> bool:
        """Run jobs as they are due until `stop`; return whether nothing is left running."""
        ticker = self._ticker()
        ticker.start()
        try:
            self._watch(ticker)
        finally:
            ticker.shutdown(wait=False)
        return self._idle.wait(GRACE)

    def once(self, job: str) -> bool:
        """Run a job now, and send what is due; return whether all of it was done.

        Raises UsageError for a job that is not in the configuration, BusyError where another
        process runs it. One that was begun within this minute is not run again: two hosts whose
        cron begins it at the same time give it one run.
        """
        if job not in self._config.jobs:
            names = ", ".join(self._config.jobs)
            raise UsageError(f"expected a job of the configuration ({names}), got {job!r}")
        claim = self._claim_now(job)
        done = claim is None or self._work(claim)
        sent = self.send()
        return done and not sent.failed and not sent.dead

    def next(self, job: str) -> datetime:
        """Return the next tick of a job on the wall clock."""
        return self._config.timetable(job).after(self._clock())

    def look(self, job: str) -> bool:
        """Run a job if it is due, or was left unfinished; return whether it was begun."""
        self._idle.clear()  # before it is asked whether to stop: `run` waits for a claim, too
        try:
            claim = None if self._stopped.is_set() else self._claim_due(job)
            if claim is not None:
                self._work(claim)
        except RiskmonError as error:  # the next look may find the database well
            log.error("%s: %s", job, error)  # noqa: TRY400 (it says what to do)
            return False
        finally:
            self._idle.set()
        return claim is not None

    def send(self) -> Delivered:
        """Send the messages that are due."""
        sent = delivery.deliver(self._outbox, self._channels, self._clock, self._stopped)
        if sent != Delivered():
            log.info("messages: %d sent, %d failed, %d given up", *sent)
        return sent

    # The ticker

    def _ticker(self) -> Any:
        quiet = logging.getLogger("riskmon.ticker")
        quiet.setLevel(logging.ERROR)  # that a look waits for the one before is as it should be
        ticker = BackgroundScheduler(
            timezone=UTC,
            logger=quiet,
            executors={"jobs": ThreadPoolExecutor(1), "messages": ThreadPoolExecutor(1)},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )
        for job in self._config.jobs:
            trigger = Ticker(self._config.timetable(job))
            ticker.add_job(self.look, trigger, args=[job], executor="jobs", id=f"tick {job}")
        again = _Again()
        ticker.add_job(self._look_at_all, again, executor="jobs", id="look")
        ticker.add_job(self._send_quietly, again, executor="messages", id="send")
        return ticker

    def _look_at_all(self) -> None:
        for job in self._config.jobs:
            self.look(job)

    def _send_quietly(self) -> None:
        try:
            self.send()
        except RiskmonError as error:
            log.error("messages: %s", error)  # noqa: TRY400 (it says what to do)

    def _watch(self, ticker: Any) -> None:
        """Wait to be stopped; where the wall clock is set, have the ticker count anew.

        It sleeps until a moment of the wall clock, which may be far ahead after that.
        """
        wall, steady = self._clock(), time.monotonic()
        while not self._stopped.wait(LOOK):
            set_by = (self._clock() - wall).total_seconds() - (time.monotonic() - steady)
            if abs(set_by) > JUMP:
                log.warning("the clock was set by %+.0f s: ticks are counted anew", set_by)
                for job in ticker.get_jobs():
                    job.reschedule(job.trigger)
            wall, steady = self._clock(), time.monotonic()

    def _beat(self) -> None:
        """Give signs of life, by the steady clock."""
        while not self._stopped.wait(self._pause):
            try:
                self._ticks.beat()
                self.beaten = time.monotonic()
            except RiskmonError as error:
                log.error("no sign of life can be given: %s", error)  # noqa: TRY400

    # Claims

    def _claim_due(self, job: str) -> Claim | None:
        last = self._ticks.last(job)
        if last is not None and last.unfinished:
            return self._ticks.take_over(job, last) if self._ticks.lost(last) else None
        tick = due(
            self._config.timetable(job), last and last.tick, self._clock(), self._waited(job, last)
        )
        return self._ticks.claim(job, tick, last) if tick else None

    def _waited(self, job: str, last: Claimed | None) -> float:
        """Return the seconds since this process first saw the last claim, or began."""
        tick = last.tick if last else None
        now = time.monotonic()
        if job not in self._seen:
            self._seen[job] = (tick, self._began)
        if self._seen[job][0] != tick:
            self._seen[job] = (tick, now)
        return now - self._seen[job][1]

    def _claim_now(self, job: str) -> Claim | None:
        """Claim this minute for a job; None where it was run in it."""
        last = self._ticks.last(job)
        if last is not None and last.unfinished:
            claim = self._ticks.take_over(job, last) if self._ticks.lost(last) else None
            if claim is None:
                begun = f"{last.started_at:%Y-%m-%d %H:%M:%S}Z"
                raise BusyError(f"{job}: {last.holder} has run it since {begun}: wait for its end")
            return claim
        now = self._clock()
        minute = now.replace(second=0, microsecond=0)
        if last is not None and last.tick >= minute:
            if last.started_at <= now < last.started_at + MINUTE:
                log.warning(
                    "%s: was run at %s by %s", job, f"{last.started_at:%H:%M:%S}Z", last.holder
                )
                return None
            minute = last.tick + timedelta(seconds=1)  # the clock was set back: ticks never go
        return self._ticks.claim(job, minute, last)

    def _work(self, claim: Claim) -> bool:
        self._claim = claim
        try:
            done = work(self._monitor, self._config, claim, self._stopped)
            if self._stopped.is_set():
                self._ticks.give_back(claim)  # nothing where it came to its end
        except FencedError:
            log.warning("%s: another process has taken this tick over", claim.job)
            done = False
        self._claim = None
        return done

    def _leave(self) -> None:
        claim = self._claim
        try:
            if claim is not None:
                self._ticks.give_back(claim)
                log.warning("%s: the tick is given back", claim.job)
            self._ticks.close()
        except RiskmonError as error:
            log.error("the tick cannot be given back: %s", error)  # noqa: TRY400


class _Again(BaseTrigger):  # type: ignore[misc]  # APScheduler has no types
    """A look after the one before; its own interval would count each that was missed, for years."""

    __slots__ = ()

    def get_next_fire_time(self, _previous: datetime | None, now: datetime) -> datetime:
        """Return the moment of the next look."""
        return now + timedelta(seconds=LOOK)


def channels(config: Config) -> list[Channel]:
    """Return the channels of a configuration, with what is secret in them."""
    return [
        Channel(
            name,
            url=one.url.get_secret_value() if one.url else None,
            secret=one.secret.get_secret_value() if one.secret else None,
            apprise=one.apprise.get_secret_value() if one.apprise else None,
            timeout=one.timeout.total_seconds(),
            retry=one.retry.total_seconds(),
            attempts=one.attempts,
        )
        for name, one in config.channels.items()
    ]
