"""A layer: some matters under some rules, as pieces; and the lines that a world draws from them."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import fields
from datetime import datetime
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from riskmon import reach
from riskmon.errors import EvaluatorError
from riskmon.evaluators import DAY, NEVER, Floats, Found, Ints, evaluators, run
from riskmon.matters import Matters, Meeting, Reading, read
from riskmon.pieces import OPEN, Index, Lines, Pieces, Scope
from riskmon.roster import NOBODY
from riskmon.rules import Rule, Terms
from riskmon.told import FOR_EVER, Codes
from riskmon.walks import Tellers, Units, of_companies, of_matters
from riskmon.world import MOST_WORLDS, World, Worlds


class Watched(NamedTuple):
    """The companies that are scored, numbered; and the world around them."""

    ids: Sequence[str]
    """In the order of their numbers."""
    worlds: Worlds


class _Made(NamedTuple):
    """A block as it was read, for the lines that it gives in any world."""

    rule: Rule
    terms: Terms
    reading: Reading
    units: Units
    base: int
    """Number of its first unit."""


class Layer:
    """Matters under rules. It does not change once it is made."""

    def __init__(
        self,
        rules: Sequence[Rule],
        matters: Matters,
        tellers: Tellers,
        watched: Watched,
        meeting: Meeting,
    ) -> None:
        self.watched = watched
        self.failed: dict[str, str] = {}
        """Rules that failed, each with the reason."""
        self.blocks: list[Terms] = []
        """A rule's numbers between two of their dates."""
        self.told, self._tellers, self._meeting = matters.told, tellers, meeting
        self._made: list[_Made] = []
        self._half_lives = Codes(0.0)
        self._pieces: list[dict[str, Any]] = []
        self._units: list[dict[str, Any]] = []
        self._events = self._count = 0
        for rule in rules:
            try:
                self._take(rule, matters)
            except EvaluatorError as error:
                self.failed[rule.id] = str(error)
        self._finish()
        self._static = self._lines([one for one in self._made if not _reaches(one.rule)], None)[0]
        self._around: dict[int, tuple[Lines, Scope]] = {}
        self._lock = threading.Lock()

    def _take(self, rule: Rule, matters: Matters) -> None:
        """Evaluate a rule between each two dates of its numbers; all of it, or nothing."""
        reading = read(rule, matters, self._meeting)
        matters = reading.matters
        companies = max(len(self.watched.ids), 1)
        if evaluators()[rule.evaluator].UNIT == "company":
            roles = [code for role, code in matters.told.roles.items() if role in rule.roles]
            named = matters.named
            keep = np.isin(named.role, roles)
            named = type(named)(*(column[keep] for column in named))
            units = of_companies(reading, self._tellers, named)
        else:
            units = of_matters(reading, self._tellers, companies, named_only=not _reaches(rule))
        occurred = matters.of("occurred")[units.events]
        found = []
        for start, end, terms in rule.epochs():
            walk = units.walk(reading, terms, occurred)
            found.append((start, end, terms, run(rule.evaluator, rule.parameters, terms, walk)))
        for start, end, terms, one in found:
            self._add(terms, rule, reading, units, (start, end), occurred, one)

    def _add(
        self,
        terms: Terms,
        rule: Rule,
        reading: Reading,
        units: Units,
        span: tuple[int, int],
        occurred: Ints,
        found: Found,
    ) -> None:
        matters = reading.matters
        counts = np.diff(units.starts)
        start, end = np.maximum(occurred, span[0]), np.append(occurred[1:], FOR_EVER)
        end[units.starts[1:] - 1] = FOR_EVER
        end = np.minimum(end, span[1])
        open_types = [code for name, code in matters.told.types.items() if name in terms.open]
        stage_type = matters.type[units.events[found.stage]] if len(occurred) else occurred
        stays = np.isin(stage_type, open_types) & (found.stage >= 0)
        keep = (found.likelihood > 0) & (found.since > NEVER) & (start < end)
        keep &= stays | (terms.half_life_days > 0)
        kept = np.flatnonzero(keep) if terms.hazard > 0 else np.zeros(0, np.int64)
        decays = self._half_lives[terms.half_life_days] if terms.half_life_days > 0 else OPEN
        stage = found.stage[kept]
        self._pieces.append(
            {
                "unit": np.repeat(np.arange(len(counts)), counts)[kept] + self._count,
                "start": start[kept],
                "end": end[kept],
                "since": found.since[kept],
                "likelihood": found.likelihood[kept],
                "amplitude": terms.hazard * found.likelihood[kept],
                "half_life": np.where(stays[kept], OPEN, decays),
                "event": kept + self._events,
                "stage": np.where(stage >= 0, stage + self._events, NOBODY),
            }
        )
        codes = np.append(matters.codes, NOBODY)  # where a unit is of no one matter
        self._units.append(
            {
                "block": np.full(len(counts), len(self.blocks)),
                "matter": codes[units.matter],
                "event": units.starts[:-1] + self._events,
                "row": matters.rows[units.events],
            }
        )
        self.blocks.append(terms)
        self._made.append(_Made(rule, terms, reading, units, self._count))
        self._count += len(counts)
        self._events += len(units.events)

    def _finish(self) -> None:
        def joined(parts: list[dict[str, Any]], name: str, kind: Any = np.int64) -> Any:
            return np.concatenate([np.zeros(0, kind), *(part[name] for part in parts)])

        days = np.array(self._half_lives.names)
        self.pieces = Pieces(
            unit=joined(self._pieces, "unit"),
            start=joined(self._pieces, "start"),
            end=joined(self._pieces, "end"),
            since=joined(self._pieces, "since"),
            likelihood=joined(self._pieces, "likelihood", np.float64),
            amplitude=joined(self._pieces, "amplitude", np.float64),
            half_life=joined(self._pieces, "half_life"),
            event=joined(self._pieces, "event"),
            stage=joined(self._pieces, "stage"),
            half_lives=np.divide(1 / DAY, days, out=np.zeros(len(days)), where=days > 0),
            units=self._count,
        )
        self.block = joined(self._units, "block")
        """Of each unit."""
        self.matter = joined(self._units, "matter")
        self.first_event = joined(self._units, "event")
        self.row = joined(self._units, "row")
        """Of each walked event."""
        self._pieces, self._units = [], []

    @cached_property
    def of_matter(self) -> Index:
        """The units by matter."""
        return Index(self.matter)

    # The world

    def lines(self) -> Lines:
        """Return the lines of rules that reach companies by name alone."""
        return self._static

    def around(self, at: datetime) -> tuple[Lines, Scope]:
        """Return the lines of the other rules, in the world as it is at `at`."""
        return self.around_epoch(self.watched.worlds.epoch(at))

    def around_epoch(self, epoch: int) -> tuple[Lines, Scope]:
        """Return the same for a stretch between two dates of the world."""
        with self._lock:
            return self._made_around(epoch)

    def _made_around(self, epoch: int) -> tuple[Lines, Scope]:
        if epoch not in self._around:
            world = self.watched.worlds.in_epoch(epoch)
            reaching = [one for one in self._made if _reaches(one.rule)]
            if len(self._around) >= MOST_WORLDS:
                self._around.pop(next(iter(self._around)))
            self._around[epoch] = self._lines(reaching, world)
        return self._around[epoch]

    def _lines(self, made: list[_Made], world: World | None) -> tuple[Lines, Scope]:
        lines, scopes = [_no_lines()], []
        for one in made:
            found = self._reached(one, world)
            unit_of = np.full(len(one.reading.matters) + 1, NOBODY)
            neutral = np.flatnonzero(one.units.company == NOBODY)
            unit_of[one.units.matter[neutral]] = neutral + one.base
            unit = unit_of[found.matter]
            if evaluators()[one.rule.evaluator].UNIT == "company":
                lines.append(_of_companies(one, found))
                continue
            partial, key = one.units.partial, found.matter * len(self.watched.ids) + found.company
            if len(partial):
                place = np.minimum(np.searchsorted(partial, key), len(partial) - 1)
                own = len(one.units.matter) - len(partial) + place + one.base
                unit = np.where(partial[place] == key, own, unit)
            if world is None or not one.terms.scope:
                lines.append(_plain(unit, found))
            else:
                exposed = _Exposed(one, self.told.scopes, world)
                lines.append(exposed.lines(unit, found, unit_of))
                scopes.append(exposed.scope(unit_of))
        names = [one.name for one in fields(Lines)]
        columns = {name: np.concatenate([getattr(one, name) for one in lines]) for name in names}
        return Lines(**columns), _stacked(scopes)

    def _reached(self, one: _Made, world: World | None) -> reach.Reached:
        named = one.reading.matters.named
        found = reach.by_name(one.terms, self.told.roles, named, one.reading.reads)
        if world is None:
            return found
        return reach.by_owner(one.terms, found, world)


class _Exposed:
    """Who is exposed to the scopes of a block's matters, and how much."""

    def __init__(self, one: _Made, scopes: Codes, world: World) -> None:
        self._one = one
        self._companies = len(world.around)
        found = Codes()
        self._group = reach.groups(one.reading.matters, one.reading.reads, found)
        reached = [
            world.reached(frozenset(scopes.names[one] for one in group)) for group in found.names
        ]
        nobody = [(np.zeros(0, np.int64), np.zeros(0))]
        self._company = np.concatenate([company for company, _ in (*nobody, *reached)])
        weights = np.concatenate([weight for _, weight in (*nobody, *reached)])
        self._weight = one.terms.scope * weights
        first = np.cumsum([0, *(len(company) for company, _ in reached)])
        self._first = first
        self._key = np.repeat(np.arange(len(first) - 1), np.diff(first)) * self._companies
        self._key += self._company

    def weight(self, matter: Ints, company: Ints) -> Floats:
        """Return the weight by scope of each matter on each company."""
        group = self._group[matter]
        key = np.where(group >= 0, group * self._companies + company, -1)
        if not len(self._key):
            return np.zeros(len(key))
        place = np.minimum(np.searchsorted(self._key, key), len(self._key) - 1)
        return np.where(self._key[place] == key, self._weight[place], 0.0)

    def lines(self, unit: Ints, found: reach.Reached, unit_of: Ints) -> Lines:
        """Return lines for what scope alone does not say: greater weights, partial tellers."""
        scope = self.weight(found.matter, found.company)
        neutral = unit_of[found.matter]
        keep = (found.weight >= scope) | (unit != neutral)
        via = np.where(scope > found.weight, reach.SCOPE, found.via)
        weight = np.maximum(scope, found.weight)
        named = [c[keep] for c in (unit, found.company, weight, via, neutral, scope)]
        units, companies = self._one.units, self._companies
        matter, company = np.divmod(units.partial, companies)
        own = len(units.matter) - len(matter) + np.arange(len(matter)) + self._one.base
        scope = self.weight(matter, company)
        fresh = ~np.isin(units.partial, found.matter * companies + found.company) & (scope > 0)
        partial = (own, company, scope, np.full(len(own), reach.SCOPE), unit_of[matter], scope)
        return Lines(*(np.append(a, b[fresh]) for a, b in zip(named, partial, strict=True)))

    def scope(self, unit_of: Ints) -> Scope:
        """Return the units in scope, and the companies exposed to them."""
        matter = np.flatnonzero(self._group >= 0)
        return Scope(unit_of[matter], self._group[matter], self._company, self._weight, self._first)


def _plain(unit: Ints, found: reach.Reached) -> Lines:
    return Lines(unit, found.company, found.weight, found.via, unit, np.zeros(len(unit)))


def _of_companies(one: _Made, found: reach.Reached) -> Lines:
    """Return a line for each company's unit, with the greatest weight that a matter gives it."""
    company = one.units.company
    weight = np.zeros(max(int(company.max(initial=0)), int(found.company.max(initial=0))) + 1)
    np.maximum.at(weight, found.company, found.weight)
    unit = np.arange(len(company)) + one.base
    keep = weight[company] > 0
    reached = reach.Reached(unit, company, weight[company], np.zeros(len(unit), int)).some(keep)
    return _plain(reached.matter, reached)


def _no_lines() -> Lines:
    empty = np.zeros(0, np.int64)
    return Lines(empty, empty, np.zeros(0), empty, empty, np.zeros(0))


def _stacked(scopes: Sequence[Scope]) -> Scope:
    """Return scopes as one, their keys numbered on."""
    keys = np.cumsum([0, *(len(one.first) - 1 for one in scopes)])
    sizes = np.cumsum([0, *(len(one.company) for one in scopes)])

    def joined(parts: Iterator[Any], kind: Any = np.int64) -> Any:
        return np.concatenate([np.zeros(0, kind), *parts])

    return Scope(
        unit=joined(one.unit for one in scopes),
        key=joined(one.key + begin for one, begin in zip(scopes, keys, strict=False)),
        company=joined(one.company for one in scopes),
        weight=joined((one.weight for one in scopes), np.float64),
        first=np.append(
            joined(one.first[:-1] + begin for one, begin in zip(scopes, sizes, strict=False)),
            sizes[-1],
        ),
    )


def _reaches(rule: Rule) -> bool:
    """Whether a rule reaches companies by more than their names."""
    return bool(rule.ownership) or rule.scope != 0
