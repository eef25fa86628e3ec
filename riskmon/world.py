"""What stands around the matters at a moment: who owns whom, and who is exposed to what."""

from __future__ import annotations

import bisect
import math
import threading
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from riskmon.forms import EARLIEST
from riskmon.model import Company

MOST_WORLDS = 4


class World:
    """Exposures and owners as they hold at one moment."""

    def __init__(self, companies: Iterable[Company], at: datetime) -> None:
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


class Worlds:
    """The world at any moment; between two dates of its edges it is the same."""

    def __init__(self, companies: Collection[Company]) -> None:
        self._companies = companies
        edges = [edge for company in companies for edge in (*company.exposures, *company.owners)]
        self._dates = sorted({date for edge in edges for date in (edge.since, edge.until) if date})
        self._made: dict[int, World] = {}
        self._lock = threading.Lock()

    def epoch(self, at: datetime) -> int:
        """Return the number of the stretch between two dates that `at` is in."""
        return bisect.bisect_right(self._dates, at)

    def in_epoch(self, epoch: int) -> World:
        """Return the world as it is in a stretch; by any thread."""
        with self._lock:
            if epoch not in self._made:
                if len(self._made) >= MOST_WORLDS:
                    self._made.pop(next(iter(self._made)))
                at = self._dates[epoch - 1] if epoch else EARLIEST
                self._made[epoch] = World(self._companies, at)
            return self._made[epoch]
