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
