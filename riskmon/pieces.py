"""Pieces: from when until when each unit stands where, and what hazard that is at any moment.

    v(t) = S x likelihood x 2^-(t - since) / half-life        within a piece; 0 outside

A unit has at most one piece at a time. A line's hazard is its weight times its unit's.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from riskmon.evaluators import Flags, Floats, Ints
from riskmon.told import spread

OPEN = 0
"""The half-life's number of what does not decay."""


@dataclass(frozen=True)
class Pieces:
    """The pieces of many units, unit after unit, in time."""

    unit: Ints
    start: Ints
    end: Ints
    since: Ints
    likelihood: Floats
    amplitude: Floats
    """S x likelihood."""
    half_life: Ints
    """A number of `half_lives`."""
    event: Ints
    """Which of the walked events began it; those of its unit before it were walked too."""
    stage: Ints
    """Which event set the official stage; -1 for none."""
    half_lives: Floats
    """1 / microseconds; 0 for OPEN."""
    units: int

    def active(self, at: int, alive: Flags) -> Ints:
        """Return the pieces that hold at `at`, of units that are alive."""
        found: Ints = np.flatnonzero((self.start <= at) & (self.end > at))
        return found if alive.all() else found[alive[self.unit[found]]]

    def hazard(self, pieces: Ints, at: int) -> Floats:
        """Return what each of `pieces` is worth at `at`, which is not before its clock."""
        age = (at - self.since[pieces]) * self.half_lives[self.half_life[pieces]]
        return self.amplitude[pieces] * np.exp2(-age)

    @cached_property
    def first(self) -> Ints:
        """Where the pieces of each unit begin, and last how many there are."""
        return np.searchsorted(self.unit, np.arange(self.units + 1))

    @cached_property
    def by_start(self) -> Ints:
        """The pieces by when they begin."""
        return np.argsort(self.start, kind="stable")

    @cached_property
    def by_end(self) -> Ints:
        """The pieces by when they end."""
        return np.argsort(self.end, kind="stable")

    def begun(self, after: int, until: int) -> Ints:
        """Return the pieces that begin after `after`, up to `until`."""
        return _between(self.start, self.by_start, after, until)

    def ended(self, after: int, until: int) -> Ints:
        """Return the pieces that end after `after`, up to `until`."""
        return _between(self.end, self.by_end, after, until)


def _between(moments: Ints, order: Ints, after: int, until: int) -> Ints:
    low, high = np.searchsorted(moments, [after, until], side="right", sorter=order)
    return order[low:high]


@dataclass(frozen=True)
class Lines:
    """Which unit bears on which company with what weight; by unit.

    `less` of the unit `neutral` is counted elsewhere, with all that is in scope, and taken off.
    """

    unit: Ints
    company: Ints
    weight: Floats
    via: Ints
    neutral: Ints
    less: Floats

    @cached_property
    def of_company(self) -> Index:
        """The lines by company."""
        return Index(self.company)

    @cached_property
    def of_unit(self) -> Index:
        """The lines by unit."""
        return Index(self.unit)

    @cached_property
    def of_neutral(self) -> Index:
        """The lines that take something off, by the unit of which they do."""
        return Index(self.neutral, np.flatnonzero(self.less))


@dataclass(frozen=True)
class Scope:
    """Units that bear on all that are exposed to a group of scopes, without a line for each."""

    unit: Ints
    key: Ints
    """Of each unit: a number for each rule, its numbers' dates and group of scopes."""
    company: Ints
    """Companies exposed to each key, key after key."""
    weight: Floats
    first: Ints
    """Where the companies of each key begin, and last how many there are."""

    @cached_property
    def of_company(self) -> Index:
        """The exposures by company."""
        return Index(self.company)

    @cached_property
    def of_key(self) -> Index:
        """The units by key."""
        return Index(self.key)

    @cached_property
    def of_unit(self) -> Index:
        """The units by themselves."""
        return Index(self.unit)

    @cached_property
    def exposed_key(self) -> Ints:
        """Of each exposure, its key."""
        return np.repeat(np.arange(len(self.first) - 1), np.diff(self.first))


class Index:
    """Where values stand in a column, or in some rows of it."""

    def __init__(self, column: Ints, rows: Ints | None = None) -> None:
        some = column if rows is None else column[rows]
        order = np.argsort(some, kind="stable")
        self._sorted = some[order]
        self._rows = order if rows is None else rows[order]

    def find(self, values: Ints) -> tuple[Ints, Ints]:
        """Return the rows that have one of `values`, and for each which of them it is."""
        low = np.searchsorted(self._sorted, values)
        counts = np.searchsorted(self._sorted, values, side="right") - low
        return self._rows[spread(low, counts)], np.repeat(np.arange(len(values)), counts)
