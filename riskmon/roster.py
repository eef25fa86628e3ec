"""The companies declared by some position, numbered, and whom the names of a log mean."""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from riskmon.decisions import Merge
from riskmon.evaluators import Ints
from riskmon.model import Company, Exposure, Holding, Owner
from riskmon.names import Names
from riskmon.resolution import Decision

NOBODY = -1


class Roster:
    """Declared companies, numbered in the order of their ids. It only grows by names.

    Rosters of one lineage differ by names, and by companies that own none of the others.
    """

    def __init__(
        self,
        companies: Mapping[str, Company],
        into: Mapping[str, str] | None = None,
        decisions: Iterable[Decision] = (),
    ) -> None:
        """`into`: companies that are others, by id."""
        self.declared = companies
        self.into = dict(into or {})
        self.companies = merged(companies, self.into)
        self.ids = sorted(self.companies)
        self.codes = {one: number for number, one in enumerate(self.ids)}
        self.codes |= {one: self.codes[other] for one, other in self.into.items()}
        self.names = Names(self.companies.values(), self._of_merged(decisions))
        self.owners = _owners(self.companies.values())
        """Whoever owns one of them."""
        self.lineage = object()
        self._resolved = np.zeros(0, np.int64)

    def _of_merged(self, decisions: Iterable[Decision]) -> list[Decision]:
        """Return decisions about the companies that those they were about are now."""
        return [one._replace(company=self.into.get(one.company, one.company)) for one in decisions]

    def resolved(self, named: Sequence[Any]) -> Ints:
        """Return for each of a log's names the company's number, -1 for nobody known."""
        fresh = named[len(self._resolved) :]
        if fresh:
            found = [self._number(*named) for named in fresh]
            self._resolved = np.append(self._resolved, np.array(found, np.int64))
        return self._resolved

    def _number(self, company: str | None, names: Iterable[str], identifiers: Iterable[Any]) -> int:
        if company is None and names:
            company = self.names.known(names, dict(identifiers)).company
        return self.codes.get(company, NOBODY) if company is not None else NOBODY

    def renamed(
        self,
        companies: Mapping[str, Company],
        changed: Sequence[Company],
        decisions: Sequence[Decision],
        heard: Heard,
    ) -> Roster:
        """Return the roster after companies changed their names, were decided on, or came.

        `companies`: all, with the `changed` ones among them. Whom a name means is asked again only
        for names that changed. Those that came own none of the others.
        """
        fresh = object.__new__(Roster)
        fresh.__dict__ |= self.__dict__
        fresh.declared = companies
        now = merged(companies, self.into)
        again = [now[self.into.get(one.id, one.id)] for one in changed]
        fresh.companies = now
        fresh.names, keys = self.names.later(again, self._of_merged(decisions))
        named = heard.named[: len(self._resolved)]
        fresh._resolved = self._resolved.copy()
        if any(one.id not in self.companies for one in again):
            fresh.owners = self.owners | _owners(again)
            fresh.ids = sorted(now)
            fresh.codes = {one: number for number, one in enumerate(fresh.ids)}
            fresh._resolved = fresh.numbers_of(self)[self._resolved]
            fresh.codes |= {one: fresh.codes[other] for one, other in self.into.items()}
        for code in heard.called(keys):
            if code < len(named):
                fresh._resolved[code] = fresh._number(*named[code])
        return fresh

    def renamed_in(self, later: Roster, named: Sequence[Any]) -> Ints:
        """Return the numbers of the names asked for so far that mean another company there."""
        now = later.resolved(named)[: len(self._resolved)]
        found: Ints = np.flatnonzero(later.numbers_of(self)[self._resolved] != now)
        return found

    def numbers_of(self, before: Roster) -> Ints:
        """Return the numbers of an earlier roster's companies here, and of nobody, last."""
        if before.ids is self.ids:
            return np.append(np.arange(len(self.ids)), NOBODY)
        return np.array([*(self.codes[one] for one in before.ids), NOBODY])

    @classmethod
    def of_names(cls, named: Sequence[Any], codes: Sequence[int]) -> Roster:
        """Return a roster in which each of some names of a log is a company of its own."""
        fresh = object.__new__(cls)
        ids = [f"{code:012d}" for code in codes]
        fresh.companies = {one: Company(id=one, name=one) for one in ids}
        fresh.declared, fresh.into, fresh.ids = fresh.companies, {}, ids
        fresh.codes = {one: number for number, one in enumerate(ids)}
        fresh.names, fresh.owners, fresh.lineage = Names(()), frozenset(), object()
        fresh._resolved = np.full(len(named), NOBODY, np.int64)
        fresh._resolved[list(codes)] = np.arange(len(codes))
        return fresh


class Rosters:
    """The roster at any position of a log. The newest is made from the one before, where it can."""

    def __init__(self, told: Sources) -> None:
        self._told = told
        self._heard = Heard(told.named.names)
        self._made: dict[Count, Roster] = {}

    def at(self, position: int) -> Roster:
        """Return the roster at a position."""
        told = (
            self._told.companies, self._told.decisions, self._told.merges, self._told.holdings
        )  # fmt: skip
        count = Count(*(bisect.bisect_right(one, position, key=_position) for one in told))
        if count not in self._made:
            newest = max(self._made, default=None)
            made = self._renamed(newest, count) if newest else None
            if len(self._made) >= KEPT_ROSTERS:  # the newest is asked for most
                self._made.pop(min(self._made))
            self._made[count] = made or self._anew(count)
        return self._made[count]

    def _anew(self, count: Count) -> Roster:
        told = self._told
        declared = {one.id: one for _, one in told.companies[: count.companies]}
        into: dict[str, str] = {}
        for _, merge in told.merges[: count.merges]:
            into.pop(merge.company, None)
            if merge.into is not None and merge.company not in _chain(merge.into, into):
                into[merge.company] = merge.into  # two persons at once could close a circle
        into = {one: other for one, other in into.items() if {one, other} <= declared.keys()}
        _hold([one for _, one in told.holdings[: count.holdings]], declared)
        decisions = [one for _, one in told.decisions[: count.decisions]]
        return Roster(declared, _followed(into), decisions)

    def _renamed(self, before: Count, count: Count) -> Roster | None:
        """Return the roster made from an earlier one; None where the companies are others."""
        if before[2:] != count[2:] or before[0] > count[0] or before[1] > count[1]:
            return None
        old = self._made[before]
        told = self._told
        changed = {one.id: one for _, one in told.companies[before.companies : count.companies]}
        _hold([one for _, one in told.holdings[: count.holdings]], changed)
        if any(not _stands_apart(one, old) for one in changed.values()):
            return None
        later = [one for _, one in told.decisions[before.decisions : count.decisions]]
        return old.renamed({**old.declared, **changed}, list(changed.values()), later, self._heard)


class Count(NamedTuple):
    """How many entries of each kind a roster is made of."""

    companies: int
    decisions: int
    merges: int
    holdings: int


class Sources(Protocol):
    """What a roster is made of, each with its position: the fold of a log has it."""

    companies: list[tuple[int, Company]]
    decisions: list[tuple[int, Decision]]
    merges: list[tuple[int, Merge]]
    holdings: list[tuple[int, Holding]]
    named: Any


def _position(pair: tuple[int, Any]) -> int:
    return pair[0]


def _hold(holdings: Iterable[Holding], declared: dict[str, Company]) -> None:
    """Give companies the owners that were told apart from them; the latest of each counts.

    They take the place of what a company's declaration says of the same owner.
    """
    latest = {(one.company, one.owner, one.since): one for one in holdings}
    owners: dict[str, list[Owner]] = {}
    for one in latest.values():
        owner = Owner(company=one.owner, share=one.share, since=one.since, until=one.until)
        owners.setdefault(one.company, []).append(owner)
    for company, more in owners.items():
        if company in declared:
            firm = declared[company]
            told = {owner.company for owner in more}
            kept = [owner for owner in firm.owners if owner.company not in told]
            declared[company] = firm.model_copy(update={"owners": (*kept, *more)})


KEPT_ROSTERS = 2


def _stands_apart(now: Company, old: Roster) -> bool:
    """Whether a company changes nothing for the others: it is new, or only its names are others."""
    before = old.declared.get(now.id)
    if before is None:
        return now.id not in old.owners
    return (before.jurisdiction, before.exposures, before.owners) == (
        now.jurisdiction,
        now.exposures,
        now.owners,
    )


def _owners(companies: Iterable[Company]) -> frozenset[str]:
    return frozenset(owner.company for firm in companies for owner in firm.owners)


def _followed(into: Mapping[str, str]) -> dict[str, str]:
    """Return for each company that is another the last one in its chain."""
    return {one: list(_chain(one, into))[-1] for one in into}


def _chain(one: str, into: Mapping[str, str]) -> Iterator[str]:
    """Yield a company, the one that it is, and so on."""
    yield one
    while one in into:
        one = into[one]
        yield one


class Heard:
    """The names of a log, by their words and identifiers."""

    def __init__(self, named: Sequence[Any]) -> None:
        """`named`: it may grow."""
        self.named = named
        self._size = 0
        self._codes: dict[Any, list[int]] = {}

    def called(self, keys: Iterable[Any]) -> set[int]:
        """Return the numbers of the names with one of these words or identifiers."""
        for code in range(self._size, len(self.named)):
            _, names, identifiers = self.named[code]
            for key in Names.keys(names, dict(identifiers)):
                self._codes.setdefault(key, []).append(code)
        self._size = len(self.named)
        return {code for key in keys for code in self._codes.get(key, ())}


def merged(companies: Mapping[str, Company], into: Mapping[str, str]) -> dict[str, Company]:
    """Return the companies with those that are others taken into them, as owners, too."""
    if not into:
        return dict(companies)
    found = {one: firm for one, firm in companies.items() if one not in into}
    for one, other in into.items():
        found[other] = _taken_in(found[other], companies[one])
    for one, firm in found.items():
        if any(owner.company in into for owner in firm.owners):
            owners = tuple(
                owner.model_copy(update={"company": into.get(owner.company, owner.company)})
                for owner in firm.owners
            )
            kept = tuple(owner for owner in owners if owner.company != one)
            found[one] = firm.model_copy(update={"owners": kept})
    return found


def _taken_in(firm: Company, other: Company) -> Company:
    """Return a company that is also known as another: by its names, identifiers and edges."""
    identifiers: dict[str, str | tuple[str, ...]] = dict(firm.identifiers)
    for kind, values in other.identifiers.items():
        both = (*_many(identifiers.get(kind, ())), *_many(values))
        identifiers[kind] = tuple(dict.fromkeys(both))
    exposures = [*firm.exposures, *other.exposures]
    if other.jurisdiction and other.jurisdiction != firm.jurisdiction:
        exposures.append(Exposure(subject=f"country:{other.jurisdiction}", weight=1.0))
    owners = {owner.company for owner in firm.owners} | {firm.id}
    return firm.model_copy(
        update={
            "aliases": tuple(dict.fromkeys((*firm.aliases, other.id, other.name, *other.aliases))),
            "identifiers": identifiers,
            "exposures": tuple(exposures),
            "owners": (
                *firm.owners,
                *(owner for owner in other.owners if owner.company not in owners),
            ),
        }
    )


def _many(values: str | tuple[str, ...]) -> tuple[str, ...]:
    return (values,) if isinstance(values, str) else values
