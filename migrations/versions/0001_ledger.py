"""The ledger and the read model.

Only ever add columns to `entry`: Alembic's batch mode makes the table anew and drops its triggers.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

POSITION = sa.BigInteger().with_variant(sa.Integer, "sqlite")
REFUSE = "SELECT RAISE(ABORT, 'entry is append-only: a correction is a new entry')"


def upgrade() -> None:
    """Make both tables, and the triggers that keep `entry` append-only."""
    op.create_table(
        "entry",
        sa.Column("position", POSITION, primary_key=True, autoincrement=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("source", sa.String(200), nullable=False),
        sa.Column("ref", sa.String(500), nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("recorded_at", sa.String(27), nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.UniqueConstraint("source", "ref", "kind", "revision", name="entry_key"),
    )
    op.create_table(
        "snapshot",
        sa.Column("position", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("as_of", sa.String(27), primary_key=True),
        sa.Column("company", sa.String(200), primary_key=True),
        sa.Column("value", sa.Double, nullable=False),
    )
    op.execute(f"CREATE TRIGGER entry_no_update BEFORE UPDATE ON entry BEGIN {REFUSE}; END")
    op.execute(f"CREATE TRIGGER entry_no_delete BEFORE DELETE ON entry BEGIN {REFUSE}; END")
    # INSERT OR REPLACE walks past the DELETE trigger where recursive_triggers is off.
    taken = "position = NEW.position OR (source, ref, kind, revision) = "
    taken += "(NEW.source, NEW.ref, NEW.kind, NEW.revision)"
    op.execute(
        "CREATE TRIGGER entry_no_replace BEFORE INSERT ON entry "
        f"WHEN EXISTS (SELECT 1 FROM entry WHERE {taken}) BEGIN {REFUSE}; END"
    )
