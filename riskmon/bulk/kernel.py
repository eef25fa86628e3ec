"""The kernel: from the events of some matters to what they add to each company's hazard. Pure.

A score is a sum over matters, so matters may be weighed apart, by anybody, in any order. Rules
about all matters of a company (surge) are weighed in a second pass, by companies.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from riskmon import reach, sums
from riskmon.bulk.part import Ended, told_of
from riskmon.evaluators import Flags, Floats, Ints, evaluators
from riskmon.layer import Layer, Watched
from riskmon.matters import Matters, Meeting, read, staged
from riskmon.model import Publisher
from riskmon.rules import Rule
from riskmon.ruleset import Ruleset
from riskmon.scoring import COUNTED
from riskmon.standing import Standing
from riskmon.told import Told
from riskmon.walks import Tellers
from riskmon.where import Where
from riskmon.world import World, Worlds

if TYPE_CHECKING:
    import pyarrow as pa


class Task(NamedTuple):
    """What every part is weighed by: small beside the events, and given to each worker once."""

    rules: tuple[Rule, ...]
    """Those that count and have not failed."""
    publishers: tuple[Publisher, ...]
    partial: Mapping[str, int]
    """The companies about which one of them is partial, by number."""
    company_of: Ints
    """For each number of whom events name, the company's."""
    ids: Sequence[str]
    world: World
    ended: Ended
    position: int
    at: datetime
    met: Mapping[str, Ints]
    """The positions of the events that meet each `where`, as its JSON has it."""

    def without(self, failed: Mapping[str, str]) -> Task:
        """Return the same without rules that failed."""
        return self._replace(rules=tuple(one for one in self.rules if one.id not in failed))

    def of(self, unit: str) -> tuple[Rule, ...]:
        """Return the rules of a kind of unit: `matter` or `company`."""
        return tuple(one for one in self.rules if evaluators()[one.evaluator].UNIT == unit)


class Weighed(NamedTuple):
    """What some matters add to the hazard of each company, and the rules that failed on them."""

    hazards: Floats
    failed: Mapping[str, str]

    def plus(self, other: Weighed) -> Weighed:
        """Return what both add."""
        return Weighed(self.hazards + other.hazards, {**self.failed, **other.failed})


def task_of(standing: Standing, ruleset: Ruleset, at: datetime, ended: Ended) -> Task:
    """Return what a prefix of the log is weighed by at a moment.

    `standing`: with companies and whom events name; its events are not looked at.
    """
    roster = standing.roster
    counted = (one for one in ruleset.rules if one.status == COUNTED)
    conflicts = {one for publisher in ruleset.publishers for one in publisher.conflicts}
    return Task(
        rules=tuple(one for one in counted if one.id not in ruleset.outdated),
        publishers=ruleset.publishers,
        partial={one: roster.codes[one] for one in sorted(conflicts) if one in roster.codes},
        company_of=roster.resolved(standing.told.named.names),
        ids=roster.ids,
        world=Worlds([roster.companies[one] for one in roster.ids]).at(at),
        ended=ended,
        position=standing.position,
        at=at,
        met={},
    )


def weigh(part: pa.Table, task: Task) -> Weighed:
    """Return what the matters of a part add, by the rules that look at one matter at a time."""
    return _weigh(_told(part, task), task, task.of("matter"))


def spread(part: pa.Table, task: Task, slices: int) -> Iterator[tuple[int, Ints]]:
    """Yield slices of the companies, each with the rows of `part` that its companies need.

    Those are the matters that name one or reach it through an owner, by the rules that look at all
    matters of a company. A slice is the companies whose number it is, modulo `slices`.
    """
    told = _told(part, task)
    matters = Matters(told, told.standing(task.position), task.company_of)
    pairs = [np.zeros(0, np.int64)]
    for rule in task.of("company"):
        reading = read(rule, matters, _meeting(told, task))
        named = reading.matters.named
        counted = np.isin(named.role, [told.roles[one] for one in rule.roles if one in told.roles])
        counted &= reading.reads[named.matter]
        codes = reading.matters.codes
        pairs.append(codes[named.matter[counted]] * slices + named.company[counted] % slices)
        for _, _, terms in rule.epochs():
            found = reach.by_name(terms, told.roles, named, reading.reads)
            found = reach.by_owner(terms, found, task.world)
            pairs.append(codes[found.matter] * slices + found.company % slices)
    matter, slice_ = np.divmod(np.unique(np.concatenate(pairs)), slices)
    row_matter = told.rows["matter"]
    for number in np.unique(slice_).tolist():
        yield number, np.flatnonzero(np.isin(row_matter, matter[slice_ == number]))


def weigh_slice(part: pa.Table, task: Task, number: int, slices: int) -> Weighed:
    """Return what all matters of a slice's companies add, by the rules that look at all of them."""
    found = _weigh(_told(part, task), task, task.of("company"))
    mine = np.arange(len(task.ids)) % slices == number
    return found._replace(hazards=np.where(mine, found.hazards, 0.0))


def _told(part: pa.Table, task: Task) -> Told:
    return told_of(part, task.ended, lambda _: ())


def _weigh(told: Told, task: Task, rules: Sequence[Rule]) -> Weighed:
    matters = Matters(told, told.standing(task.position), task.company_of)
    tellers = Tellers(told.tellers.names, task.publishers, task.partial)
    watched = Watched(task.ids, Worlds.of(task.world))
    layer = Layer(rules, matters, tellers, watched, _meeting(told, task))
    everything = np.ones(layer.pieces.units, bool)
    return Weighed(sums.once(layer, everything, task.at), layer.failed)


def _meeting(told: Told, task: Task) -> Meeting:
    def meeting(where: Where, rows: Ints) -> Flags:
        return np.isin(told.rows["position"][rows], task.met[where.model_dump_json()])

    return meeting


def met(parts: Iterable[pa.Table], task: Task, standing: Standing) -> Task:
    """Return the task with the events that meet each `where`, which are read from the ledger."""
    rules = [one for one in task.rules if one.where is not None]
    found: dict[str, list[Ints]] = {one.where.model_dump_json(): [] for one in rules if one.where}
    if not found:
        return task
    for part in parts:
        told = told_of(part, task.ended, standing.told.bodies)
        here = Standing(told, task.position, None)
        here.roster = standing.roster
        matters = Matters(told, told.standing(task.position), task.company_of)
        for rule in rules:
            assert rule.where is not None  # noqa: S101 (chosen so)
            rows = matters.rows[staged(rule, matters).reads[matters.matter]]
            rows = rows[here.meeting(rule.where, rows)]
            found[rule.where.model_dump_json()].append(told.rows["position"][rows])
    return task._replace(met={one: np.unique(np.concatenate(some)) for one, some in found.items()})
