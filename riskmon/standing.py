"""What stands: the log, up to a position, folded into companies, matters and the ruleset."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from riskmon.errors import DatabaseError
from riskmon.model import Company, Entry, Event, Matter
from riskmon.names import Names
from riskmon.ruleset import Ruleset

Key = tuple[str, str]


class Standing:
    """The fold of a prefix of the log; applying the next entries brings it forward."""

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self.position = 0
        self.recorded_at: datetime | None = None
        self.companies: dict[str, Company] = {}
        self.ruleset: Ruleset | None = None
        self._events: dict[Key, Event] = {}
        self._places: dict[Key, int] = {}
        """Position of each key's first entry; a key keeps it for ever."""
        self._matters: dict[str, set[Key]] = {}
        self._made: dict[str, Matter] = {}
        """Matters made since they were last touched."""
        self._names: Names | None = None
        self._named: dict[str, set[str]] | None = None
        """Matters by the companies they name; None until asked for."""
        self._scoped: set[str] = set()
        self.apply(entries)

    def apply(self, entries: Iterable[Entry]) -> None:
        """Bring forward by `entries`, the next ones in order."""
        for entry in entries:
            try:
                self._take_in(entry)
            except (ValueError, KeyError) as error:
                raise DatabaseError(
                    f"entry {entry.position} of the ledger is damaged, or a newer riskmon wrote it "
                    f"({str(error).splitlines()[0]}): restore a copy, or upgrade"
                ) from error
            self.position, self.recorded_at = entry.position, entry.recorded_at
            self._named = None

    def _take_in(self, entry: Entry) -> None:
        key = (entry.source, entry.ref)
        if entry.kind == "event.recorded":
            self._places.setdefault(key, entry.position)
            self._take(key)
            self._put(key, Event.model_validate_json(entry.body))
        elif entry.kind == "event.withdrawn":
            self._take(key)
        elif entry.kind == "company.declared":
            self.companies[entry.ref] = Company.model_validate_json(entry.body)
            self._names = None
            self._made.clear()
        elif entry.kind == "ruleset.published":
            self.ruleset = Ruleset.from_body(entry.body)

    def _put(self, key: Key, event: Event) -> None:
        self._events[key] = event
        matter = event.matter or event.key
        self._matters.setdefault(matter, set()).add(key)
        self._made.pop(matter, None)

    def _take(self, key: Key) -> None:
        event = self._events.pop(key, None)
        if event is not None:
            matter = event.matter or event.key
            self._matters[matter].discard(key)
            self._made.pop(matter, None)
            if not self._matters[matter]:
                del self._matters[matter]

    @property
    def events(self) -> int:
        """How many events stand."""
        return len(self._events)

    @property
    def names(self) -> Names:
        """The names of the companies declared so far."""
        if self._names is None:
            self._names = Names(self.companies.values())
        return self._names

    def matters(self) -> list[Matter]:
        """Return every matter in which an event stands."""
        return [self.matter(name) for name in self._matters]

    def matter(self, name: str) -> Matter:
        """Return a matter: its standing events in order, and whom they name."""
        if name not in self._made:
            keys = self._matters[name]
            if len(keys) > 1:
                ordered = sorted(
                    keys, key=lambda key: (self._events[key].occurred_at, self._places[key])
                )
            else:
                ordered = list(keys)
            events = tuple(self._events[key] for key in ordered)
            roles: dict[str, set[str]] = {}
            for event in events:
                for party in event.parties:
                    if (company := self.names.company_of(party)) is not None:
                        roles.setdefault(company, set()).add(party.role)
            self._made[name] = Matter(
                id=name,
                events=events,
                topics=frozenset(topic for event in events for topic in event.topics),
                roles={company: frozenset(found) for company, found in roles.items()},
                scopes=frozenset(frozenset(event.scope) for event in events if event.scope),
            )
        return self._made[name]

    def naming(self, company: str, at: datetime) -> list[Event]:
        """Return the events until `at` that name a company, oldest first."""
        if company not in self.companies:
            return []
        found = [
            event
            for matter in self.reach(company)[1]
            if company in matter.roles
            for event in matter.events
            if event.occurred_at <= at
            and any(self.names.company_of(party) == company for party in event.parties)
        ]
        return sorted(found, key=lambda event: event.occurred_at)

    def unresolved(self) -> dict[str, int]:
        """Return the names that mean no declared company, each with how many events name it."""
        counts: dict[str, int] = {}
        for event in self._events.values():
            for party in event.parties:
                if party.kind != "person" and self.names.company_of(party) is None:
                    name = party.name or str(party.company)
                    counts[name] = counts.get(name, 0) + 1
        return dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))

    def has(self, matter: str) -> bool:
        """Whether an event stands in a matter."""
        return matter in self._matters

    def matter_of(self, source: str, ref: str) -> str | None:
        """Return the matter of the event that stands under a key, None where none does."""
        event = self._events.get((source, ref))
        return None if event is None else event.matter or event.key

    def above(self, company: str) -> set[str]:
        """Return a company and its owners, all the way up, as far as they are declared."""
        group = {company}
        pending = [company]
        while pending:
            for owner in self.companies[pending.pop()].owners:
                if owner.company in self.companies and owner.company not in group:
                    group.add(owner.company)
                    pending.append(owner.company)
        return group

    def reach(self, company: str) -> tuple[list[Company], list[Matter]]:
        """Return its owners, all the way up, and every matter that can bear on one company.

        Those are the matters that name it or one of them, and those that have a scope.
        """
        group = self.above(company)
        if self._named is None:
            self._named = {}
            self._scoped = {name for name in self._matters if self.matter(name).scopes}
            for matter in self.matters():
                for one in matter.roles:
                    self._named.setdefault(one, set()).add(matter.id)
        found = self._scoped.union(*(self._named.get(one, ()) for one in group))
        return [self.companies[one] for one in sorted(group)], [
            self.matter(name) for name in sorted(found)
        ]
