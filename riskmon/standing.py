"""What stands: a prefix of the log, as companies, names, the ruleset and the rows of events."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from functools import cached_property

import numpy as np

from riskmon.evaluators import Flags, Ints
from riskmon.forms import microseconds, since_1970
from riskmon.model import Company, Event, Party
from riskmon.names import Names
from riskmon.roster import NOBODY, Roster
from riskmon.ruleset import Ruleset
from riskmon.told import Told, spread
from riskmon.where import Where


class Standing:
    """A prefix of the log, up to a position. It does not change."""

    def __init__(self, told: Told, position: int, recorded_at: datetime | None) -> None:
        self.told = told
        self.position = position
        self.recorded_at = recorded_at

    @cached_property
    def roster(self) -> Roster:
        """The companies declared so far."""
        return self.told.rosters.at(self.position)

    @cached_property
    def ruleset(self) -> Ruleset | None:
        """The ruleset by which the prefix is read."""
        return self.told.ruleset_at(self.position)

    @cached_property
    def rows(self) -> Ints:
        """The rows that stand."""
        return self.told.standing(self.position)

    @property
    def companies(self) -> dict[str, Company]:
        """The companies declared so far, by id."""
        return self.roster.companies

    @property
    def names(self) -> Names:
        """Their names."""
        return self.roster.names

    @property
    def events(self) -> int:
        """How many events stand."""
        return len(self.rows)

    @property
    def matters(self) -> int:
        """In how many matters an event stands."""
        return len(np.unique(self.told.rows["matter"][self.rows]))

    def first(self, default: datetime) -> datetime:
        """Return when the first of the events that stand occurred; `default` where none does."""
        occurred = self.told.rows["occurred"][self.rows]
        return since_1970(int(occurred.min())) if len(occurred) else default

    def read(self, rows: Ints) -> list[Event]:
        """Return the events of some rows, in their order."""
        return self.told.events([int(one) for one in self.told.rows["position"][rows]])

    def meeting(self, where: Where, rows: Ints) -> Flags:
        """Return which of `rows` are events that meet a rule's `where`."""

        def resolve(party: Party) -> Company | None:
            one = party.company or self.names.company_of(party) or ""
            return self.companies.get(self.roster.into.get(one, one))

        return np.array([where.met(event, resolve) for event in self.read(rows)], bool)

    def words(self) -> dict[str, set[str]]:
        """Return the words that events and companies mention, by the kinds of the vocabulary."""
        told = self.told
        return {
            "event type": set(told.types),
            "role": set(told.roles),
            "topic": {topic for topics in told.topics.names for topic in topics},
            "subject": self.subjects().union(*told.scopes.names),
        }

    def subjects(self) -> set[str]:
        """Return the subjects that companies are exposed to."""
        return {one.subject for firm in self.companies.values() for one in firm.exposures}

    def naming(self, company: str, at: datetime) -> list[Event]:
        """Return the events until `at` that name a company, oldest first."""
        if company not in self.companies:
            return []
        rows = self.rows[self._names(self.rows, {company})]
        found = [one for one in self.read(rows) if one.occurred_at <= at]
        return sorted(found, key=lambda event: event.occurred_at)

    def naming_pairs(self, rows: Ints, role: str | None = None) -> tuple[Ints, Ints]:
        """Return the companies that some rows name, by number, each with the row; each once.

        `role`: only in that one.
        """
        company, place, index = self._parties(rows)
        known = company != NOBODY
        if role is not None:
            known &= self.told.parties["role"][index] == self.told.roles.get(role, NOBODY)
        pairs = np.stack([company[known], rows[place[known]]])
        company, row = np.unique(pairs, axis=1)
        return company, row

    def _parties(self, rows: Ints) -> tuple[Ints, Ints, Ints]:
        """Return of each party of `rows` its company or NOBODY, its row's place, and its own."""
        columns = self.told.rows
        counts = columns["last"][rows] - columns["first"][rows]
        index = spread(columns["first"][rows], counts)
        company = self.roster.resolved(self.told.named.names)[self.told.parties["party"][index]]
        return company, np.repeat(np.arange(len(rows)), counts), index

    def _names(self, rows: Ints, companies: Iterable[str]) -> Flags:
        """Return which of `rows` name one of some companies."""
        codes = [self.roster.codes[one] for one in companies]
        company, place, _ = self._parties(rows)
        found = np.zeros(len(rows), bool)
        found[place[np.isin(company, codes)]] = True
        return found

    def said_by(self, moment: datetime) -> Standing:
        """Return the same log with only what had been said by `moment`, as its sources date it."""
        found = Standing(self.told, self.position, self.recorded_at)
        found.rows = self.rows[self.told.rows["known"][self.rows] <= microseconds(moment)]
        return found

    def renamed(self, before: Standing) -> Ints:
        """Return the matters that name, by a name told before, another company than then."""
        old, now = before.roster, self.roster
        if old is now:
            return np.zeros(0, np.int64)
        others = old.renamed_in(now, self.told.named.names)
        if not len(others):
            return others
        parties = np.flatnonzero(np.isin(self.told.parties["party"], others))
        rows = np.searchsorted(self.told.rows["last"], parties, side="right")
        found: Ints = np.unique(self.told.rows["matter"][rows])
        return found

    def strangers(self) -> tuple[Ints, Ints]:
        """Return the names that mean no declared company, by number, and how many events each."""
        each = self.told_of_each()
        unknown = np.flatnonzero(
            (self.roster.resolved(self.told.named.names) == NOBODY) & (each > 0)
        )
        names = [self.told.named.names[code] for code in unknown.tolist()]
        told = np.array([bool(one.names) for one in names], bool)  # a person is none
        return unknown[told], each[unknown[told]]

    def told_of_each(self) -> Ints:
        """Return how many events name each of whom the log names."""
        columns, rows = self.told.rows, self.rows
        counts = columns["last"][rows] - columns["first"][rows]
        party = self.told.parties["party"][spread(columns["first"][rows], counts)]
        return np.bincount(party, minlength=len(self.told.named))

    def unresolved(self) -> dict[str, int]:
        """Return the names that mean no declared company, each with how many events name it."""
        found: Counter[str] = Counter()
        for code, count in zip(*self.strangers(), strict=True):
            found[self.told.named.names[code].names[0]] += int(count)
        return dict(sorted(found.items(), key=lambda pair: (-pair[1], pair[0])))

    def matter_of(self, source: str, ref: str) -> str | None:
        """Return the matter of the event that stands under a key, None where none does."""
        row = self.told.row_of(source, ref, self.position)
        return None if row is None else str(self.told.matters.names[self.told.rows["matter"][row]])

    def roles(self, matter: str) -> dict[str, frozenset[str]]:
        """Return the companies that a matter names, each with its roles; none where none stands."""
        code = self.told.matters.get(matter)
        if code is None:
            return {}
        rows = self.told.standing(self.position, self.told.rows_of([code]))
        columns, parties = self.told.rows, self.told.parties
        index = spread(columns["first"][rows], columns["last"][rows] - columns["first"][rows])
        company = self.roster.resolved(self.told.named.names)[parties["party"][index]]
        found: dict[str, set[str]] = {}
        for one, role in zip(company.tolist(), parties["role"][index].tolist(), strict=True):
            if one != NOBODY:
                found.setdefault(self.roster.ids[one], set()).add(self.told.roles.names[role])
        return {one: frozenset(roles) for one, roles in found.items()}

    def above(self, companies: Iterable[str]) -> set[str]:
        """Return companies and their owners, all the way up, as far as they are declared."""
        group = set(companies)
        pending = list(group)
        while pending:
            for owner in self.companies[pending.pop()].owners:
                if owner.company in self.companies and owner.company not in group:
                    group.add(owner.company)
                    pending.append(owner.company)
        return group

    def bearing(self, companies: Iterable[str]) -> Ints:
        """Return the rows of every matter that can bear on some companies.

        Those are the matters that name one or one of its owners, and those that have a scope.
        """
        columns = self.told.rows
        rows = self.rows
        touching = self._names(rows, self.above(companies)) | (columns["scope"][rows] > 0)
        matters = np.zeros(len(self.told.matters), bool)
        matters[columns["matter"][rows[touching]]] = True
        found: Ints = rows[matters[columns["matter"][rows]]]
        return found
