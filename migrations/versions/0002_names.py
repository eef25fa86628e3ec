"""An index of the entries that are no events, and how far what follows the ledger has come."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

REST = sa.text("kind <> 'event.recorded'")


def upgrade() -> None:
    """Make both."""
    op.create_index("entry_rest", "entry", ["position"], sqlite_where=REST, postgresql_where=REST)
    op.create_table(
        "cursor",
        sa.Column("name", sa.String(40), primary_key=True),
        sa.Column("position", sa.BigInteger, nullable=False),
    )
