"""A matter: every telling of its events, and on whom it bears how much. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Literal, NamedTuple

import msgspec
import numpy as np

from riskmon.across import OnMatter
from riskmon.cited import Cited
from riskmon.evaluators import Floats, Ints, evaluators
from riskmon.model import Entry, Event, Line
from riskmon.scoring import View, points_of
from riskmon.standing import Standing

Fate = Literal["stands", "revised", "withdrawn"]


class Telling(NamedTuple):
    """An event as it was told once: it stands, or a later entry took its place."""

    event: Event
    position: int
    recorded_at: datetime
    revision: int
    fate: Fate
    reason: str | None
    """Why it was withdrawn, where that was said."""
    until: int | None
    """Position of the entry that took its place, or withdrew it."""


class Reached(NamedTuple):
    """A company on which a matter bears by a rule, and what of its score that is."""

    company: str
    name: str
    rule: str
    via: str
    """How: named, owned or scope."""
    weight: float
    points: float
    stage: str | None
    since: datetime


class MatterView(NamedTuple):
    """A matter: every telling of its events, and on whom it bears, most points first."""

    name: str
    title: str
    """Of the latest event that stands; where none does, of the last told."""
    told: list[Telling]
    """By when it happened; what was revised or withdrawn is there, too."""
    reached: list[Reached]
    reached_count: int
    """How many lines there are, those not in `reached` among them."""
    as_of: datetime
    position: int


class _Reason(msgspec.Struct):
    reason: str | None = None


def rows_of(standing: Standing, name: str) -> Ints:
    """Return the rows of all that was told of a matter, whatever became of it."""
    told, code = standing.told, standing.told.matters.get(name)
    rows = told.rows_of([code]) if code is not None else np.zeros(0, np.int64)
    return rows[told.rows["position"][rows] <= standing.position]


def whole(view: View, name: str, at: datetime) -> Line | None:
    """Return the line of a rule about all matters of a company: `rule:company` is its matter."""
    rule, _, company = name.partition(":")
    kinds = {one.id: evaluators()[one.evaluator].UNIT for one in view.ruleset.rules}
    if kinds.get(rule) != "company" or company not in view.standing.companies:
        return None
    return next((one for one in view.lines(company, at) if one.matter == name), None)


def cited(standing: Standing, line: Line) -> Ints:
    """Return the rows of the events that a line stands on."""
    positions = line.events.positions if isinstance(line.events, Cited) else ()
    found: Ints = np.searchsorted(standing.told.rows["position"], np.array(positions, np.int64))
    return found


def entries_of(standing: Standing, rows: Ints) -> list[int]:
    """Return the positions of the entries that say what became of the events of some rows."""
    columns = standing.told.rows
    both = np.append(columns["position"][rows], columns["until"][rows])
    return [int(one) for one in np.unique(both[both <= standing.position])]


def tellings(standing: Standing, rows: Ints, entries: Mapping[int, Entry]) -> list[Telling]:
    """Return the events of some rows as each was told, by when they happened."""
    columns = standing.told.rows
    pairs = zip(columns["position"][rows].tolist(), columns["until"][rows].tolist(), strict=True)
    found = [_telling(entries[place], entries.get(until)) for place, until in pairs]
    return sorted(found, key=lambda one: (one.event.occurred_at, one.position))


def _telling(entry: Entry, after: Entry | None) -> Telling:
    fate: Fate = "stands"
    reason = None
    if after is not None:
        fate = "withdrawn" if after.kind == "event.withdrawn" else "revised"
        if fate == "withdrawn":
            reason = msgspec.json.decode(after.body, type=_Reason).reason
    return Telling(
        Event.model_validate_json(entry.body),
        entry.position,
        entry.recorded_at,
        entry.revision,
        fate,
        reason,
        after.position if after is not None else None,
    )


def title(told: Iterable[Telling]) -> str:
    """Return the title of the latest event that stands; where none does, of the last told."""
    told = list(told)
    standing = [one for one in told if one.fate == "stands"]
    last = standing[-1] if standing else max(told, key=lambda one: one.position)
    return last.event.title


def reached(
    view: View, name: str, line: Line | None, at: datetime, limit: int
) -> tuple[list[Reached], int]:
    """Return on whom a matter bears, most points first, at most `limit`, and how many lines it has.

    `line`: the one of it, where it is about all matters of a company.
    """
    if line is not None:
        one = view.score(line.company, at).shared([line])[0]
        firm = view.standing.companies[one.company].name
        rest = (one.rule, one.via, one.weight, one.points, one.stage, one.since)
        return [Reached(one.company, firm, *rest)], 1
    code = view.standing.told.matters.get(name)
    if code is None:
        return [], 0
    lines = OnMatter(view, code, at)
    return _shared(view, lines, at, limit) if len(lines) else [], len(lines)


def _shared(view: View, lines: OnMatter, at: datetime, limit: int) -> list[Reached]:
    hazards = view.course([at])[0][lines.company]
    points = _shares(lines.hazard, hazards)
    order = np.lexsort((lines.company, -points))[:limit]
    found = []
    for place in order.tolist():
        one = lines[place]
        company = view.ids[one.company]
        name = view.standing.companies[company].name
        found.append(
            Reached(
                company, name, one.rule, one.via, one.weight, float(points[place]),
                one.stage, one.since,
            )
        )  # fmt: skip
    return sorted(found, key=lambda one: (-one.points, one.company, one.rule))


def _shares(hazard: Floats, total: Floats) -> Floats:
    """Return the points of lines, from their hazards and their companies'."""
    return points_of(total) * np.divide(hazard, total, out=np.zeros(len(hazard)), where=total > 0)
