"""The outbox: what is to be told, kept in the transaction that found it, until it was told."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import sqlalchemy as sa

from riskmon.database import MOST_VARIABLES, reading, writing
from riskmon.tables import message

LONGEST_PAUSE = timedelta(hours=1)
"""Between two attempts, whatever a receiver asks for."""
LONGEST_WAIT = LONGEST_PAUSE + timedelta(minutes=5)
"""Of a message that was tried: a pause, and the attempt before it."""
LONGEST_QUIET = timedelta(hours=25)
"""Of a message that was not tried: quiet hours, on the day of 25."""
KEPT = timedelta(days=90)
"""How long what was told stays; what was given up stays for ever."""
MOST_DROPPED = 1000
"""Messages that one call drops."""


class Message(NamedTuple):
    """What is to be told by one channel."""

    key: str
    """By it the receiver knows a repeat."""
    channel: str
    body: str
    """JSON, the same bytes at each attempt."""
    created_at: datetime
    due_at: datetime
    """Not before; while it is being sent, when another process may send it again."""
    attempts: int = 0
    """Begun; 0 means that nobody can have been told."""
    state: str = "waiting"
    """waiting, sent, dead (given up) or withdrawn."""
    ended_at: datetime | None = None
    """When it was sent, given up or withdrawn."""
    error: str | None = None
    """How the last attempt failed."""


class Outcome(NamedTuple):
    """How an attempt ended."""

    message: Message
    """As `take` gave it."""
    error: str | None = None
    """None where it was sent."""
    due_at: datetime | None = None
    """When to try again; None gives it up."""


class Standing(NamedTuple):
    """How many messages there are, by state."""

    waiting: int = 0
    failing: int = 0
    """Of those that wait: the last attempt failed."""
    sent: int = 0
    """Within the time that they are kept."""
    dead: int = 0
    withdrawn: int = 0
    oldest: datetime | None = None
    """Since when the oldest waits."""


def put(connection: sa.Connection, messages: Iterable[Message]) -> int:
    """Add messages in somebody's transaction; one whose key is there is left as it is.

    Returns how many were added. The transaction must be a writing one: see `database.writing`.
    """
    fresh = {one.key: one for one in messages}
    for keys in _pieces(list(fresh)):
        found = sa.select(message.c.key).where(message.c.key.in_(keys))
        for key in connection.scalars(found).all():
            del fresh[key]
    if fresh:
        connection.execute(sa.insert(message), [one._asdict() for one in fresh.values()])
    return len(fresh)


def withdraw(connection: sa.Connection, keys: Iterable[str], at: datetime) -> list[str]:
    """Withdraw, in somebody's transaction, those messages that nobody can have been told.

    Returns their keys; of the others somebody was told, or may be at this moment.
    """
    withdrawn: list[str] = []
    untold = (message.c.state == "waiting") & (message.c.attempts == 0)
    for piece in _pieces(list(dict.fromkeys(keys))):
        found = sa.select(message.c.key).where(message.c.key.in_(piece), untold)
        gone = sorted(connection.scalars(found))
        ended = {"state": "withdrawn", "ended_at": at}
        connection.execute(sa.update(message).where(message.c.key.in_(gone)).values(ended))
        withdrawn += gone
    return withdrawn


def _pieces(keys: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(keys), MOST_VARIABLES):
        yield keys[start : start + MOST_VARIABLES]


class Outbox:
    """The messages of a database, for whoever sends them."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def take(
        self,
        channel: str,
        at: datetime,
        most: int,
        hold: Callable[[int], timedelta],
        *,
        but: Collection[str] = (),
    ) -> list[Message]:
        """Claim messages of a channel that are due, the longest due first, `but` for some keys.

        `hold(attempts)` says for how long nobody else may send one that is now being sent for the
        so-manieth time: whoever is killed meanwhile has told nobody of it, or somebody who will
        hear the same key again.
        """
        mine = sa.select(message).where(
            message.c.channel == channel, _due(at), message.c.key.not_in(but)
        )
        with reading(self._engine) as connection:  # mostly there is nothing, and no need to write
            if connection.execute(mine.limit(1)).first() is None:
                return []
        with writing(self._engine) as connection:
            rows = connection.execute(mine.order_by(message.c.due_at).limit(most))
            found = [Message(*row) for row in rows]
            taken = [
                one._replace(
                    attempts=one.attempts + 1,
                    due_at=at + min(hold(one.attempts + 1), LONGEST_WAIT),
                )
                for one in found
            ]
            for one in taken:
                claimed = {"attempts": one.attempts, "due_at": one.due_at}
                connection.execute(
                    sa.update(message).where(message.c.key == one.key).values(claimed)
                )
        return taken

    def settle(self, outcomes: Iterable[Outcome], at: datetime) -> None:
        """Keep how attempts ended.

        What was sent is sent, whoever else tried; a failure counts only while nobody tried since.
        """
        with writing(self._engine) as connection:
            for outcome in outcomes:
                sent, mine = outcome.message, message.c.key == outcome.message.key
                values: dict[str, object] = {"error": outcome.error}
                if outcome.error is None:
                    values |= {"state": "sent", "ended_at": at}
                else:
                    mine &= message.c.state == "waiting"
                    mine &= message.c.attempts == sent.attempts
                    if outcome.due_at is None:
                        values |= {"state": "dead", "ended_at": at}
                    else:
                        values |= {"due_at": min(outcome.due_at, at + LONGEST_WAIT)}
                connection.execute(sa.update(message).where(mine).values(values))

    def give_up(self, channels: Collection[str], at: datetime) -> int:
        """Give up what waits for channels other than these; return how many messages that were."""
        lost = (message.c.state == "waiting") & message.c.channel.not_in(channels)
        with reading(self._engine) as connection:
            if connection.execute(sa.select(message.c.key).where(lost).limit(1)).first() is None:
                return 0
        error = "the configuration has no such channel: add it, and try again"
        values = {"state": "dead", "ended_at": at, "error": error}
        with writing(self._engine) as connection:
            return connection.execute(sa.update(message).where(lost).values(values)).rowcount

    def again(self, key: str, at: datetime) -> bool:
        """Let a message that was given up wait again, with all its attempts but one.

        Returns whether there was one. Somebody may have been told by an attempt that failed, so
        it can no longer be withdrawn.
        """
        dead = (message.c.key == key) & (message.c.state == "dead")
        values = {"state": "waiting", "attempts": 1, "due_at": at, "ended_at": None}
        with writing(self._engine) as connection:
            return connection.execute(sa.update(message).where(dead).values(values)).rowcount > 0

    def drop(self, at: datetime) -> int:
        """Drop messages that ended long ago, a bounded number; return how many."""
        with reading(self._engine) as connection:
            # By when they were due, hours from when they ended at most: that is in an index.
            old = (
                sa.select(message.c.key)
                .where(message.c.state.in_(["sent", "withdrawn"]), message.c.due_at < at - KEPT)
                .limit(MOST_DROPPED)
            )
            keys = connection.scalars(old).all()
        if keys:
            with writing(self._engine) as connection:
                connection.execute(sa.delete(message).where(message.c.key.in_(keys)))
        return len(keys)

    def messages(self, state: str, most: int = 100) -> list[Message]:
        """Return messages of a state, the oldest first."""
        found = (
            sa.select(message)
            .where(message.c.state == state)
            .order_by(message.c.created_at, message.c.key)
            .limit(most)
        )
        with reading(self._engine) as connection:
            return [Message(*row) for row in connection.execute(found)]

    def standing(self) -> Standing:
        """Return how many messages there are, by state."""
        failing = sa.func.count(message.c.error)
        counted = sa.select(
            message.c.state, sa.func.count(), failing, sa.func.min(message.c.created_at)
        ).group_by(message.c.state)
        with reading(self._engine) as connection:
            rows = {row[0]: row for row in connection.execute(counted)}
        counts = {state: row[1] for state, row in rows.items()}
        waits = rows.get("waiting")
        return Standing(
            **counts, failing=waits[2] if waits else 0, oldest=waits[3] if waits else None
        )


def _due(at: datetime) -> sa.ColumnElement[bool]:
    """Return what is due: its time has come, or is farther ahead than the message can wait.

    Then the clock was set back. What was due when it was made is due whatever the clock says.
    """
    untried, tried = message.c.attempts == 0, message.c.attempts > 0
    return (message.c.state == "waiting") & sa.or_(
        message.c.due_at <= at,
        untried & (message.c.due_at <= message.c.created_at),
        untried & (message.c.due_at > at + LONGEST_QUIET),
        tried & (message.c.due_at > at + LONGEST_WAIT),
    )
