"""The outbox: what was put there is taken by one at a time, until it is told or given up."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from riskmon import outbox as boxes
from riskmon.database import connect, writing
from riskmon.forms import moment
from riskmon.outbox import Message, Outbox, Outcome, Standing, put, withdraw

NOW = moment("2026-11-26T12:00:00Z")
HOUR, MINUTE, DAY = timedelta(hours=1), timedelta(minutes=1), timedelta(days=1)


def message(key: str, **fields: Any) -> Message:
    """Return a message to the desk, made and due now."""
    return Message(key, "desk", "{}", NOW, NOW)._replace(**fields)


@pytest.fixture
def engine(url: str) -> Iterator[sa.Engine]:
    opened = connect(url)
    yield opened
    opened.dispose()


@pytest.fixture
def outbox(engine: sa.Engine) -> Outbox:
    return Outbox(engine)


def holding(engine: sa.Engine, messages: Iterable[Message]) -> Outbox:
    """Return the outbox with messages in it."""
    with writing(engine) as connection:
        put(connection, messages)
    return Outbox(engine)


def taken(outbox: Outbox, at: datetime = NOW, most: int = 100) -> list[Message]:
    """Take what is due for the desk; each attempt may last a minute."""
    return outbox.take("desk", at, most, lambda attempts: attempts * MINUTE)


def test_a_message_is_put_once_whatever_is_put_again(engine: sa.Engine) -> None:
    """A key that is there is left as it is, also twice in one go."""
    first, other = message("a"), message("b")
    with writing(engine) as connection:
        assert 2 == put(connection, [first, other, other])
        assert 0 == put(connection, [message("a", body="[]", channel="mail")])
    assert [first, other] == Outbox(engine).messages("waiting")


def test_what_is_put_stands_and_falls_with_its_transaction(engine: sa.Engine) -> None:
    """An error after it takes it away again."""

    def fail() -> None:
        with writing(engine) as connection:
            put(connection, [message("a")])
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert Standing() == Outbox(engine).standing()


def test_what_is_taken_is_nobody_elses_until_its_time_is_over(engine: sa.Engine) -> None:
    """Then it is taken again, under the same key, with one attempt more: who had it was killed."""
    outbox = holding(engine, [message("a")])
    assert [message("a", attempts=1, due_at=NOW + MINUTE)] == taken(outbox)
    assert [] == taken(outbox, NOW + MINUTE / 2)
    again = message("a", attempts=2, due_at=NOW + 3 * MINUTE)
    assert [again] == taken(outbox, NOW + MINUTE)


def test_the_longest_due_of_its_channel_are_taken_first(engine: sa.Engine) -> None:
    """At most so many, none of another channel, none that is not due, none that is being sent."""
    late = [message(f"late {n}", due_at=NOW - n * HOUR) for n in range(4)]
    other, later = message("other", channel="mail"), message("later", due_at=NOW + HOUR)
    outbox = holding(engine, [*late, other, later])
    found = outbox.take("desk", NOW, 2, lambda _: HOUR, but=["late 3"])
    assert ["late 2", "late 1"] == [one.key for one in found]


@pytest.mark.parametrize(
    ("fields", "due"),
    [
        ({"created_at": NOW + HOUR, "due_at": NOW + HOUR}, True),
        ({"due_at": NOW + 10 * HOUR}, False),  # waits for the end of quiet hours
        ({"due_at": NOW + 26 * HOUR}, True),
        ({"attempts": 3, "due_at": NOW + HOUR}, False),  # a pause as long as they can be
        ({"attempts": 3, "due_at": NOW + 2 * HOUR}, True),
    ],
)
def test_a_clock_set_back_stops_no_message(
    engine: sa.Engine, fields: dict[str, Any], *, due: bool
) -> None:
    """What was due when it was made is, and what waits longer than it can."""
    outbox = holding(engine, [message("a", **fields)])
    assert due == bool(taken(outbox))


def test_a_message_is_held_for_no_longer_than_it_can_wait(engine: sa.Engine) -> None:
    """Else it would look as if the clock had been set back, and be sent at once."""
    outbox = holding(engine, [message("a")])
    (one,) = outbox.take("desk", NOW, 1, lambda _: DAY)
    assert [] == taken(outbox)
    outbox.settle([Outcome(one, "503", NOW + DAY)], NOW)
    assert [] == taken(outbox)


def test_only_what_nobody_can_have_been_told_is_withdrawn(engine: sa.Engine) -> None:
    """Not what was tried, and not what is unknown; a withdrawn message is never sent."""
    outbox = holding(engine, [message("tried")])
    taken(outbox)
    with writing(engine) as connection:
        put(connection, [message("a"), message("b")])
        assert ["a"] == withdraw(connection, ["a", "tried", "unknown"], NOW)
        assert [] == withdraw(connection, ["a"], NOW)
    assert [message("a", state="withdrawn", ended_at=NOW)] == outbox.messages("withdrawn")
    assert ["b"] == [one.key for one in taken(outbox)]


def test_a_failure_counts_only_while_nobody_tried_since(engine: sa.Engine) -> None:
    """Whoever was slow does not bring back, or give up, what another sent or is sending."""
    outbox = holding(engine, [message("a")])
    (slow,) = taken(outbox)
    (fast,) = taken(outbox, NOW + MINUTE)
    outbox.settle([Outcome(slow, "too late")], NOW)
    assert [fast] == outbox.messages("waiting")
    outbox.settle([Outcome(fast)], NOW)
    outbox.settle([Outcome(fast, "again", NOW)], NOW)
    assert [fast._replace(state="sent", ended_at=NOW)] == outbox.messages("sent")


def test_what_was_sent_is_sent_whoever_else_tried(engine: sa.Engine) -> None:
    """Also where another gave it up meanwhile."""
    outbox = holding(engine, [message("a")])
    (slow,) = taken(outbox)
    (fast,) = taken(outbox, NOW + MINUTE)
    outbox.settle([Outcome(fast, "500")], NOW)
    outbox.settle([Outcome(slow)], NOW)
    assert [fast._replace(state="sent", ended_at=NOW)] == outbox.messages("sent")


def test_what_was_given_up_can_be_tried_again(engine: sa.Engine) -> None:
    """With all attempts but one; it is not withdrawn, since somebody may have been told."""
    outbox = holding(engine, [message("a")])
    (one,) = taken(outbox)
    outbox.settle([Outcome(one, "500")], NOW)
    assert [one._replace(state="dead", ended_at=NOW, error="500")] == outbox.messages("dead")
    assert not outbox.again("b", NOW)
    assert outbox.again("a", NOW)
    assert not outbox.again("a", NOW)
    with writing(engine) as connection:
        assert [] == withdraw(connection, ["a"], NOW)
    assert [2] == [one.attempts for one in taken(outbox)]


def test_what_waits_for_a_channel_that_is_no_more_is_given_up(engine: sa.Engine) -> None:
    """It says so; what was sent there stays sent."""
    outbox = holding(engine, [message("a"), message("b", channel="mail")])
    assert 0 == outbox.give_up(["desk", "mail"], NOW)
    assert 1 == outbox.give_up(["desk"], NOW)
    (dead,) = outbox.messages("dead")
    assert ("b", NOW) == (dead.key, dead.ended_at)
    assert "the configuration has no such channel: add it, and try again" == dead.error


def test_what_was_told_is_kept_for_ninety_days(
    engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then it goes, a bounded number at a time; what was given up and what waits stays."""
    monkeypatch.setattr(boxes, "MOST_DROPPED", 2)
    ends = [message(f"sent {n}", state="sent", ended_at=NOW) for n in range(3)]
    gone = message("withdrawn", state="withdrawn", ended_at=NOW)
    stays = [message("dead", state="dead", ended_at=NOW), message("waits")]
    outbox = holding(engine, [*ends, gone, *stays])
    assert 0 == outbox.drop(NOW + 90 * DAY)
    assert [2, 2, 0] == [outbox.drop(NOW + 91 * DAY) for _ in range(3)]
    assert Standing(waiting=1, dead=1, oldest=NOW) == outbox.standing()


def test_how_the_outbox_stands(engine: sa.Engine) -> None:
    """Counts by state, of those that wait how many failed, and since when the oldest waits."""
    made = [NOW + n * MINUTE for n in range(6)]
    found = [message(str(n), created_at=at, due_at=at) for n, at in enumerate(made)]
    outbox = holding(engine, found)
    one, two, three = taken(outbox, NOW + HOUR, most=3)
    outbox.settle([Outcome(one), Outcome(two, "500", NOW), Outcome(three, "410")], NOW)
    with writing(engine) as connection:
        assert ["3"] == withdraw(connection, ["3"], NOW)
    expected = Standing(waiting=3, failing=1, sent=1, dead=1, withdrawn=1, oldest=made[1])
    assert expected == outbox.standing()
