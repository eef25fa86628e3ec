"""What stands around the matters at a moment: who owns whom, who is exposed to what, who tells."""

from __future__ import annotations

import bisect
import math
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime

from riskmon.model import Company, Event, Publisher

UNLISTED = 0.3
"""Credibility of a publisher that no list names."""


class World:
    """Exposures, owners and publishers as they hold at one moment."""

    def __init__(
        self, companies: Iterable[Company], publishers: Mapping[str, Publisher], at: datetime
    ) -> None:
        self.publishers = publishers
        self.owners: dict[str, list[tuple[str, float]]] = {}
        """Company -> (owner, share)."""
        self.owned: dict[str, set[str]] = {}
        """Owner -> companies."""
        self._exposures: dict[str, dict[str, float]] = {}
        self._exposed: dict[frozenset[str], dict[str, float]] = {}
        for company in companies:
            if company.jurisdiction:
                self._expose(company.id, f"country:{company.jurisdiction}", 1.0)
            for exposure in company.exposures:
                if exposure.holds(at):
                    self._expose(company.id, exposure.subject, exposure.weight)
            for owner in company.owners:
                if owner.holds(at):
                    self.owners.setdefault(company.id, []).append((owner.company, owner.share))
                    self.owned.setdefault(owner.company, set()).add(company.id)

    def _expose(self, company: str, subject: str, weight: float) -> None:
        weights = self._exposures.setdefault(subject, {})
        weights[company] = max(weight, weights.get(company, 0.0))

    def exposed(self, scope: frozenset[str]) -> Mapping[str, float]:
        """Return the product of its exposures for every company exposed to all of `scope`."""
        if scope not in self._exposed:
            columns = [self._exposures.get(subject, {}) for subject in sorted(scope)]
            shared = set.intersection(*map(set, columns))
            self._exposed[scope] = {
                company: math.prod(column[company] for column in columns) for company in shared
            }
        return self._exposed[scope]

    def teller(self, event: Event) -> Publisher:
        """Return the publisher whose story `event` is."""
        name = event.origin or event.source
        return self.publishers.get(name) or Publisher(id=name, credibility=UNLISTED)


def worlds(
    companies: Collection[Company], publishers: Mapping[str, Publisher]
) -> Callable[[datetime], World]:
    """Return what gives the world at a moment; between two dates of its edges it is the same."""
    edges = [edge for company in companies for edge in (*company.exposures, *company.owners)]
    dates = sorted({date for edge in edges for date in (edge.since, edge.until) if date})
    made: dict[int, World] = {}

    def world(at: datetime) -> World:
        epoch = bisect.bisect_right(dates, at)
        if epoch not in made:
            made[epoch] = World(companies, publishers, at)
        return made[epoch]

    return world
