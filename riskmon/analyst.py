"""What a person decides about names and companies, each decision an entry. Part of the facade."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

from riskmon import intake, review
from riskmon.decisions import (
    MATCH,
    MERGE,
    PERSON,
    UNLINK,
    Match,
    Merge,
    Unlink,
    body,
    match_ref,
)
from riskmon.errors import UnknownCompanyError, UsageError
from riskmon.ledger import Fact
from riskmon.matching import Matching
from riskmon.model import Entry, Holding
from riskmon.names import words
from riskmon.progress import progress
from riskmon.resolution import Resolution
from riskmon.review import Linked, Waiting
from riskmon.settings import Config
from riskmon.validation import check, did_you_mean
from riskmon.witness import Moment, Witness, as_moment

Told = TypeVar("Told", Holding, Match, Merge, Unlink)

CONFIDENCE = 1.959964
"""Of a normal distribution, 95 % is within so many deviations."""
BANDS = (0.3, 0.8, 0.9, 0.95, 1.0)


class Precision(NamedTuple):
    """How often persons accepted what had a likelihood from `least` up to `most`."""

    least: float
    most: float
    decided: int
    accepted: int

    def to_dict(self) -> dict[str, Any]:
        """Return it as data."""
        return {**self._asdict(), "share": self.share, "interval": self.interval}

    @property
    def share(self) -> float:
        """The share that was accepted; NaN where nothing was decided."""
        return self.accepted / self.decided if self.decided else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """Where that share is, with 95 % confidence (Wilson, 1927)."""
        if not self.decided:
            return 0.0, 1.0
        n, p, z = self.decided, self.share, CONFIDENCE
        middle = (p + z * z / (2 * n)) / (1 + z * z / n)
        half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
        return max(0.0, middle - half), min(1.0, middle + half)


class Analyst(Witness):
    """A ledger whose names are looked after. `Monitor` is one; use that."""

    def __init__(self, url: str, clock: Callable[[], datetime], config: Config) -> None:
        super().__init__(url, clock, config)
        self._matching = Matching(self._ledger, self._replay)

    @progress("matching names")
    def match(self) -> int:
        """Bring names and companies together by likeness; return how many names were accepted.

        `ingest`, `declare` and `recalculate` do it by themselves.
        """
        with self._lock:
            return self._matching.catch_up(self._clock)

    def resolve(self, name: str, /, **identifiers: str) -> Resolution:
        """Return whom a name means: a company's id or None, candidates for review, reasons.

        `identifiers`: such as `lei=...`, `cik=...`, `ticker="NASDAQ:BIDU"`. Nothing is stored.
        """
        with self._lock:
            return self._replay.names().resolve((name,), identifiers)

    def review(self, limit: int = 20, *, as_of: Moment | None = None) -> list[Waiting]:
        """Return at most `limit` names that wait for a person, what moves most points first."""
        with self._lock:
            standing = self._replay.standing()
            view = self._replay.view(standing)
            at = as_moment(as_of, "as_of") if as_of is not None else self._clock()
            return review.waiting(standing, view, at, limit) if view else []

    def accept(
        self, name: str, company: str, *, by: str | None = None, why: str | None = None
    ) -> None:
        """Take a name for a company's: from now on it is one of its names.

        Where it is a name of other companies, too, it is rejected for them.
        """
        with self._lock:
            company = self._declared(company)
            others = self._replay.names().bearers(name) - {company}
            told = [self._decided(name, company, "accept", by, why)]
            told += [self._decided(name, other, "reject", by, why) for other in sorted(others)]
            self._decide(told)

    def reject(
        self, name: str, company: str, *, by: str | None = None, why: str | None = None
    ) -> None:
        """Say that a name does not mean a company; the two are not proposed again."""
        with self._lock:
            self._decide([self._decided(name, self._declared(company), "reject", by, why)])

    def undo(
        self, name: str, company: str, *, by: str | None = None, why: str | None = None
    ) -> None:
        """Take back what was decided of a name and a company, by whomever."""
        with self._lock:
            company = self._declared(company)
            if not self._replay.names().decided(name, company):
                raise UsageError(f"nothing was decided about {name!r} and {company}")
            self._decide([self._decided(name, company, "undo", by, why)])

    def decision(self, name: str, company: str) -> Entry | None:
        """Return the entry by which a person last decided of a name and a company; None for none.

        Its `verdict` is accept, reject or undo.
        """
        found = self._ledger.latest(MATCH, PERSON, [match_ref(name, company)])
        return found[0] if found else None

    def merge(
        self, company: str, into: str, *, by: str | None = None, why: str | None = None
    ) -> None:
        """Say that a company is another one: its names, identifiers, events and owners are."""
        with self._lock:
            merged = self._replay.standing().roster.into
            if company in merged:
                raise UsageError(f"{company} was merged into {merged[company]}: split it first")
            one, other = self._declared(company), self._declared(into)
            if one == other:
                raise UsageError(f"{company} and {into} are one company already")
            self._append_merge(_checked(Merge, company=one, into=into, by=by, why=why))

    def split(self, company: str, *, by: str | None = None, why: str | None = None) -> None:
        """Take back that a company was merged into another one."""
        with self._lock:
            if company not in self._replay.standing().roster.into:
                raise UsageError(f"{company!r} was not merged into another company")
            self._append_merge(_checked(Merge, company=company, into=None, by=by, why=why))

    def links(self) -> list[Linked]:
        """Return the companies that sources link to others, which wait for a person."""
        with self._lock:
            return review.linked(self._replay.standing())

    def hold(
        self,
        company: str,
        owner: str,
        share: float,
        *,
        since: Moment | None = None,
        until: Moment | None = None,
    ) -> None:
        """Say that a company holds a share, 0 to 1, of another; from `since` to `until`."""
        with self._lock:
            one, other = self._declared(company), self._declared(owner)
            told = _checked(
                Holding, company=one, owner=other, share=share, since=since, until=until
            )
            self._ledger.append([intake.fact(told)], self._clock)

    def unlink(
        self, company: str, owner: str, *, by: str | None = None, why: str | None = None
    ) -> None:
        """Say that a company is not another one's; the two are not proposed again."""
        with self._lock:
            one, other = self._declared(company), self._declared(owner)
            told = _checked(Unlink, company=one, owner=other, by=by, why=why)
            fact = Fact(UNLINK, PERSON, f"{one} {other}", body(told))
            self._ledger.append([fact], self._clock)

    def precision(self) -> list[Precision]:
        """Return how often persons accepted what was so likely: what the thresholds are worth."""
        with self._lock:
            decisions = self._replay.standing().told.decisions
        likely = {
            (words(one.name), one.company): one.score
            for _, one in decisions
            if one.score is not None
        }
        verdicts = {
            (words(one.name), one.company): one.accepted
            for _, one in decisions
            if not one.automatic
        }
        decided = [
            (likely[pair], verdict)
            for pair, verdict in verdicts.items()
            if verdict is not None and pair in likely
        ]
        found = []
        for least, most in itertools.pairwise(BANDS):
            last = most == BANDS[-1]
            said = [verdict for one, verdict in decided if least <= one and (one < most or last)]
            found.append(Precision(least, most, len(said), sum(said)))
        return found

    def _declared(self, company: str) -> str:
        """Return the id of a declared company, given its id or the company it was merged into."""
        roster = self._replay.standing().roster
        if company in roster.into:
            return roster.into[company]
        if company in roster.companies:
            return company
        hint = did_you_mean(company, list(roster.companies))
        raise UnknownCompanyError(f"expected the id of a declared company, got {company!r}{hint}")

    def _decided(
        self, name: str, company: str, verdict: str, by: str | None, why: str | None
    ) -> Match:
        if not words(name):
            raise UsageError(f"expected a name with a letter or a digit, got {name!r}")
        score = self._replay.names().likelihood(name, company)
        told = {"name": name, "company": company, "verdict": verdict, "by": by, "why": why}
        return _checked(Match, **told, score=None if score is None else round(score, 4))

    def _decide(self, told: list[Match]) -> None:
        self._ledger.append([Fact(MATCH, PERSON, one.ref, body(one)) for one in told], self._clock)

    def _append_merge(self, told: Merge) -> None:
        self._ledger.append([Fact(MERGE, PERSON, told.company, body(told))], self._clock)


def _checked(noun: type[Told], **data: Any) -> Told:
    """Return what was decided; UsageError where it cannot be an entry."""
    told = check(noun, data)
    if isinstance(told, list):
        raise UsageError("; ".join(map(str, told)))
    return told
