"""Names that events tell, and companies that are declared later, brought together by likeness.

Whatever is accepted becomes an entry; so a replay asks no model, and says the same for ever. A
cursor keeps how far the ledger was read: a name told before it meets the companies declared after
it, and the other way round, each once, whoever told them and whatever was killed in between.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any

from riskmon import readmodel
from riskmon.decisions import LIKENESS, MATCH, PERSON, Match, body, decision
from riskmon.ledger import Fact, Ledger
from riskmon.model import Company
from riskmon.names import Names
from riskmon.naming import digest
from riskmon.naming.catalogue import Catalogue
from riskmon.naming.written import written
from riskmon.parties import Named, named_in
from riskmon.replay import Replay

CURSOR = "names"
NEAR = 50
"""Names told earlier that each name of a new company is compared with."""
MOST_TEXT = 2000
BATCH = 1000


class Matching:
    """What brings names and companies together."""

    def __init__(self, ledger: Ledger, replay: Replay) -> None:
        self._ledger = ledger
        self._replay = replay
        self._tried: set[Named] = set()
        self._with: Names | None = None
        self._heard: Catalogue[Named] = Catalogue()
        self._known = 0
        """How many of the names of the log are in `_heard`."""

    def catch_up(self, clock: Callable[[], datetime]) -> int:
        """Match what the ledger tells beyond the cursor; return how many names were accepted."""
        cursor, head = readmodel.reached(self._ledger.engine, CURSOR), self._ledger.size()
        if cursor >= head:
            return 0
        names = self._replay.names()
        if names is not self._with:
            self._with, self._tried = names, set()
        count = 0
        if names.ids:
            count += self._append(self._told_after(cursor, names), clock)
            asked = self._names_after(cursor)
            if cursor and asked:
                count += self._append(self._late(asked, names), clock)
        readmodel.reach(self._ledger.engine, CURSOR, head)
        return count

    def _append(self, matches: Iterable[Match], clock: Callable[[], datetime]) -> int:
        facts = [*{one.ref: Fact(MATCH, LIKENESS, one.ref, body(one)) for one in matches}.values()]
        outcomes: list[str] = []
        for start in range(0, len(facts), BATCH):
            outcomes += self._ledger.append(facts[start : start + BATCH], clock)
        return len(outcomes) - outcomes.count("duplicate")

    def _told_after(self, cursor: int, names: Names) -> Iterator[Match]:
        """Yield what is accepted of the names told after the cursor."""
        for named in named_in(self._ledger.told(cursor)):
            if named.names and named.company is None and named not in self._tried:
                self._tried.add(named)
                yield from accepted(named, names)

    def _names_after(self, cursor: int) -> list[str]:
        """Return the names that companies were declared by, or persons accepted, after it."""
        found: dict[str, None] = {}
        for _, kind, source, _, text in self._ledger.rest(cursor):
            if kind == "company.declared":
                firm = Company.model_validate_json(text)
                found |= dict.fromkeys((firm.name, *firm.aliases))
            elif kind == MATCH and source == PERSON and (told := decision(source, text)).accepted:
                found[told.name] = None
        return list(found)

    def _late(self, asked: list[str], names: Names) -> Iterator[Match]:
        """Yield what is accepted of all names told, for names that companies have since."""
        every = self._replay.standing().told.named.names
        for one in every[self._known :]:
            if one.names and one.company is None:
                for name in one.names:
                    self._heard.add(one, name)
        self._known = len(every)
        near: dict[Named, None] = {}
        if len(asked) > len(self._heard):
            near = dict.fromkeys(self._heard.owners())
        else:
            for name in asked:
                near |= dict.fromkeys(one for one, _ in self._heard.near(written(name), NEAR))
        for named in near:
            yield from accepted(named, names)


def accepted(named: Named, names: Names) -> Iterator[Match]:
    """Yield whom a name means by likeness; nothing where that is known, or must be looked at."""
    identifiers: dict[str, Any] = dict(named.identifiers)
    known = names.known(named.names, identifiers)
    if known.company or known.candidates or not names.may_be(named.names):
        return
    found = names.likely(named.names, identifiers)
    one = found.accepted
    if one is not None and not names.undone(one.likeness.asked, one.company):
        yield Match(
            name=one.likeness.asked,
            company=one.company,
            verdict="accept",
            score=round(one.score, 4),
            reasons=tuple(reason[:MOST_TEXT] for reason in found.reasons),
            model=digest(),
        )
