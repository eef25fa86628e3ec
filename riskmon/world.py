"""What stands around the matters at a moment: who owns whom, and who is exposed to what."""

from __future__ import annotations

import bisect
import threading
from array import array
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import numpy as np

from riskmon.evaluators import Floats, Ints
from riskmon.forms import EARLIEST
from riskmon.model import Company

MOST_WORLDS = 4


class World:
    """Exposures and owners as they hold at one moment, of companies by their numbers."""

    def __init__(self, companies: Sequence[Company], at: datetime) -> None:
        """`companies`: in the order of their numbers."""
        codes = {company.id: number for number, company in enumerate(companies)}
        self.owners: dict[int, list[tuple[int, float]]] = {}
        """Company -> (owner, share); owners that are none of the companies carry nothing."""
        self.owned: dict[int, set[int]] = {}
        """Owner -> companies."""
        self.around = np.zeros(len(companies), bool)
        """Who owns one or is owned."""
        edges = _Edges()
        for number, company in enumerate(companies):
            if company.jurisdiction:
                edges.add(f"country:{company.jurisdiction}", number, 1.0)
            for exposure in company.exposures:
                if exposure.holds(at):
                    edges.add(exposure.subject, number, exposure.weight)
            for owner in company.owners:
                if owner.company in codes and owner.holds(at):
                    code = codes[owner.company]
                    self.owners.setdefault(number, []).append((code, owner.share))
                    self.owned.setdefault(code, set()).add(number)
        self.around[[*self.owners, *self.owned]] = True
        self._exposures = edges.by_subject()
        self._exposed: dict[frozenset[str], Exposed] = {}
        self._reached: dict[frozenset[frozenset[str]], Exposed] = {}

    def exposed(self, scope: frozenset[str]) -> Exposed:
        """Return the product of its exposures for every company exposed to all of `scope`."""
        if scope not in self._exposed:
            first, *more = (self._exposures.get(one, NO_ONE) for one in sorted(scope))
            company, weight = first
            for others, weights in more:
                company, mine, theirs = np.intersect1d(
                    company, others, assume_unique=True, return_indices=True
                )
                weight = weight[mine] * weights[theirs]
            self._exposed[scope] = Exposed(company, weight)
        return self._exposed[scope]

    def reached(self, scopes: frozenset[frozenset[str]]) -> Exposed:
        """Return the greatest of these products for every company exposed to one of `scopes`."""
        if scopes not in self._reached:
            found = [self.exposed(one) for one in scopes]
            company, place = np.unique(
                np.concatenate([one.company for one in found]), return_inverse=True
            )
            weight = np.zeros(len(company))
            np.maximum.at(weight, place, np.concatenate([one.weight for one in found]))
            some = weight > 0
            self._reached[scopes] = Exposed(company[some], weight[some])
        return self._reached[scopes]


class Exposed(NamedTuple):
    """Companies, sorted, once each; and with what weight."""

    company: Ints
    weight: Floats


NO_ONE = Exposed(np.zeros(0, np.int64), np.zeros(0))


class _Edges:
    """Exposures as they are collected: three columns."""

    def __init__(self) -> None:
        self._subjects: dict[str, int] = {}
        self._subject, self._company, self._weight = array("q"), array("q"), array("d")

    def add(self, subject: str, company: int, weight: float) -> None:
        self._subject.append(self._subjects.setdefault(subject, len(self._subjects)))
        self._company.append(company)
        self._weight.append(weight)

    def by_subject(self) -> dict[str, Exposed]:
        """Return for each subject its companies, each with its greatest weight."""
        subject, company = np.array(self._subject), np.array(self._company)
        weight = np.array(self._weight)
        order = np.lexsort((-weight, company, subject))
        subject, company, weight = subject[order], company[order], weight[order]
        first = (np.diff(subject, prepend=-1) != 0) | (np.diff(company, prepend=-1) != 0)
        subject, company, weight = subject[first], company[first], weight[first]
        bounds = np.searchsorted(subject, np.arange(len(self._subjects) + 1))
        return {
            name: Exposed(company[begin:end], weight[begin:end])
            for name, begin, end in zip(self._subjects, bounds, bounds[1:], strict=False)
        }


class Worlds:
    """The world at any moment; between two dates of its edges it is the same."""

    def __init__(self, companies: Sequence[Company]) -> None:
        self._companies = companies
        edges = [edge for company in companies for edge in (*company.exposures, *company.owners)]
        self._dates = sorted({date for edge in edges for date in (edge.since, edge.until) if date})
        self._made: dict[int, World] = {}
        self._lock = threading.Lock()

    @classmethod
    def of(cls, world: World) -> Worlds:
        """Return the world at any moment where it is asked for at one only."""
        fresh = cls(())
        fresh._made[0] = world
        return fresh

    def at(self, at: datetime) -> World:
        """Return the world as it is at `at`."""
        return self.in_epoch(self.epoch(at))

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
