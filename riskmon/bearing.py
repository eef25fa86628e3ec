"""What bears on one company: the pieces of every unit that reaches it, and the lines they are."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from riskmon.cited import Cited
from riskmon.evaluators import Flags, Floats, Ints
from riskmon.forms import since_1970
from riskmon.layer import Layer
from riskmon.model import Line
from riskmon.reach import SCOPE, VIA
from riskmon.roster import NOBODY
from riskmon.told import spread


class Bearing:
    """The pieces of a layer that reach one company, in one stretch of the world."""

    def __init__(self, layer: Layer, alive: Flags, company: int, epoch: int) -> None:
        self._layer, self._company = layer, company
        unit, weight, via = _units(layer, company, epoch)
        keep = alive[unit]
        unit, weight, via = unit[keep], weight[keep], via[keep]
        pieces = layer.pieces
        counts = pieces.first[unit + 1] - pieces.first[unit]
        found = spread(pieces.first[unit], counts)
        order = np.argsort(pieces.start[found], kind="stable")
        self._piece = found[order]
        self._weight = np.repeat(weight, counts)[order]
        self._via = np.repeat(via, counts)[order]
        self._start, self._end = pieces.start[self._piece], pieces.end[self._piece]
        self._since = pieces.since[self._piece]
        self._amplitude = self._weight * pieces.amplitude[self._piece]
        self._rate = pieces.half_lives[pieces.half_life[self._piece]]

    def _active(self, at: int) -> Ints:
        begun = np.searchsorted(self._start, at, side="right")
        found: Ints = np.flatnonzero(self._end[:begun] > at)
        return found

    def _hazards(self, active: Ints, at: int) -> Floats:
        age = (at - self._since[active]) * self._rate[active]
        return self._amplitude[active] * np.exp2(-age)

    def hazard(self, at: int) -> float:
        """Return the hazard of the company at `at`, in microseconds since 1970."""
        return float(self._hazards(self._active(at), at).sum())

    def course(self, moments: Ints) -> Floats:
        """Return the hazard at each of some moments, in order; each piece is looked at once.

        What decays alike is carried from moment to moment in one sum, as in `sums`.
        """
        begin, end = np.searchsorted(moments, self._start), np.searchsorted(moments, self._end)
        held = np.flatnonzero(begin < end)
        rates, column = np.unique(self._rate[held], return_inverse=True)
        change = np.zeros((len(moments), len(rates)))
        for sign, places in ((1, begin[held]), (-1, end[held])):
            inside = np.flatnonzero(places < len(moments))
            pieces, place = held[inside], places[inside]
            age = (moments[place] - self._since[pieces]) * self._rate[pieces]
            value = sign * self._amplitude[pieces] * np.exp2(-age)
            key = place * len(rates) + column[inside]
            change += np.bincount(key, value, minlength=change.size).reshape(change.shape)
        total = np.zeros((len(moments), len(rates)))
        now, before = np.zeros(len(rates)), 0
        for row, at in enumerate(moments.tolist()):
            now = now * np.exp2(-(at - before) * rates) + change[row]
            total[row] = now
            before = at
        found: Floats = total.sum(axis=1)
        return np.maximum(found, 0.0)  # what was taken off may leave less, by rounding

    def sums(self, at: int) -> tuple[int, dict[str, float]]:
        """Return how many lines there are at `at`, and the hazard of each category."""
        active, hazards = self._lasting(at)
        block = self._layer.block[self._layer.pieces.unit[self._piece[active]]]
        found: dict[str, float] = {}
        for one, hazard in enumerate(np.bincount(block, hazards).tolist()):
            if hazard > 0:
                category = self._layer.blocks[one].category
                found[category] = found.get(category, 0.0) + hazard
        return len(active), found

    def leading(self, at: int, count: int) -> list[Line]:
        """Return the greatest `count` of the lines at `at`, in no order."""
        active, hazards = self._lasting(at)
        chosen = _greatest(hazards, count)
        if len(chosen) > count:  # some are equal
            places = active.tolist()
            order = sorted(chosen.tolist(), key=lambda n: (-hazards[n], *self._called(places[n])))
            chosen = np.array(order[:count], np.int64)
        return list(self._drawn(active[chosen], hazards[chosen], at))

    def matters(self, at: int, count: int) -> tuple[int, list[tuple[Line, bool]]]:
        """Return how many matters bear at `at`, and the lines of the greatest `count` of them.

        Each line with whether it is open: that it does not decay.
        """
        active, hazards = self._lasting(at)
        unit = self._layer.pieces.unit[self._piece[active]]
        matter = self._layer.matter[unit]
        # Where a unit is of no one matter, it stands for one.
        keys, of = np.unique(np.where(matter >= 0, matter, -2 - unit), return_inverse=True)
        each = np.bincount(of, hazards, minlength=len(keys)).astype(np.float64)
        chosen = np.isin(of, _greatest(each, count))
        lines = self._drawn(active[chosen], hazards[chosen], at)
        return len(keys), list(zip(lines, self._rate[active[chosen]] == 0, strict=True))

    def _lasting(self, at: int) -> tuple[Ints, Floats]:
        """Return the pieces that give a line at `at`, and their hazards."""
        active = self._active(at)
        hazards = self._hazards(active, at)
        some = hazards > 0
        return active[some], hazards[some]

    def _called(self, one: int) -> tuple[str, str]:
        """Return rule and matter of a piece, by which equal ones are ordered."""
        layer, unit = self._layer, self._layer.pieces.unit[self._piece[one]]
        rule, matter = layer.blocks[layer.block[unit]].id, layer.matter[unit]
        return rule, layer.told.matters.names[matter] if matter != NOBODY else ""

    def lines(self, at: int) -> Iterator[Line]:
        """Yield the lines at `at`, in no order."""
        active = self._active(at)
        return self._drawn(active, self._hazards(active, at), at)

    def greatest(self, at: int) -> Iterator[Line]:
        """Yield the greatest of the lines at `at`, more than one where they are equal."""
        active = self._active(at)
        hazards = self._hazards(active, at)
        best = np.flatnonzero(hazards == hazards.max(initial=0.0))
        return self._drawn(active[best], hazards[best], at)

    def _drawn(self, active: Ints, hazards: Floats, at: int) -> Iterator[Line]:
        layer, pieces = self._layer, self._layer.pieces
        told, company = layer.told, layer.watched.ids[self._company]
        positions, types = told.rows["position"], told.rows["type"]
        decay = np.exp2((self._since[active] - at) * self._rate[active])
        for one, hazard, faded in zip(active, hazards.tolist(), decay.tolist(), strict=True):
            if hazard <= 0:
                continue
            piece = self._piece[one]
            unit = pieces.unit[piece]
            terms = layer.blocks[layer.block[unit]]
            matter, stage = layer.matter[unit], pieces.stage[piece]
            rows = layer.row[layer.first_event[unit] : pieces.event[piece] + 1]
            yield Line(
                company=company,
                rule=terms.id,
                category=terms.category,
                matter=told.matters.names[matter] if matter != NOBODY else f"{terms.id}:{company}",
                hazard=hazard,
                severity=terms.severity,
                likelihood=float(pieces.likelihood[piece]),
                weight=float(self._weight[one]),
                decay=faded,
                stage=told.types.names[types[layer.row[stage]]] if stage != NOBODY else None,
                since=since_1970(int(self._since[one])),
                via=VIA[self._via[one]],
                events=Cited(positions[rows].tolist(), told.events),
            )


def _greatest(values: Floats, count: int) -> Ints:
    """Return where the greatest `count` of some values are; more, where the last are equal."""
    if len(values) <= count:
        return np.arange(len(values))
    least = np.partition(values, len(values) - count)[len(values) - count]
    found: Ints = np.flatnonzero(values >= least)
    return found


def _units(layer: Layer, company: int, epoch: int) -> tuple[Ints, Floats, Ints]:
    """Return the units that reach a company, each with its weight and by what it does."""
    wanted = np.array([company])
    around, scope = layer.around_epoch(epoch)
    units, weights, vias, replaced = [], [], [], []
    for lines in (layer.lines(), around):
        found, _ = lines.of_company.find(wanted)
        units.append(lines.unit[found])
        weights.append(lines.weight[found])
        vias.append(lines.via[found])
        replaced.append(lines.neutral[found])
    exposed, _ = scope.of_company.find(wanted)
    index, which = scope.of_key.find(scope.exposed_key[exposed])
    # What a line of its own says is not said by scope again.
    fresh = ~np.isin(scope.unit[index], np.concatenate(replaced))
    units.append(scope.unit[index][fresh])
    weights.append(scope.weight[exposed][which][fresh])
    vias.append(np.full(int(fresh.sum()), SCOPE))
    return np.concatenate(units), np.concatenate(weights), np.concatenate(vias)
