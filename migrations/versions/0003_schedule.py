"""Runs of the schedule, the processes that run it, what alerts stand on, and the outbox."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

POSITION = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make the four tables."""
    op.create_table(
        "run",
        sa.Column("number", POSITION, primary_key=True, autoincrement=False),
        sa.Column("job", sa.String(60), nullable=False),
        sa.Column("tick", sa.String(27)),
        sa.Column("token", sa.Integer, nullable=False),
        sa.Column("holder", sa.String(200), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("started_at", sa.String(27), nullable=False),
        sa.Column("seconds", sa.Double),
        sa.Column("as_of", sa.String(27)),
        sa.Column("since", sa.BigInteger),
        sa.Column("position", sa.BigInteger),
        sa.Column("ruleset", sa.String(64)),
        sa.Column("companies", sa.Integer),
        sa.Column("told", sa.Text),
        sa.UniqueConstraint("job", "tick", name="run_tick"),
    )
    op.create_table(
        "process",
        sa.Column("holder", sa.String(200), primary_key=True),
        sa.Column("started_at", sa.String(27), nullable=False),
        sa.Column("beat_at", sa.String(27), nullable=False),
        sa.Column("beats", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "stance",
        sa.Column("rule", sa.String(60), primary_key=True),
        sa.Column("company", sa.String(150), primary_key=True),
    )
    op.create_table(
        "message",
        sa.Column("key", sa.String(64), primary_key=True),
        sa.Column("channel", sa.String(60), nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("created_at", sa.String(27), nullable=False),
        sa.Column("due_at", sa.String(27), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("ended_at", sa.String(27)),
        sa.Column("error", sa.Text),
    )
    op.create_index("message_due", "message", ["state", "due_at"])
