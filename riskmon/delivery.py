"""Delivery: everything in the outbox that is due is sent, each attempt within its time."""

from __future__ import annotations

import logging
import queue
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

from riskmon.channels import Channel, Failure, apprised, webhook
from riskmon.errors import MissingExtraError
from riskmon.outbox import LONGEST_PAUSE, Message, Outbox, Outcome

log = logging.getLogger("riskmon")

SLOTS = 8
"""Attempts at a time, for each channel: one that hangs keeps no other waiting."""
PATIENCE = 5.0
"""Seconds that attempts have to end, once delivery was asked to stop."""


class Delivered(NamedTuple):
    """What came of the attempts of one call."""

    sent: int = 0
    failed: int = 0
    """To be tried again."""
    dead: int = 0
    """Given up."""


def check(channels: Iterable[Channel]) -> None:
    """Raise MissingExtraError where a channel needs a library that is not installed."""
    if any(one.apprise for one in channels):
        apprised.check()


def deliver(
    outbox: Outbox,
    channels: Iterable[Channel],
    clock: Callable[[], datetime],
    stop: threading.Event | None = None,
) -> Delivered:
    """Send everything that is due, and return once nothing is, or soon after `stop` is set.

    Any number of processes may do so at once. Whoever is killed between sending a message and
    noting it has it sent again under the same key; attempts that were cut short by `stop` are
    made again likewise. Raises DatabaseError.
    """
    return _Delivery(outbox, channels, clock, stop or threading.Event()).run()


class _Delivery:
    """One call of `deliver`; only the thread that runs it asks the database."""

    def __init__(
        self,
        outbox: Outbox,
        channels: Iterable[Channel],
        clock: Callable[[], datetime],
        stop: threading.Event,
    ) -> None:
        self._outbox, self._clock, self._stop = outbox, clock, stop
        self._channels = {one.name: one for one in channels}
        self._flying: dict[str, Message] = {}
        self._ended: queue.SimpleQueue[tuple[Message, Failure | None]] = queue.SimpleQueue()
        self._counts: Counter[str] = Counter()
        self._left = PATIENCE

    def run(self) -> Delivered:
        if lost := self._outbox.give_up(self._channels, self._clock()):
            log.warning("%d messages were given up: their channel is not configured", lost)
            self._counts["dead"] += lost
        self._start()
        while self._flying and (ended := self._wait()):
            self._settle(ended)
            self._start()
        self._outbox.drop(self._clock())
        return Delivered(**self._counts)

    def _start(self) -> None:
        """Begin attempts in the slots that are free."""
        busy = Counter(one.channel for one in self._flying.values())
        for channel in self._channels.values():
            free = SLOTS - busy[channel.name]
            if self._stop.is_set() or not free:
                continue
            at = self._clock()

            def hold(attempts: int, channel: Channel = channel) -> timedelta:
                # Twice the timeout: how it ended must be written down in time, too.
                return timedelta(seconds=2 * channel.timeout + _pause(channel, attempts))

            for one in self._outbox.take(channel.name, at, free, hold, but=[*self._flying]):
                self._flying[one.key] = one
                # No pool: its threads would keep a process from ending before they do.
                threading.Thread(target=self._try, args=(channel, one, at), daemon=True).start()

    def _try(self, channel: Channel, one: Message, at: datetime) -> None:
        try:
            self._ended.put((one, _send(channel, one, at)))
        except MissingExtraError as error:
            self._ended.put((one, Failure(str(error))))
        except Exception as error:  # noqa: BLE001 (whatever it was, the message is not lost)
            # Its words may hold the address.
            self._ended.put((one, Failure(f"sending failed: {type(error).__name__}")))

    def _wait(self) -> list[tuple[Message, Failure | None]]:
        """Return the attempts that ended, once there are some; none if it must stop before."""
        while self._left > 0:
            began = time.monotonic()
            try:
                ended = [self._ended.get(timeout=0.1)]
            except queue.Empty:
                self._left -= (time.monotonic() - began) * self._stop.is_set()
                continue
            while not self._ended.empty():
                ended.append(self._ended.get())
            return ended
        return []

    def _settle(self, ended: Iterable[tuple[Message, Failure | None]]) -> None:
        at = self._clock()
        outcomes = [self._outcome(one, failure, at) for one, failure in ended]
        self._outbox.settle(outcomes, at)
        for outcome in outcomes:
            del self._flying[outcome.message.key]

    def _outcome(self, one: Message, failure: Failure | None, at: datetime) -> Outcome:
        if failure is None:
            self._counts["sent"] += 1
            return Outcome(one)
        channel = self._channels[one.channel]
        if failure.final or one.attempts >= channel.attempts:
            self._counts["dead"] += 1
            log.warning(
                "message %s to %s was given up at attempt %d: %s",
                one.key,
                one.channel,
                one.attempts,
                failure.error,
                extra={"fields": {"key": one.key, "channel": one.channel}},
            )
            return Outcome(one, failure.error)
        self._counts["failed"] += 1
        # Not all at the same moment again.
        pause = _pause(channel, one.attempts) * (1 + random.random()) / 2  # noqa: S311 (no secret)
        wait = max(pause, min(failure.wait, LONGEST_PAUSE.total_seconds()))
        return Outcome(one, failure.error, at + timedelta(seconds=wait))


def _pause(channel: Channel, attempts: int) -> float:
    """Return the most seconds between an attempt, counted from 1, and the next."""
    return min(channel.retry * 2.0 ** min(attempts - 1, 20), LONGEST_PAUSE.total_seconds())


def _send(channel: Channel, one: Message, at: datetime) -> Failure | None:
    if channel.apprise:
        return apprised.send(channel, one.key, one.body)
    return webhook.send(channel, one.key, one.body, at)
