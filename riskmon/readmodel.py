"""How far what follows the ledger has come: disposable, from 0 it comes to the same."""

from __future__ import annotations

import sqlalchemy as sa

from riskmon.database import reading, writing
from riskmon.tables import cursor


def reached(engine: sa.Engine, name: str) -> int:
    """Return the position up to which something that follows the ledger has come."""
    with reading(engine) as connection:
        found = connection.scalar(sa.select(cursor.c.position).where(cursor.c.name == name))
    return int(found or 0)


def reach(engine: sa.Engine, name: str, position: int) -> None:
    """Keep how far it has come; it never goes back."""
    with writing(engine) as connection:
        advance(connection, name, position)


def advance(connection: sa.Connection, name: str, position: int) -> None:
    """Do as `reach`, in somebody's transaction."""
    mine = cursor.c.name == name
    before = connection.scalar(sa.select(cursor.c.position).where(mine))
    if before is None:
        connection.execute(sa.insert(cursor), [{"name": name, "position": position}])
    elif before < position:
        connection.execute(sa.update(cursor).where(mine).values(position=position))
