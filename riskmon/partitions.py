"""The partitions of `entry` on PostgreSQL, and the table of its keys, which has none."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from itertools import chain
from typing import Any

import sqlalchemy as sa

from riskmon.errors import VerificationError
from riskmon.tables import Stored

KEYS = sa.table("entry_key", *map(sa.column, ("source", "ref", "kind", "position")))
"""Where the entries of a key are found."""

PIECE = 5000
"""Entries whose keys are looked at together."""


def likened(body: str) -> bytes:
    """Return what `latest` has in place of a body."""
    return sha256(body.encode()).digest()


def keyed(driver: Any, entries: Iterator[Stored]) -> Iterator[Stored]:
    """Yield entries that are verified, in order from the first one, and verify their keys.

    Once all of them hold, raises VerificationError where a key is not kept as its entry is told,
    or one of no entry is.
    """
    query = (
        "SELECT min(told.position) "
        "FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::text[], %s::int[], %s::bytea[]) "
        "AS told (position, kind, source, ref, revision, digest) "
        "LEFT JOIN entry_key USING (source, ref, kind, revision) "
        "WHERE told.position IS DISTINCT FROM entry_key.position "
        "OR told.digest IS DISTINCT FROM entry_key.digest"
    )
    last, piece = 0, []
    wrong: int | None = None
    for entry in chain(entries, [None]):
        if entry is not None:
            yield entry
            last = entry[0]
            piece.append(entry[1].decode().split("\0", 6))
        if piece and (entry is None or len(piece) == PIECE):
            asked = list(map(list, zip(*piece, strict=True)))
            asked[5:] = [[likened(body) for body in asked[6]]]
            if wrong is None:
                (wrong,) = driver.execute(query, asked).fetchone()
            piece = []
    if wrong is not None:
        raise _unkept(wrong, f"the key of entry {wrong:,} is not kept as it was told")
    (kept,) = driver.execute(
        "SELECT count(*) FROM entry_key WHERE position <= %s", (last,)
    ).fetchone()
    if kept != last:
        raise _unkept(last, f"{kept:,} keys are kept of {last:,} entries")


def _unkept(position: int, what: str) -> VerificationError:
    return VerificationError(
        f"{what}: the table `entry_key` was changed, and what is told again may be stored again, "
        "or be missing. Restore a copy",
        finding="changed",
        position=position,
    )


def sealed(driver: Any) -> list[tuple[int, int, str]]:
    """Return first and last position of each partition that gets no more entries.

    And the statement that takes it out of the table.
    """
    bound = "substring(pg_get_expr(relpartbound, oid) FROM '%s \\(''(\\d+)''\\)')::bigint"
    query = (
        "SELECT * FROM (SELECT "  # noqa: S608 (constants)
        f"coalesce({bound % 'FROM'}, 1) AS first, {bound % 'TO'} - 1 AS last, "
        "format('ALTER TABLE entry DETACH PARTITION %s', oid::regclass) "
        "FROM pg_class JOIN pg_inherits ON inhrelid = oid WHERE inhparent = 'entry'::regclass) "
        "AS part WHERE last < (SELECT max(position) FROM entry) ORDER BY first"
    )
    return list(driver.execute(query))
