"""What waits for a person: names that may mean a company, what moves most points first."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np

from riskmon.model import Link, points
from riskmon.parties import Named
from riskmon.resolution import Candidate, Resolution
from riskmon.roster import Roster
from riskmon.scoring import View
from riskmon.standing import Standing


class Waiting(NamedTuple):
    """A name that waits, and what would follow if it meant its likeliest company."""

    name: str
    events: int
    """How many events that stand name it."""
    points: float
    """By how much the company's score would rise."""
    resolution: Resolution

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """Whom it may mean, likeliest first."""
        return self.resolution.all_candidates

    def to_dict(self) -> dict[str, Any]:
        """Return it as data."""
        return {
            "name": self.name,
            "events": self.events,
            "points": self.points,
            **self.resolution.to_dict(),
        }


def waiting(standing: Standing, view: View, at: datetime, limit: int) -> list[Waiting]:
    """Return at most `limit` names that wait, by the points that they would move."""
    named, counts = standing.strangers()
    if not len(named):
        return []
    hazards = _hazards(standing, view, named, at)
    found: list[Waiting] = []
    for place in np.lexsort((-counts, -hazards)).tolist():
        one = standing.told.named.names[named[place]]
        found += _looked_at(standing, view, one, int(counts[place]), float(hazards[place]), at)
        found = sorted(found, key=lambda one: (-one.points, -one.events, one.name))[:limit]
        # A name moves no more than its hazard would on its own; those to come have less.
        if len(found) == limit and points(float(hazards[place])) <= found[-1].points:
            break
    return found


def _looked_at(
    standing: Standing, view: View, one: Named, count: int, hazard: float, at: datetime
) -> Iterator[Waiting]:
    resolution = standing.names.resolve(one.names, dict(one.identifiers))
    if resolution.all_candidates:
        before = view.hazard(resolution.all_candidates[0].company, at)
        moved = points(before + hazard) - points(before)
        yield Waiting(one.names[0], count, moved, resolution)


def _hazards(standing: Standing, view: View, named: Any, at: datetime) -> Any:
    """Return what the matters that name each of some names come to, as if it were a company."""
    supposed = Standing(standing.told, standing.position, standing.recorded_at)
    supposed.roster = Roster.of_names(standing.told.named.names, named.tolist())
    return view.like(supposed).hazards(at)


class Linked(NamedTuple):
    """Two declared companies of which a source says that one may be the other's."""

    company: str
    owner: str
    links: tuple[Link, ...]


def linked(standing: Standing) -> list[Linked]:
    """Return the companies that remarks link to others, where nobody has said more of the two."""
    told, names, position = standing.told, standing.names, standing.position
    settled = {(one.company, one.owner) for place, one in told.unlinked if place <= position}
    settled |= {
        (firm.id, owner.company) for firm in standing.companies.values() for owner in firm.owners
    }
    found: dict[tuple[str, str], list[Link]] = {}
    for place, one in told.links:
        if place <= position:
            company, owner = names.known((one.name,)).company, names.known((one.owner,)).company
            if company and owner and company != owner and (company, owner) not in settled:
                found.setdefault((company, owner), []).append(one)
    return [Linked(*pair, tuple(links)) for pair, links in sorted(found.items())]
