"""The tables, as SQLAlchemy Core; `migrations/` makes them, and a test holds the two equal."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from riskmon.forms import utc_text

REVISION = "0002"
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
    # Source and ref first: appending asks for the latest revision of a key.
    sa.UniqueConstraint("source", "ref", "kind", "revision", name="entry_key"),
)

REST = sa.text("kind <> 'event.recorded'")
"""Companies, decisions, rulesets: few, and asked for without reading past the events."""

sa.Index("entry_rest", entry.c.position, sqlite_where=REST, postgresql_where=REST)

HASHED = tuple(column.name for column in entry.columns if column.name != "hash")
"""Columns in the order in which they are hashed."""

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
