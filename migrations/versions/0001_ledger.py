"""The ledger, the read model and the keys of persons.

Only ever add columns to `entry`: Alembic's batch mode makes the table anew and drops its triggers.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

POSITION = sa.BigInteger().with_variant(sa.Integer, "sqlite")
REFUSAL = "entry is append-only: a correction is a new entry"


def upgrade() -> None:
    """Make the tables, and what keeps `entry` append-only."""
    op.create_table(
        "entry",
        sa.Column("position", POSITION, primary_key=True, autoincrement=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("source", sa.String(150), nullable=False),
        sa.Column("ref", sa.String(400), nullable=False),
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
        sa.Column("company", sa.String(150), primary_key=True),
        sa.Column("value", sa.Double, nullable=False),
    )
    op.create_table(
        "person",
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column("token", sa.String(32), nullable=False, unique=True),
        sa.Column("key", sa.String(128)),
    )
    for statement in GUARDS[op.get_bind().dialect.name].split(";;"):
        op.execute(statement)


REFUSE = f"BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END"
GUARDS = {
    # INSERT OR REPLACE walks past the DELETE trigger where recursive_triggers is off, hence the
    # third. On PostgreSQL triggers hold also where session_replication_role switches others off.
    "sqlite": f"""
        CREATE TRIGGER entry_no_update BEFORE UPDATE ON entry {REFUSE};;
        CREATE TRIGGER entry_no_delete BEFORE DELETE ON entry {REFUSE};;
        CREATE TRIGGER entry_no_replace BEFORE INSERT ON entry
        WHEN EXISTS (SELECT 1 FROM entry WHERE position >= NEW.position)
        OR EXISTS (
            SELECT 1 FROM entry WHERE source = NEW.source AND ref = NEW.ref
            AND kind = NEW.kind AND revision = NEW.revision
        ) {REFUSE}
    """,
    "postgresql": f"""
        CREATE FUNCTION entry_refuse() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION '{REFUSAL}'; END $$;;
        CREATE TRIGGER entry_no_change BEFORE UPDATE OR DELETE ON entry
        FOR EACH ROW EXECUTE FUNCTION entry_refuse();;
        CREATE TRIGGER entry_no_truncate BEFORE TRUNCATE ON entry
        FOR EACH STATEMENT EXECUTE FUNCTION entry_refuse();;
        ALTER TABLE entry ENABLE ALWAYS TRIGGER entry_no_change;;
        ALTER TABLE entry ENABLE ALWAYS TRIGGER entry_no_truncate;;
        ALTER TABLE person ALTER COLUMN key SET STATISTICS 0;;
        REVOKE UPDATE, DELETE, TRUNCATE ON entry FROM PUBLIC, CURRENT_USER
    """,
}
