"""A company at a moment: its greatest lines, its matters over time, who owns it. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

import numpy as np

from riskmon.forms import microseconds, since_1970
from riskmon.model import Line, Score, points
from riskmon.scoring import COUNTED, SHOWN, View, points_of
from riskmon.standing import Standing


class Leading(NamedTuple):
    """A score with the greatest of its lines: those of a company may be hundreds of thousands."""

    score: Score
    lines: list[Line]
    """With their points, greatest first."""
    line_count: int
    """How many lines there are."""
    more_points: float
    """What those that are not here come to."""
    categories: dict[str, float]
    """The same as the score's: the sum over each category's lines alone, greatest first."""
    shadow: list[Line]
    """The greatest lines of experimental rules."""


def leading(view: View, score: Score, limit: int) -> Leading:
    """Return a score with its greatest lines."""
    company, at = score.company, score.as_of
    moment, count = microseconds(at), 0
    hazards: dict[str, float] = {}
    for bearing in view.bearings(company, at):
        some, categories = bearing.sums(moment)
        count += some
        for category, hazard in categories.items():
            hazards[category] = hazards.get(category, 0.0) + hazard
    pairs = sorted(hazards.items(), key=lambda pair: (-pair[1], pair[0]))
    lines = score.shared(_greatest(view, company, at, limit))
    left = max(0.0, score.value - sum(line.points for line in lines)) if count > limit else 0.0
    shadow = _greatest(view, company, at, limit, SHOWN)
    categories = {category: points(hazard) for category, hazard in pairs}
    return Leading(score, list(lines), count, left, categories, shadow)


def _greatest(
    view: View, company: str, at: datetime, limit: int, status: str = COUNTED
) -> list[Line]:
    moment = microseconds(at)
    found = [
        line
        for bearing in view.bearings(company, at, status)
        for line in bearing.leading(moment, limit)
    ]
    return sorted(found, key=lambda line: (-line.hazard, line.rule, line.matter))[:limit]


class Stretch(NamedTuple):
    """A matter that bears on a company: from when to when, where it stands, what it comes to."""

    matter: str
    title: str
    first: datetime | None
    """When its first event happened, up to `as_of`; None where it is of no one matter."""
    last: datetime | None
    stage: str | None
    """Of its greatest line; None while there are only claims."""
    open: bool
    """Whether it does not decay."""
    points: float
    rules: list[str]


class Timeline(list[Stretch]):
    """The matters that bear on a company, most points first: at most as many as were asked for."""

    matters: int = 0
    """How many matters bear."""
    more_points: float = 0.0
    """What those that are not here come to."""


def timeline(view: View, company: str, at: datetime, limit: int) -> Timeline:
    """Return the matters that bear on a company; their titles are still to be read."""
    moment, total = microseconds(at), view.hazard(company, at)
    value = float(points_of(np.array([total]))[0])
    found, count = Timeline(), 0
    by_matter: dict[str, list[tuple[Line, bool]]] = {}
    for bearing in view.bearings(company, at):
        some, lines = bearing.matters(moment, limit)
        count += some
        for line, still in sorted(lines, key=lambda pair: (-pair[0].hazard, pair[0].rule)):
            by_matter.setdefault(line.matter, []).append((line, still))
    for name, pairs in by_matter.items():
        share = value * sum(line.hazard for line, _ in pairs) / total
        found.append(_stretch(view.standing, name, pairs, moment, share))
    found.sort(key=lambda one: (-one.points, one.matter))
    del found[limit:]
    found.matters = count
    found.more_points = max(0.0, value - sum(one.points for one in found)) if count > limit else 0.0
    return found


def _stretch(
    standing: Standing, name: str, lines: list[tuple[Line, bool]], moment: int, points: float
) -> Stretch:
    told, code = standing.told, standing.told.matters.get(name)
    rows = told.rows_of([code]) if code is not None else np.zeros(0, np.int64)
    occurred = told.rows["occurred"][told.standing(standing.position, rows)]
    occurred = occurred[occurred <= moment]
    first, last = (occurred.min(), occurred.max()) if len(occurred) else (None, None)
    return Stretch(
        name,
        "",
        None if first is None else since_1970(int(first)),
        None if last is None else since_1970(int(last)),
        lines[0][0].stage,
        any(still for _, still in lines),
        points,
        list(dict.fromkeys(line.rule for line, _ in lines)),
    )


class Owned(NamedTuple):
    """An edge between a company and its owner, or one that it owns."""

    company: str
    """The other one."""
    name: str
    share: float
    since: datetime | None
    until: datetime | None
    direction: str
    """`owner`, or `owned`."""
    value: float | None
    """The other's score; None where it is not declared."""
    holds: bool
    """Whether the edge holds at `as_of`."""


def owners(standing: Standing, view: View | None, company: str, at: datetime) -> list[Owned]:
    """Return who owns a company, then what it owns: what holds first, greater shares first."""
    firms = standing.companies
    edges = [(one.company, one, "owner") for one in firms[company].owners]
    if company in standing.roster.owners:
        edges += [
            (firm.id, one, "owned")
            for firm in firms.values()
            for one in firm.owners
            if one.company == company
        ]
    if not edges:
        return []
    scores = points_of(view.course([at])[0]) if view else np.zeros(0)
    found = []
    for other, edge, direction in edges:
        declared = other in firms
        number = standing.roster.codes[other] if declared else 0
        value = (float(scores[number]) if view else 0.0) if declared else None
        name = firms[other].name if declared else other
        found.append(
            Owned(other, name, edge.share, edge.since, edge.until, direction, value, edge.holds(at))
        )
    return sorted(found, key=lambda o: (o.direction != "owner", not o.holds, -o.share, o.company))
