"""What queries read besides the ledger: disposable, each row can be computed again from it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import sqlalchemy as sa

from riskmon.database import reading, writing
from riskmon.model import Score
from riskmon.tables import cursor, snapshot


def save(engine: sa.Engine, scores: Iterable[Score]) -> None:
    """Keep scores as a recalculation found them; the same moment and position only once."""
    rows = [
        {"company": s.company, "as_of": s.as_of, "position": s.position, "value": s.value}
        for s in scores
    ]
    if rows:
        moment = (snapshot.c.as_of == rows[0]["as_of"]) & (
            snapshot.c.position == rows[0]["position"]
        )
        with writing(engine) as connection:
            connection.execute(sa.delete(snapshot).where(moment))
            connection.execute(sa.insert(snapshot), rows)


def last(engine: sa.Engine) -> tuple[datetime | None, dict[str, float]]:
    """Return when scores were last kept (None for never), and each company's value then."""
    latest = (
        sa.select(snapshot.c.as_of, snapshot.c.position)
        .order_by(snapshot.c.position.desc(), snapshot.c.as_of.desc())
        .limit(1)
    )
    with reading(engine) as connection:
        row = connection.execute(latest).first()
        if row is None:
            return None, {}
        values = sa.select(snapshot.c.company, snapshot.c.value).where(
            snapshot.c.as_of == row.as_of, snapshot.c.position == row.position
        )
        return row.as_of, {one.company: one.value for one in connection.execute(values)}


def reached(engine: sa.Engine, name: str) -> int:
    """Return the position up to which something that follows the ledger has come."""
    with reading(engine) as connection:
        found = connection.scalar(sa.select(cursor.c.position).where(cursor.c.name == name))
    return int(found or 0)


def reach(engine: sa.Engine, name: str, position: int) -> None:
    """Keep how far it has come; it never goes back."""
    with writing(engine) as connection:
        mine = cursor.c.name == name
        before = connection.scalar(sa.select(cursor.c.position).where(mine))
        if before is None:
            connection.execute(sa.insert(cursor), [{"name": name, "position": position}])
        elif before < position:
            connection.execute(sa.update(cursor).where(mine).values(position=position))
