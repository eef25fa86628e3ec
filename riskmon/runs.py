"""Runs as the database keeps them: what each found, the scores it kept, the stances of alerts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import sqlalchemy as sa

from riskmon.database import reading, writing
from riskmon.ledger import Fence
from riskmon.model import Score
from riskmon.tables import run, snapshot, stance
from riskmon.ticks import here, next_number

KEPT = timedelta(days=31)
"""For so long the scores of a run are kept: a jump is within a month at most."""

BY_HAND = "recalculate"
"""The job of a run that somebody asked for."""

ANYBODY = ""
"""In place of a company: the rule was applied, though nobody may stand over it."""


class Scored(NamedTuple):
    """A run that kept scores: its number, their moment, and the position they stand on."""

    number: int
    as_of: datetime
    position: int


def last(connection: sa.Connection) -> Scored | None:
    """Return the last run that kept scores, None where there is none."""
    query = sa.select(run.c.number, run.c.as_of, run.c.position).where(run.c.as_of.is_not(None))
    row = connection.execute(query.order_by(run.c.number.desc()).limit(1)).first()
    return None if row is None else Scored._make(row)


def values(connection: sa.Connection, scored: Scored) -> dict[str, float]:
    """Return each company's score as that run kept it."""
    query = sa.select(snapshot.c.company, snapshot.c.value).where(
        snapshot.c.position == scored.position, snapshot.c.as_of == scored.as_of
    )
    return {row.company: row.value for row in connection.execute(query)}


def first_since(connection: sa.Connection, start: datetime) -> Scored | None:
    """Return the first of the runs, from the last one back, whose scores are of `start` or later.

    By number: a clock that was set back makes a run early by its moment only.
    """
    query = sa.select(run.c.number, run.c.as_of, run.c.position).where(run.c.as_of.is_not(None))
    few = query.order_by(run.c.number.desc()).execution_options(yield_per=500)
    found = None
    with connection.execute(few) as rows:
        for row in rows:
            if row.as_of < start:
                break
            found = Scored._make(row)
    return found


def extremes(connection: sa.Connection, start: datetime) -> dict[str, tuple[float, float]]:
    """Return the lowest and the highest score of each company in the runs since `start`."""
    first = first_since(connection, start)
    if first is None:
        return {}
    same = (snapshot.c.position == run.c.position) & (snapshot.c.as_of == run.c.as_of)
    query = (
        sa.select(snapshot.c.company, sa.func.min(snapshot.c.value), sa.func.max(snapshot.c.value))
        .select_from(run.join(snapshot, same))
        .where(run.c.number >= first.number, run.c.as_of >= start)
        .group_by(snapshot.c.company)
    )
    return {company: (low, high) for company, low, high in connection.execute(query)}


def keep(connection: sa.Connection, scores: Iterable[Score], as_of: datetime) -> None:
    """Keep the scores of a run, and let go of those that are older than a month."""
    rows = [
        {"company": s.company, "as_of": s.as_of, "position": s.position, "value": s.value}
        for s in scores
    ]
    first = first_since(connection, as_of - KEPT)
    if first is not None:
        before = snapshot.c.position < first.position
        same = (snapshot.c.position == first.position) & (snapshot.c.as_of < first.as_of)
        connection.execute(sa.delete(snapshot).where(before | same))
    if rows:
        moment = (snapshot.c.as_of == as_of) & (snapshot.c.position == rows[0]["position"])
        connection.execute(sa.delete(snapshot).where(moment))
        connection.execute(sa.insert(snapshot), rows)


def end(
    connection: sa.Connection, fence: Fence | None, row: Mapping[str, Any], told: Mapping[str, Any]
) -> int:
    """Keep what a run found; without a `fence`, of one that somebody asked for by hand.

    Returns its number. With a fence it is in a transaction that checks it, or changes nothing.
    """
    found = {"state": "done", **row, "told": json.dumps(told, ensure_ascii=False)}
    if fence is None:
        number = next_number(connection)
        found |= {"number": number, "job": BY_HAND, "token": 0, "holder": here()}
        connection.execute(sa.insert(run), [found])
        return number
    mine = (run.c.number == fence.number) & (run.c.token == fence.token) & (run.c.state == "open")
    found.pop("started_at", None)  # when it was claimed
    connection.execute(sa.update(run).where(mine).values(found))
    return fence.number


def end_alone(
    engine: sa.Engine, fence: Fence, row: Mapping[str, Any], told: Mapping[str, Any]
) -> None:
    """Keep what a run found that stores nothing else."""
    with writing(engine) as connection:
        end(connection, fence, row, told)


def stances(connection: sa.Connection, rules: Iterable[str]) -> dict[str, set[str]]:
    """Return the companies over the bound of each rule that was applied before."""
    found: dict[str, set[str]] = {}
    for row in connection.execute(sa.select(stance).where(stance.c.rule.in_(list(rules)))):
        found.setdefault(row.rule, set()).add(row.company)
    return found


def stand(connection: sa.Connection, rule: str, before: set[str], after: set[str]) -> None:
    """Keep the companies that are over the bound of a rule now."""
    gone, new = before - after, after - before
    for company in gone:
        mine = (stance.c.rule == rule) & (stance.c.company == company)
        connection.execute(sa.delete(stance).where(mine))
    if new:
        rows = [{"rule": rule, "company": company} for company in sorted(new)]
        connection.execute(sa.insert(stance), rows)


def listed(engine: sa.Engine, limit: int, job: str | None = None) -> list[Mapping[str, Any]]:
    """Return the last runs, newest first, of all jobs or of one."""
    query = sa.select(run).order_by(run.c.number.desc()).limit(limit)
    if job is not None:
        query = query.where(run.c.job == job)
    with reading(engine) as connection:
        return [dict(row) for row in connection.execute(query).mappings()]
