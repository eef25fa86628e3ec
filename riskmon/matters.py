"""Matters as columns: the rows of each in order, whom they name, and which of them a rule reads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from riskmon.evaluators import NUMBER, SOURCES, TIMES, Flags, Ints
from riskmon.rules import Rule, Times
from riskmon.told import Told, spread
from riskmon.where import Where


class Matters:
    """Some rows of a log, by (matter, occurred, place), and the companies each matter names."""

    def __init__(self, told: Told, rows: Ints, company_of: Ints) -> None:
        """`company_of`: the company's number for each number of `told.named`, -1 for none."""
        columns = told.rows
        self.told = told
        self.company_of = company_of
        order = np.lexsort(
            (columns["place"][rows], columns["occurred"][rows], columns["matter"][rows])
        )
        self.rows = rows[order]
        codes = columns["matter"][self.rows]
        first = np.flatnonzero(np.diff(codes, prepend=-1))
        self.starts = np.append(first, len(rows))
        self.codes = codes[first]
        """Each matter's number in the log."""
        self.matter = np.repeat(np.arange(len(first)), np.diff(self.starts))
        """Which matter each row is of, by its place here."""
        self.type = columns["type"][self.rows]
        self.named = self._named()
        """Whom each matter names, in which role; once each, sorted."""

    def __len__(self) -> int:
        return len(self.codes)

    def of(self, column: str) -> NDArray[Any]:
        """Return a column of the log, for the rows here."""
        return self.told.rows[column][self.rows]

    def any(self, flags: Flags) -> Flags:
        """Return for each matter whether a flag of its rows is up."""
        if not len(self):
            return np.zeros(0, bool)
        found: Flags = np.logical_or.reduceat(flags, self.starts[:-1])
        return found

    def _named(self) -> Named:
        first, last = self.of("first"), self.of("last")
        counts = last - first
        index = spread(first, counts)
        company = self.company_of[self.told.parties["party"][index]]
        known = np.flatnonzero(company >= 0)
        matter = np.repeat(self.matter, counts)[known]
        role = self.told.parties["role"][index][known].astype(np.int64)
        companies = int(company.max(initial=0)) + 1
        roles = len(self.told.roles)
        keys = distinct((matter * companies + company[known]) * roles + role)
        pairs, role = np.divmod(keys, max(roles, 1))
        matter, company = np.divmod(pairs, companies)
        return Named(matter, company, role)


def distinct(values: Ints) -> Ints:
    """Return the different values, sorted; where most differ, four times as fast as np.unique."""
    found = np.sort(values)
    once: Ints = found[np.diff(found, prepend=found[:1] - 1) != 0]
    return once


class Named(NamedTuple):
    """Which matter names which company in which role."""

    matter: Ints
    company: Ints
    role: Ints


class Reading(NamedTuple):
    """What a rule reads: matters, and the events in them that have one of its stages."""

    matters: Matters
    reads: Flags
    """Of each matter, whether the rule reads it."""
    events: Ints
    """Which rows have a stage, in matters that the rule reads."""
    kind: NDArray[np.int8]
    """Of each of `events`."""


Meeting = Callable[[Where, Ints], Flags]
"""Which of some rows of a log meet a `where`."""


def read(rule: Rule, matters: Matters, meeting: Meeting) -> Reading:
    """Return what `rule` reads: matters with one of its stages and one of its topics.

    To a rule with a `where`, events that do not meet it are not there.
    """
    reading = staged(rule, matters)
    if rule.where is None:
        return reading
    rows = matters.rows[reading.reads[matters.matter]]
    return staged(rule, Matters(matters.told, rows[meeting(rule.where, rows)], matters.company_of))


def staged(rule: Rule, matters: Matters) -> Reading:
    """Return what `rule` reads, whatever its `where` says."""
    told = matters.told
    kinds = np.zeros(len(told.types), np.int8)
    for name, stage in rule.stages.items():
        if name in told.types:
            kind = SOURCES if stage == "sources" else TIMES if isinstance(stage, Times) else NUMBER
            kinds[told.types[name]] = kind
    kind = kinds[matters.type]
    staged = kind > 0
    reads = matters.any(staged)
    if rule.topics:
        wanted = set(rule.topics)
        topical = np.array([not wanted.isdisjoint(one) for one in told.topics.names], bool)
        reads &= matters.any(topical[matters.of("topics")] if len(topical) else staged)
    events = np.flatnonzero(staged & reads[matters.matter])
    return Reading(matters, reads, events, kind[events])
