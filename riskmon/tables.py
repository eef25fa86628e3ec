"""The tables, as SQLAlchemy Core; `migrations/` makes them, and a test holds the two equal."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from riskmon.forms import utc_text

REVISION = "0004"
"""The newest migration; a database that names another is older or newer than this code."""


class Utc(sa.types.TypeDecorator[datetime]):
    """An aware datetime, kept as UTC text of fixed width: 2024-01-12T00:00:00.000000Z.

    The same bytes on every database; the order of the text is the order of time.
    """

    impl = sa.String(27)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> str | None:
        """Refuse a naive time; write an aware one in UTC."""
        del dialect
        return None if value is None else utc_text(value)

    def process_result_value(self, value: str | None, dialect: sa.Dialect) -> datetime | None:
        """Read it back as an aware time in UTC."""
        del dialect
        return None if value is None else datetime.fromisoformat(value)


Position = sa.BigInteger().with_variant(sa.Integer, "sqlite")  # an INTEGER key is the rowid itself

metadata = sa.MetaData()

entry = sa.Table(
    "entry",
    metadata,
    sa.Column("position", Position, primary_key=True, autoincrement=False),
    sa.Column("kind", sa.String(40), nullable=False),
    sa.Column("source", sa.String(150), nullable=False),
    sa.Column("ref", sa.String(400), nullable=False),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("recorded_at", Utc, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("hash", sa.String(64), nullable=False),
    # Source and ref first: appending asks for the latest revision of a key. On PostgreSQL, where
    # the table is in partitions, they are a table of their own.
    sa.UniqueConstraint("source", "ref", "kind", "revision", name="entry_key"),
)

REST = sa.text("kind <> 'event.recorded'")
"""Companies, decisions, rulesets: few, and asked for without reading past the events."""

sa.Index("entry_rest", entry.c.position, sqlite_where=REST, postgresql_where=REST)

HASHED = tuple(column.name for column in entry.columns if column.name != "hash")
"""Columns in the order in which they are hashed."""

Stored = tuple[int, bytes, bytes]
"""Position, columns up to `body` joined by NUL, and hash of an entry."""

snapshot = sa.Table(
    "snapshot",
    metadata,
    sa.Column("position", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("as_of", Utc, primary_key=True),
    sa.Column("company", sa.String(150), primary_key=True),
    sa.Column("value", sa.Double, nullable=False),
)
"""Scores as recalculations found them; disposable, each can be computed again."""

person = sa.Table(
    "person",
    metadata,
    sa.Column("digest", sa.String(64), primary_key=True),
    sa.Column("token", sa.String(32), nullable=False, unique=True),
    sa.Column("key", sa.String(128)),
)
"""Keys of natural persons, by a digest of the name; NULL once the person is forgotten."""

cursor = sa.Table(
    "cursor",
    metadata,
    sa.Column("name", sa.String(40), primary_key=True),
    sa.Column("position", sa.BigInteger, nullable=False),
)
"""How far something that follows the ledger has come; from 0 it comes to the same."""

run = sa.Table(
    "run",
    metadata,
    sa.Column("number", Position, primary_key=True, autoincrement=False),
    sa.Column("job", sa.String(60), nullable=False),
    sa.Column("tick", Utc),
    sa.Column("token", sa.Integer, nullable=False),
    sa.Column("holder", sa.String(200), nullable=False),
    sa.Column("state", sa.String(10), nullable=False),
    sa.Column("started_at", Utc, nullable=False),
    sa.Column("seconds", sa.Double),
    sa.Column("as_of", Utc),
    sa.Column("since", sa.BigInteger),
    sa.Column("position", sa.BigInteger),
    sa.Column("ruleset", sa.String(64)),
    sa.Column("companies", sa.Integer),
    sa.Column("told", sa.Text),
    sa.UniqueConstraint("job", "tick", name="run_tick"),
)
"""What was run, and who may: a row is the claim of a tick, its `token` fences who held it before.

`tick` is NULL where somebody asked by hand; `state` is open, done, failed or returned; `as_of` and
what follows it are a recalculation's; `told` is JSON: what moved, what was read, what failed.
"""

process = sa.Table(
    "process",
    metadata,
    sa.Column("holder", sa.String(200), primary_key=True),
    sa.Column("started_at", Utc, nullable=False),
    sa.Column("beat_at", Utc, nullable=False),
    sa.Column("beats", sa.BigInteger, nullable=False),
)
"""Processes that run the schedule: `beats` grows while they live."""

stance = sa.Table(
    "stance",
    metadata,
    sa.Column("rule", sa.String(60), primary_key=True),
    sa.Column("company", sa.String(150), primary_key=True),
)
"""Companies that stand over the bound of an alert rule; a row without company: it was applied."""

message = sa.Table(
    "message",
    metadata,
    sa.Column("key", sa.String(64), primary_key=True),
    sa.Column("channel", sa.String(60), nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("created_at", Utc, nullable=False),
    sa.Column("due_at", Utc, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("state", sa.String(10), nullable=False),
    sa.Column("ended_at", Utc),
    sa.Column("error", sa.Text),
)
"""The outbox: what is to be told, once to each channel; `key` lets the receiver drop a repeat.

`state` is waiting, sent, dead (given up) or withdrawn (its ground fell before anybody was told).
"""

sa.Index("message_due", message.c.state, message.c.due_at)
