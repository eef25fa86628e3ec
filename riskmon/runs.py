"""Runs as the database keeps them: what each found, the scores it kept, the stances of alerts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import sqlalchemy as sa

from riskmon.database import reading, writing
from riskmon.ledger import Fence
from riskmon.model import Score
from riskmon.tables import run, snapshot, stance
from riskmon.ticks import here, next_number

KEPT = timedelta(days=31)
"""For so long scores of runs are kept: a jump is within a month at most."""

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


def in_force(connection: sa.Connection, moment: datetime) -> Scored | None:
    """Return the run whose scores were the last ones at a moment; before the first run, that."""
    query = sa.select(run.c.number, run.c.as_of, run.c.position).where(run.c.as_of.is_not(None))
    latest = query.where(run.c.as_of <= moment).order_by(run.c.number.desc()).limit(1)
    row = connection.execute(latest).first()
    row = row or connection.execute(query.order_by(run.c.number).limit(1)).first()
    return None if row is None else Scored._make(row)


def extremes(connection: sa.Connection, start: datetime) -> dict[str, tuple[float, float]]:
    """Return the lowest and the highest score of each company from `start` on.

    By the run in force then, and those after it; of days before yesterday by their extremes.
    """
    first = in_force(connection, start)
    if first is None:
        return {}
    query = (
        sa.select(snapshot.c.company, sa.func.min(snapshot.c.value), sa.func.max(snapshot.c.value))
        .where(snapshot.c.position >= first.position, snapshot.c.as_of >= first.as_of)
        .group_by(snapshot.c.company)
    )
    return {company: (low, high) for company, low, high in connection.execute(query)}


def keep(connection: sa.Connection, scores: Iterable[Score], as_of: datetime) -> None:
    """Keep the scores of a run, and let go of what no jump within a month is measured from.

    That are those older than a month, and of days before yesterday those between the lowest and
    the highest of a company.
    """
    rows = [
        {"company": s.company, "as_of": s.as_of, "position": s.position, "value": s.value}
        for s in scores
    ]
    first, newest = in_force(connection, as_of - KEPT), last(connection)
    if first is not None and newest is not None:
        before = snapshot.c.position < first.position
        same = (snapshot.c.position == first.position) & (snapshot.c.as_of < first.as_of)
        connection.execute(sa.delete(snapshot).where(before | same))
        _thin(connection, _yesterday(newest.as_of), _yesterday(as_of))
    if rows:
        moment = (snapshot.c.as_of == as_of) & (snapshot.c.position == rows[0]["position"])
        connection.execute(sa.delete(snapshot).where(moment))
        connection.execute(sa.insert(snapshot), rows)


def _yesterday(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=1)


def _thin(connection: sa.Connection, start: datetime, end: datetime) -> None:
    """Of each day from `start` to `end` keep a company's lowest and its highest score."""
    first = in_force(connection, start)
    if first is None or start >= end:
        return
    day = sa.func.substr(snapshot.c.as_of, 1, 10, type_=sa.String)

    def place(value: sa.ColumnElement[float]) -> sa.ColumnElement[int]:
        partition = [snapshot.c.company, day]
        return sa.func.row_number().over(partition_by=partition, order_by=[value, snapshot.c.as_of])

    key = [snapshot.c.position, snapshot.c.as_of, snapshot.c.company]
    lowest, highest = place(snapshot.c.value).label("lowest"), place(-snapshot.c.value)
    ranked = (
        sa.select(*key, lowest, highest.label("highest"))
        .where(snapshot.c.position >= first.position)
        .where(snapshot.c.as_of >= start, snapshot.c.as_of < end)
        .subquery()
    )
    between = sa.select(ranked.c.position, ranked.c.as_of, ranked.c.company).where(
        ranked.c.lowest > 1, ranked.c.highest > 1
    )
    connection.execute(sa.delete(snapshot).where(sa.tuple_(*key).in_(between)))


def end(
    connection: sa.Connection, fence: Fence | None, row: Mapping[str, Any], told: Mapping[str, Any]
) -> int:
    """Keep what a run found; without a `fence`, of one that somebody asked for by hand.

    Returns its number. With a fence it is in a transaction that checks it, or changes nothing.
    Numbers have the order in which scores were kept: a run that others overtook gets a new one.
    """
    found = {"state": "done", **row, "told": json.dumps(told, ensure_ascii=False)}
    if fence is None:
        number = next_number(connection)
        found |= {"number": number, "job": BY_HAND, "token": 0, "holder": here()}
        connection.execute(sa.insert(run), [found])
        return number
    mine = (run.c.number == fence.number) & (run.c.token == fence.token) & (run.c.state == "open")
    found.pop("started_at", None)  # when it was claimed
    newest = next_number(connection)
    number = newest if "as_of" in row and fence.number < newest - 1 else fence.number
    connection.execute(sa.update(run).where(mine).values(found | {"number": number}))
    return number


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


def stand(
    connection: sa.Connection, rule: str, before: AbstractSet[str], after: AbstractSet[str]
) -> None:
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
