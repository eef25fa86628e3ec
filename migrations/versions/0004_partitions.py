"""On PostgreSQL: `entry` in partitions by position, and its keys in a table beside it.

A unique key over all partitions has to have the position in it, which would make it none. So the
keys have a table of their own, `entry_key`, that a trigger fills: with a digest of each body, so
that a repeat is known whatever partition its first telling is in, also one that was detached.
SQLite stays as it is.

Partitions are ten million positions wide; `ALTER DATABASE ... SET riskmon.partition = N` before the
database is first opened makes others. What is there already becomes the first one, however large.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

CHANGED = "entry is append-only: a correction is a new entry"
PLACED = "entry is append-only, and in the order of its positions: insert into entry itself"


def upgrade() -> None:
    """Make what is there the first partition: its rows stay where they are."""
    if op.get_bind().dialect.name == "postgresql":
        for statement in STATEMENTS.split(";;"):
            op.execute(sa.text(statement))


STATEMENTS = f"""
    ALTER TABLE entry DROP CONSTRAINT entry_key;;
    DROP TRIGGER entry_no_change ON entry;;
    DROP TRIGGER entry_no_truncate ON entry;;
    ALTER TABLE entry RENAME CONSTRAINT entry_pkey TO entry_from_1_pkey;;
    ALTER INDEX entry_rest RENAME TO entry_from_1_rest;;
    ALTER TABLE entry RENAME TO entry_from_1;;

    CREATE TABLE entry (LIKE entry_from_1, CONSTRAINT entry_pkey PRIMARY KEY (position))
    PARTITION BY RANGE (position);;
    CREATE INDEX entry_rest ON entry (position) WHERE kind <> 'event.recorded';;
    CREATE TABLE entry_key (
        source varchar(150) NOT NULL, ref varchar(400) NOT NULL, kind varchar(40) NOT NULL,
        revision integer NOT NULL, position bigint NOT NULL, digest bytea NOT NULL
    );;
    INSERT INTO entry_key
    SELECT source, ref, kind, revision, position, sha256(convert_to(body, 'UTF8'))
    FROM entry_from_1 ORDER BY position;;
    ALTER TABLE entry_key ADD PRIMARY KEY (source, ref, kind, revision);;

    CREATE OR REPLACE FUNCTION entry_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF TG_OP = 'INSERT' THEN
            RAISE EXCEPTION '{PLACED}';
        END IF;
        RAISE EXCEPTION '{CHANGED}';
    END $$;;
    CREATE FUNCTION entry_keep_keys() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path FROM CURRENT AS $$ BEGIN
        INSERT INTO entry_key
        SELECT source, ref, kind, revision, position, sha256(convert_to(body, 'UTF8')) FROM fresh;
        RETURN NULL;
    END $$;;
    CREATE FUNCTION entry_guard(part text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN
        -- Statements that name the partition pass the table's own by. Those for each row it gets
        -- from the table, once it is attached.
        EXECUTE format('CREATE TRIGGER entry_no_insert BEFORE INSERT ON %I '
                       'FOR EACH STATEMENT EXECUTE FUNCTION entry_refuse()', part);
        EXECUTE format('CREATE TRIGGER entry_no_truncate BEFORE TRUNCATE ON %I '
                       'FOR EACH STATEMENT EXECUTE FUNCTION entry_refuse()', part);
        EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER entry_no_insert', part);
        EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER entry_no_truncate', part);
        EXECUTE format('REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON %I FROM PUBLIC, CURRENT_USER',
                       part);
    END $$;;
    CREATE FUNCTION entry_width() RETURNS bigint LANGUAGE sql STABLE AS $$
        SELECT coalesce(nullif(current_setting('riskmon.partition', true), ''), '10000000')::bigint
    $$;;
    CREATE FUNCTION entry_make_room(wanted bigint) RETURNS void LANGUAGE plpgsql
    SECURITY DEFINER SET search_path FROM CURRENT AS $$
    DECLARE
        width bigint := entry_width();
        first bigint;
        part text;
    BEGIN
        LOOP
            SELECT max(substring(pg_get_expr(relpartbound, oid) FROM 'TO \\(''(\\d+)''\\)')::bigint)
            INTO first FROM pg_class JOIN pg_inherits ON inhrelid = oid
            WHERE inhparent = 'entry'::regclass;
            EXIT WHEN first > wanted + width / 500;
            part := 'entry_from_' || first;
            -- Attached, not made in its place: that needs no lock that waits for who reads.
            EXECUTE format('CREATE TABLE %I (LIKE entry)', part);
            PERFORM entry_guard(part);
            EXECUTE format('ALTER TABLE entry ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                           part, first, ((first - 1) / width + 1) * width + 1);
        END LOOP;
    END $$;;
    REVOKE EXECUTE ON FUNCTION entry_make_room(bigint), entry_guard(text) FROM PUBLIC;;

    CREATE TRIGGER entry_no_change BEFORE UPDATE OR DELETE ON entry
    FOR EACH ROW EXECUTE FUNCTION entry_refuse();;
    CREATE TRIGGER entry_no_truncate BEFORE TRUNCATE ON entry
    FOR EACH STATEMENT EXECUTE FUNCTION entry_refuse();;
    CREATE TRIGGER entry_keys AFTER INSERT ON entry REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION entry_keep_keys();;
    CREATE TRIGGER entry_key_no_change BEFORE UPDATE OR DELETE ON entry_key
    FOR EACH ROW EXECUTE FUNCTION entry_refuse();;
    CREATE TRIGGER entry_key_no_truncate BEFORE TRUNCATE ON entry_key
    FOR EACH STATEMENT EXECUTE FUNCTION entry_refuse();;
    ALTER TABLE entry ENABLE ALWAYS TRIGGER entry_no_change;;
    ALTER TABLE entry ENABLE ALWAYS TRIGGER entry_no_truncate;;
    ALTER TABLE entry ENABLE ALWAYS TRIGGER entry_keys;;
    ALTER TABLE entry_key ENABLE ALWAYS TRIGGER entry_key_no_change;;
    ALTER TABLE entry_key ENABLE ALWAYS TRIGGER entry_key_no_truncate;;
    REVOKE UPDATE, DELETE, TRUNCATE ON entry, entry_key FROM PUBLIC, CURRENT_USER;;

    DO $$
    DECLARE
        last bigint := (SELECT coalesce(max(position), 0) FROM entry_from_1);
    BEGIN
        EXECUTE format('ALTER TABLE entry ATTACH PARTITION entry_from_1 '
                       'FOR VALUES FROM (MINVALUE) TO (%L)',
                       (last / entry_width() + 1) * entry_width() + 1);
        PERFORM entry_guard('entry_from_1');
        PERFORM entry_make_room(last);
    END $$
"""
