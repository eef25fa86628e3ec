"""Sums of a layer's hazards, for all companies at one moment; kept, and moved on by decay.

Per company and half-life, since what decays alike stays in proportion (forward decay: Cormode,
Shkapenyuk, Srivastava, Xu, ICDE 2009). Moving on costs what begins and ends between, not the whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

import numpy as np

from riskmon.evaluators import Flags, Floats, Ints
from riskmon.forms import microseconds
from riskmon.layer import Layer
from riskmon.pieces import Lines, Pieces, Scope
from riskmon.told import spread


class Sums(NamedTuple):
    """Hazards at a moment, by half-life."""

    at: int
    epoch: int
    """Of the world."""
    companies: Floats
    """A row a company, a column a half-life."""
    keys: Floats
    """The same of all units under one key of scope."""

    def total(self, scope: Scope) -> Floats:
        """Return the hazard of each company."""
        total: Floats = self.companies.sum(axis=1)
        if len(scope.company):
            each = np.repeat(self.keys.sum(axis=1), np.diff(scope.first)) * scope.weight
            total = total + np.bincount(scope.company, each, minlength=len(total))
        return np.maximum(total, 0.0)  # what was taken off again may leave less, by rounding


def full(layer: Layer, alive: Flags, at: datetime) -> Sums:
    """Return the sums at `at`, from every piece that holds then."""
    pieces = layer.pieces
    return _full(layer, alive, at, pieces.half_life, len(pieces.half_lives))


def once(layer: Layer, alive: Flags, at: datetime) -> Floats:
    """Return the hazard of each company at `at`, of sums that are never moved on."""
    found = _full(layer, alive, at, np.zeros_like(layer.pieces.half_life), 1)
    return found.total(layer.around(at)[1])


def _full(layer: Layer, alive: Flags, at: datetime, column: Ints, columns: int) -> Sums:
    moment, pieces = microseconds(at), layer.pieces
    lines, scope = layer.around(at)
    active = pieces.active(moment, alive)
    hazards = pieces.hazard(active, moment)
    found = _Weighed(pieces, active, hazards, column[active], columns)
    companies = found.by_company(layer.lines(), len(layer.watched.ids))
    companies += found.by_company(lines, len(layer.watched.ids))
    return Sums(moment, layer.watched.worlds.epoch(at), companies, found.by_key(scope))


def moved(sums: Sums, layer: Layer, alive: Flags, at: datetime) -> Sums:
    """Return the sums at `at`, from those of an earlier moment where that can be."""
    moment, pieces = microseconds(at), layer.pieces
    if moment < sums.at or layer.watched.worlds.epoch(at) != sums.epoch:
        return full(layer, alive, at)
    begun, ended = pieces.begun(sums.at, moment), pieces.ended(sums.at, moment)
    begun, ended = begun[pieces.end[begun] > moment], ended[pieces.start[ended] <= sums.at]
    if 4 * (len(begun) + len(ended)) > len(pieces.unit):
        return full(layer, alive, at)
    decay = np.exp2(-(moment - sums.at) * pieces.half_lives)
    fresh = Sums(moment, sums.epoch, sums.companies * decay, sums.keys * decay)
    _change(fresh, layer, begun[alive[pieces.unit[begun]]], 1)
    _change(fresh, layer, ended[alive[pieces.unit[ended]]], -1)
    return fresh


def course(layer: Layer, alive: Flags, moments: Sequence[datetime]) -> Iterator[Floats]:
    """Yield the hazard of each company at each of some moments, which are in order."""
    now: Sums | None = None
    for at in moments:
        now = full(layer, alive, at) if now is None else moved(now, layer, alive, at)
        yield now.total(layer.around_epoch(now.epoch)[1])


def without(sums: Sums, layer: Layer, units: Ints) -> Sums:
    """Return the sums less what some units, alive until now, add to them."""
    pieces = layer.pieces
    first = pieces.first
    found = spread(first[units], first[units + 1] - first[units])
    found = found[(pieces.start[found] <= sums.at) & (pieces.end[found] > sums.at)]
    fresh = Sums(sums.at, sums.epoch, sums.companies.copy(), sums.keys.copy())
    _change(fresh, layer, found, -1)
    return fresh


def _change(sums: Sums, layer: Layer, pieces: Ints, sign: int) -> None:
    """Add what some pieces are worth, or take it off."""
    if not len(pieces):
        return
    found = layer.pieces
    value, column = sign * found.hazard(pieces, sums.at), found.half_life[pieces]
    unit = found.unit[pieces]
    lines, scope = layer.around_epoch(sums.epoch)
    for one in (layer.lines(), lines):
        index, which = one.of_unit.find(unit)
        change = one.weight[index] * value[which]
        np.add.at(sums.companies, (one.company[index], column[which]), change)
        index, which = one.of_neutral.find(unit)
        change = one.less[index] * value[which]
        np.subtract.at(sums.companies, (one.company[index], column[which]), change)
    index, which = scope.of_unit.find(unit)
    np.add.at(sums.keys, (scope.key[index], column[which]), value[which])


class _Weighed:
    """Values of active pieces, by unit; each in one of some columns."""

    def __init__(
        self, pieces: Pieces, active: Ints, value: Floats, column: Ints, columns: int
    ) -> None:
        self._count = columns
        self._value = np.zeros(pieces.units)
        self._column = np.zeros(pieces.units, np.int64)
        unit = pieces.unit[active]
        self._value[unit], self._column[unit] = value, column

    def by_company(self, lines: Lines, companies: int) -> Floats:
        """Return the sums of lines, a row a company, a column a half-life."""
        found = self._sums(lines.unit, lines.company, lines.weight, companies)
        less = np.flatnonzero(lines.less)
        if len(less):
            found -= self._sums(
                lines.neutral[less], lines.company[less], lines.less[less], companies
            )
        return found

    def by_key(self, scope: Scope) -> Floats:
        """Return the sums of units in scope, a row a key."""
        return self._sums(scope.unit, scope.key, np.ones(len(scope.unit)), len(scope.first) - 1)

    def _sums(self, unit: Ints, row: Ints, weight: Floats, rows: int) -> Floats:
        key = row * self._count + self._column[unit]
        sums = np.bincount(key, weight * self._value[unit], minlength=rows * self._count)
        return sums.astype(np.float64).reshape(rows, self._count)  # without lines they are whole
