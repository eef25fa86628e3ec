"""Lines across companies: the greatest of each, what each rule comes to, those of one matter. Pure.

All companies at once, in columns: a line is drawn for none of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from functools import cached_property
from typing import NamedTuple

import numpy as np

from riskmon.evaluators import Floats, Ints
from riskmon.forms import microseconds, since_1970
from riskmon.reach import SCOPE, VIA
from riskmon.roster import NOBODY
from riskmon.rules import Terms
from riskmon.scoring import Part, View
from riskmon.told import spread

ROUNDING = 1e-12
"""What was added and taken off again may leave so much hazard."""


class Greatest(NamedTuple):
    """What the greatest line of a company says of it."""

    rule: str
    category: str
    since: datetime


class Tops:
    """The greatest line of each company at a moment, in the order of a view's `ids`."""

    def __init__(self, view: View, at: datetime) -> None:
        self._view, self._at = view, at
        self._units = [_Units(part, at) for part in view.parts()]
        size = len(view.ids)
        best, self._apart = np.zeros(size), np.zeros(size, bool)
        bearing = [list(one.bearing()) for one in self._units]
        for one, columns in zip(self._units, bearing, strict=True):
            self._apart[one.apart()] = True
            for company, hazard, _ in columns:
                np.maximum.at(best, company, hazard)
        found = [np.zeros((3, 0), np.int64)]
        for number, columns in enumerate(bearing):
            for company, hazard, unit in columns:
                equal = np.flatnonzero((hazard == best[company]) & (hazard > 0))
                layer = np.full(len(equal), number)
                found.append(np.stack([company[equal], unit[equal], layer]))
        places, self._unit, self._layer = np.concatenate(found, axis=1)
        order = np.argsort(places, kind="stable")
        self._unit, self._layer = self._unit[order], self._layer[order]
        self._first = np.searchsorted(places[order], np.arange(size + 1)).tolist()
        self._made: dict[int, Greatest | None] = {}

    def __getitem__(self, company: int) -> Greatest | None:
        """Return what the greatest line of a company is, by its number; None where it has none."""
        if company not in self._made:
            self._made[company] = self._make(company)
        return self._made[company]

    def _make(self, company: int) -> Greatest | None:
        if self._apart[company]:
            line = self._view.top(self._view.ids[company], self._at)
            return Greatest(line.rule, line.category, line.since) if line else None
        places = range(self._first[company], self._first[company + 1])
        # Of equal ones the first by rule and matter, as a score has them.
        found = min(map(self._called, places), default=None)
        return found[2] if found else None

    def _called(self, place: int) -> tuple[str, str, Greatest]:
        units, unit = self._units[self._layer[place]], int(self._unit[place])
        terms = units.terms(unit)
        return terms.id, units.matter(unit), Greatest(terms.id, terms.category, units.since(unit))


def by_rule(view: View, at: datetime) -> dict[str, Floats]:
    """Return for each rule the hazard of its lines for every company, in the order of `ids`."""
    found = {rule.id: np.zeros(len(view.ids)) for rule in view.ruleset.rules}
    for part in view.parts():
        for rule, company, hazard in _Units(part, at).by_rule():
            np.add.at(found[rule], company, hazard)
    for hazards in found.values():
        hazards[hazards < ROUNDING] = 0.0
    return found


class Bears(NamedTuple):
    """How a matter bears on a company by a rule: a line without its points."""

    company: int
    """Its place in a view's `ids`."""
    rule: str
    via: str
    weight: float
    hazard: float
    stage: str | None
    since: datetime


class OnMatter:
    """What a matter bears on at a moment, by its number in the log: the lines of all companies."""

    def __init__(self, view: View, matter: int, at: datetime) -> None:
        self._units: list[_Units] = []
        found = [np.zeros((4, 0), np.int64)]
        hazards, weights = [np.zeros(0)], [np.zeros(0)]
        for part in view.parts():
            some, _ = part.layer.of_matter.find(np.array([matter]))
            units = _Units(part, at, some[part.alive[some]])
            company, unit, weight, via, hazard = units.reached()
            found.append(np.stack([company, unit, via, np.full(len(unit), len(self._units))]))
            weights.append(weight)
            hazards.append(hazard)
            self._units.append(units)
        self.company, self._unit, self._via, self._layer = np.concatenate(found, axis=1)
        self.hazard, self._weight = np.concatenate(hazards), np.concatenate(weights)

    def __len__(self) -> int:
        return len(self.company)

    def __getitem__(self, line: int) -> Bears:
        """Return one of the lines."""
        units, unit = self._units[self._layer[line]], int(self._unit[line])
        return Bears(
            int(self.company[line]),
            units.terms(unit).id,
            VIA[self._via[line]],
            float(self._weight[line]),
            float(self.hazard[line]),
            units.stage(unit),
            units.since(unit),
        )


class _Units:
    """What each unit of a layer is worth at a moment: of all that are alive, or of some."""

    def __init__(self, part: Part, at: datetime, some: Ints | None = None) -> None:
        self._layer, self._places = part.layer, part.places
        self._around, self._scope = part.layer.around(at)
        moment, pieces = microseconds(at), part.layer.pieces
        if some is None:
            active = pieces.active(moment, part.alive)
        else:
            held = spread(pieces.first[some], pieces.first[some + 1] - pieces.first[some])
            active = held[(pieces.start[held] <= moment) & (pieces.end[held] > moment)]
        self._some, unit = some, pieces.unit[active]
        self._amplitude, self._faded = np.zeros(pieces.units), np.zeros(pieces.units)
        self._piece = np.full(pieces.units, NOBODY)
        self._piece[unit] = active
        self._amplitude[unit] = pieces.amplitude[active]
        age = (moment - pieces.since[active]) * pieces.half_lives[pieces.half_life[active]]
        self._faded[unit] = np.exp2(-age)

    def terms(self, unit: int) -> Terms:
        """Return the numbers of a unit's rule."""
        found: Terms = self._layer.blocks[self._layer.block[unit]]
        return found

    def matter(self, unit: int) -> str:
        """Return a unit's matter; nothing where it is of no one matter."""
        code = self._layer.matter[unit]
        return str(self._layer.told.matters.names[code]) if code != NOBODY else ""

    def since(self, unit: int) -> datetime:
        """Return where the decay clock of a unit stands."""
        return since_1970(int(self._layer.pieces.since[self._piece[unit]]))

    def stage(self, unit: int) -> str | None:
        """Return the type of the event that set a unit's official stage; None without one."""
        stage, told = self._layer.pieces.stage[self._piece[unit]], self._layer.told
        if stage == NOBODY:
            return None
        return str(told.types.names[told.rows["type"][self._layer.row[stage]]])

    def _hazard(self, unit: Ints, weight: Floats) -> Floats:
        return (weight * self._amplitude[unit]) * self._faded[unit]  # to the bit as in `bearing`

    @cached_property
    def _worth(self) -> Floats:
        """What each unit in scope is worth at full weight."""
        return self._amplitude[self._scope.unit] * self._faded[self._scope.unit]

    def _exposed(self, index: Ints) -> tuple[Ints, Ints, Floats]:
        """Return company, unit and weight of all that are exposed to some of the units in scope."""
        scope = self._scope
        key = scope.key[index]
        counts = scope.first[key + 1] - scope.first[key]
        place = spread(scope.first[key], counts)
        return scope.company[place], np.repeat(scope.unit[index], counts), scope.weight[place]

    # The greatest

    def bearing(self) -> Iterator[tuple[Ints, Floats, Ints]]:
        """Yield company, hazard and unit of the lines among which each company's greatest is.

        But for those whom `apart` names.
        """
        for lines in (self._layer.lines(), self._around):
            company = self._places[lines.company]
            some = np.flatnonzero((self._amplitude[lines.unit] > 0) & (company != NOBODY))
            unit = lines.unit[some]
            yield company[some], self._hazard(unit, lines.weight[some]), unit
        best = np.zeros(len(self._scope.first) - 1)
        np.maximum.at(best, self._scope.key, self._worth)
        equal = np.flatnonzero((self._worth > 0) & (self._worth == best[self._scope.key]))
        company, unit, weight = self._exposed(equal)
        here = self._places[company] != NOBODY
        yield self._places[company[here]], self._hazard(unit[here], weight[here]), unit[here]

    def apart(self) -> Ints:
        """Return the companies that a unit of their own may reach less than it does others."""
        lines = self._around
        found: Ints = self._places[lines.company[lines.unit != lines.neutral]]
        here: Ints = found[found != NOBODY]
        return here

    # Sums

    def by_rule(self) -> Iterator[tuple[str, Ints, Floats]]:
        """Yield rules with companies, and what to add to the hazard of each."""
        layer, scope = self._layer, self._scope
        for lines in (layer.lines(), self._around):
            yield from self._by_block(
                layer.block[lines.unit], lines.company, self._hazard(lines.unit, lines.weight)
            )
            less = np.flatnonzero(lines.less)
            neutral = lines.neutral[less]
            yield from self._by_block(
                layer.block[neutral], lines.company[less], -self._hazard(neutral, lines.less[less])
            )
        keys = len(scope.first) - 1
        worth = np.bincount(scope.key, self._worth, minlength=keys)
        block = np.zeros(keys, np.int64)
        block[scope.key] = layer.block[scope.unit]
        counts = np.diff(scope.first)
        hazard = np.repeat(worth, counts) * scope.weight
        yield from self._by_block(np.repeat(block, counts), scope.company, hazard)

    def _by_block(
        self, block: Ints, company: Ints, hazard: Floats
    ) -> Iterator[tuple[str, Ints, Floats]]:
        size, blocks = len(self._places), self._layer.blocks
        cells = len(blocks) * size
        sums = np.bincount(block * size + company, hazard, cells).astype(np.float64)
        here = np.flatnonzero(self._places != NOBODY)
        for terms, row in zip(blocks, sums.reshape(len(blocks), size), strict=True):
            yield terms.id, self._places[here], row[here]

    # Some of them

    def reached(self) -> tuple[Ints, Ints, Floats, Ints, Floats]:
        """Return company, unit, weight, way and hazard of every line that some units give."""
        wanted = np.sort(self._some) if self._some is not None else np.zeros(0, np.int64)
        found, own = [], [np.zeros(0, np.int64)]
        size = len(self._places)
        for lines in (self._layer.lines(), self._around):
            index, _ = lines.of_unit.find(wanted)
            company, unit = lines.company[index], lines.unit[index]
            found.append((company, unit, lines.weight[index], lines.via[index]))
            own.append(lines.neutral[index] * size + company)
        index, _ = self._scope.of_unit.find(wanted)
        company, unit, weight = self._exposed(index)
        # What a line of its own says is not said by scope again.
        fresh = ~np.isin(unit * size + company, np.concatenate(own))
        scoped = (company[fresh], unit[fresh], weight[fresh], np.full(int(fresh.sum()), SCOPE))
        company, unit, weight, via = map(np.concatenate, zip(*found, scoped, strict=True))
        hazard = self._hazard(unit, weight)
        some = (hazard > 0) & (self._places[company] != NOBODY)
        return self._places[company[some]], unit[some], weight[some], via[some], hazard[some]
