"""Units: what an evaluator walks. A matter; a matter as seen for one company; all of a company."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from riskmon.evaluators import SOURCES, Flags, Floats, Ints, Walk
from riskmon.matters import Named, Reading
from riskmon.model import Publisher
from riskmon.roster import NOBODY
from riskmon.rules import Terms
from riskmon.told import spread

UNLISTED = 0.3
"""Credibility of a publisher that no list names."""


class Tellers:
    """The publishers of a log, by their numbers in it."""

    def __init__(
        self, names: Sequence[str], publishers: Sequence[Publisher], codes: Mapping[str, int]
    ) -> None:
        """`codes`: numbers of the companies."""
        listed = {one.id: one for one in publishers}
        found = [listed.get(name) or Publisher(id=name, credibility=UNLISTED) for name in names]
        self.credibility = np.array([one.credibility for one in found], float)
        groups = {name: number for number, name in enumerate({p.group or p.id: 0 for p in found})}
        self.group = np.array([groups[one.group or one.id] for one in found], np.int64)
        pairs = [
            (teller, codes[company])
            for teller, one in enumerate(found)
            for company in sorted(set(one.conflicts))
            if company in codes
        ]
        self.partial = np.array(pairs, np.int64).reshape(-1, 2)
        """Each teller and a company about which it is not neutral."""


class Units(NamedTuple):
    """Units of one rule, and the events that each walks."""

    starts: Ints
    events: Ints
    """Rows of the matters."""
    evidence: Floats
    """Of each event, how credible a claim is as told by it."""
    kind: np.ndarray[tuple[int], np.dtype[np.int8]]
    group: Ints
    matter: Ints
    """Of each unit; NOBODY where it is of more than one."""
    company: Ints
    """Of each unit, whom alone it is for; NOBODY for everybody."""
    partial: Ints
    """Keys matter * companies + company of the last units, those for one company, in order."""

    def walk(self, reading: Reading, terms: Terms, occurred: Ints) -> Walk:
        """Return what an evaluator is given."""
        matters = reading.matters
        types = matters.told.types
        numbers = np.zeros(len(types))
        for name, stage in terms.stages.items():
            if name in types and not isinstance(stage, str):
                numbers[types[name]] = stage
        type_ = matters.type[self.events].astype(np.int64)
        return Walk(
            starts=self.starts,
            occurred=occurred,
            kind=self.kind,
            value=np.where(self.kind == SOURCES, self.evidence, numbers[type_]),
            type=type_,
            group=self.group,
            matter=matters.matter[self.events],
        )


def of_matters(reading: Reading, tellers: Tellers, companies: int, *, named_only: bool) -> Units:
    """Return a unit for each matter read, then one for each company that a teller is partial to.

    `named_only`: the rule reaches companies by their names alone, so that others need no unit.
    """
    matters, events = reading.matters, reading.events
    matter = matters.matter[events]
    first = np.flatnonzero(np.diff(matter, prepend=-1))
    starts = np.append(first, len(events))
    teller = matters.of("teller")[events].astype(np.int64)
    evidence = _evidence(reading, tellers, teller)
    keys = _partial(reading, tellers, teller, matter, companies)
    if named_only and len(keys):
        named = matters.named
        keys = keys[np.isin(keys, named.matter * companies + named.company)]
    of, company = np.divmod(keys, companies)
    unit = np.searchsorted(matter[first], of)
    counts = np.diff(starts)[unit]
    again = spread(starts[:-1][unit], counts)
    halved = evidence[again]
    seen = np.repeat(company, counts)
    told = teller[again] * companies + seen
    halved[np.isin(told, tellers.partial[:, 0] * companies + tellers.partial[:, 1])] /= 2
    walked = np.append(events, events[again])
    return Units(
        starts=np.append(starts, starts[-1] + np.cumsum(counts)),
        events=walked,
        evidence=np.append(evidence, halved),
        kind=np.append(reading.kind, reading.kind[again]),
        group=tellers.group[np.append(teller, teller[again])],
        matter=np.append(matter[first], of),
        company=np.append(np.full(len(first), NOBODY), company),
        partial=keys,
    )


def of_companies(reading: Reading, tellers: Tellers, named: Named) -> Units:
    """Return a unit for each company that is `named`: the events of all its matters."""
    matters, events = reading.matters, reading.events
    matter = matters.matter[events]
    first = np.flatnonzero(np.diff(matter, prepend=-1))
    starts = np.append(first, len(events))
    read = reading.reads[named.matter]
    unit = np.searchsorted(matter[first], named.matter[read])
    counts = np.diff(starts)[unit]
    again = spread(starts[:-1][unit], counts)
    company = np.repeat(named.company[read], counts)
    rows = events[again]
    order = np.lexsort((matters.of("place")[rows], matters.of("occurred")[rows], company))
    again, company = again[order], company[order]
    begins = np.flatnonzero(np.diff(company, prepend=-1))
    teller = matters.of("teller")[events[again]].astype(np.int64)
    return Units(
        starts=np.append(begins, len(again)),
        events=events[again],
        evidence=_evidence(reading, tellers, matters.of("teller")[events].astype(np.int64))[again],
        kind=reading.kind[again],
        group=tellers.group[teller],
        matter=np.full(len(begins), NOBODY),
        company=company[begins],
        partial=np.zeros(0, np.int64),
    )


def _evidence(reading: Reading, tellers: Tellers, teller: Ints) -> Floats:
    own = reading.matters.of("credibility")[reading.events]
    found: Floats = np.where(np.isnan(own), tellers.credibility[teller], own)
    return found


def _partial(
    reading: Reading, tellers: Tellers, teller: Ints, matter: Ints, companies: int
) -> Ints:
    """Return a key for each matter and company that a teller of one of its claims is partial to."""
    if not len(tellers.partial):
        return np.zeros(0, np.int64)
    claims: Flags = reading.kind == SOURCES
    count = np.bincount(tellers.partial[:, 0], minlength=len(tellers.credibility))
    begin = np.cumsum(count) - count
    who = teller[claims]
    index = spread(begin[who], count[who])
    company = tellers.partial[:, 1][index]
    return np.unique(np.repeat(matter[claims], count[who]) * companies + company)
