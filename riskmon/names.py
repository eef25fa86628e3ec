"""Names and identifiers to companies, as a careful analyst would do it, and why.

The way of a name: its identifiers (one that matches decides, one of another company forbids); the
same words as a stored name of one company; what was decided about it; else how alike it is to the
names there are. What is likely enough is accepted, what may be waits for a person, and where two
fit, or nothing telling is shared, nobody is meant: a wrong merge is worse than a miss.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, NamedTuple

from riskmon.identifiers import SINGLE, canonical
from riskmon.model import Company, Party
from riskmon.naming.index import Index
from riskmon.naming.likeness import WHOLE, Likeness, likeness, scored
from riskmon.naming.written import written

ACCEPT, REVIEW = WHOLE, 0.3
"""Likelihoods: none below is accepted, and none below that is shown to a person."""
BEHIND = 0.3
"""How far the second company has to be behind the first."""
DISTINCTIVE = 6.0
"""A word this telling has to be shared: of 400 names, one has it."""
COMPARED, SHOWN = 8, 8
"""Names that are compared word by word, and candidates that are shown."""

Identifiers = Mapping[str, str | tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A company that a name may mean, by the stored name that is most like it."""

    company: str
    likeness: Likeness
    vetoes: tuple[str, ...] = ()
    """Why it cannot be accepted, however alike."""

    @property
    def name(self) -> str:
        """The stored name."""
        return self.likeness.stored

    @property
    def score(self) -> float:
        """How likely the two name one company, 0 to 1."""
        return self.likeness.score

    @property
    def reasons(self) -> tuple[str, ...]:
        """What was found, in words."""
        head = f"{self.company}: {self.score:.2f} by its name {self.name!r}"
        return (head, *self.likeness.reasons, *(f"veto: {veto}" for veto in self.vetoes))

    def to_dict(self) -> dict[str, Any]:
        """Return it as data."""
        return {"company": self.company, **asdict(self.likeness), "vetoes": list(self.vetoes)}


@dataclass(frozen=True, slots=True)
class Resolution:
    """Whom a name means: one company's id or None, candidates for review, and why."""

    company: str | None
    candidates: tuple[Candidate, ...]
    """Who else it may be, likeliest first; where there is no company, they wait for a person."""
    reasons: tuple[str, ...]
    by: str | None = None
    """What decided: identifier, name, decision or likeness; None where nobody is meant."""
    accepted: Candidate | None = None
    """The company, where likeness decided."""

    @property
    def verdict(self) -> str:
        """accepted, review or nobody."""
        return "accepted" if self.company else "review" if self.candidates else "nobody"

    def to_dict(self) -> dict[str, Any]:
        """Return it as data."""
        return {
            "company": self.company,
            "verdict": self.verdict,
            "by": self.by,
            "accepted": self.accepted.to_dict() if self.accepted else None,
            "candidates": [candidate.to_dict() for candidate in self.candidates],
            "reasons": list(self.reasons),
        }


class Decision(NamedTuple):
    """What was decided about a name and a company, and stands."""

    name: str
    company: str
    accepted: bool
    automatic: bool
    """By likeness; it gives way to what a person decides and a company's own name says."""


def words(name: str) -> str:
    """Return the words of a name: NFKC, lower case, punctuation read as space."""
    folded = unicodedata.normalize("NFKC", name).casefold()
    return " ".join("".join(c if c.isalnum() else " " for c in folded).split())


def compare(a: str, b: str) -> float:
    """Return how likely two names are one company's, 0 to 1; the same for (b, a).

    Where they have different numbers it is at most 0.2: a 13th institute is not the 14th.
    """
    return likeness(a, b).score


class Names:
    """All names and identifiers of the declared companies, and what was decided about names."""

    def __init__(self, companies: Iterable[Company], decisions: Iterable[Decision] = ()) -> None:
        self.ids: set[str] = set()
        self._own: dict[str, dict[str, str]] = {}
        """By the words of a name: whose it is, and how it is stored."""
        self._identifiers: dict[tuple[str, str], set[str]] = {}
        self._single: dict[str, dict[str, str]] = {}
        """Of a company, the identifiers of which it has one."""
        for company in companies:
            self.ids.add(company.id)
            for name in (company.id, company.name, *company.aliases):
                self._own.setdefault(words(name), {})[company.id] = name
            for kind, value in sound(company.identifiers):
                self._identifiers.setdefault((kind, value), set()).add(company.id)
                if kind in SINGLE:
                    self._single.setdefault(company.id, {})[kind] = value
        self._segments: list[_Segment] = []
        self._decide(decisions)

    def _decide(self, decisions: Iterable[Decision]) -> None:
        self._accepted: dict[str, dict[str, Decision]] = {}
        self._rejected: dict[str, set[str]] = {}
        for one in decisions:
            if one.company not in self.ids:
                continue
            key = words(one.name)
            if one.accepted:
                self._accepted.setdefault(key, {})[one.company] = one
            else:
                self._rejected.setdefault(key, set()).add(one.company)

    def decided(self, decisions: Iterable[Decision]) -> Names:
        """Return the same companies with other decisions about names."""
        fresh = object.__new__(Names)
        fresh.__dict__ |= self.__dict__
        fresh.__dict__.pop("_index", None)
        fresh._decide(decisions)
        return fresh

    # What is known

    def known(self, names: Iterable[str], identifiers: Identifiers | None = None) -> Resolution:
        """Return whom `names` (of one party) and its `identifiers` mean, by what is stored.

        The same for ever: it depends on companies and decisions, and on nothing that is measured.
        """
        given = list(sound(identifiers or {}))
        found: dict[str, list[str]] = {}
        for kind, value in given:
            for company in self._identifiers.get((kind, value), ()):
                found.setdefault(company, []).append(f"{kind} {value} is {company}'s")
        by = "identifier"
        if not found:
            by = "name"
            for name in names:
                for company, reason, how in self._bearers(name):
                    veto = self._conflict(company, given)
                    found.setdefault(company, []).append(veto or reason)
                    by = how if by != "decision" else by
                    if veto:
                        found[company].append("")
        vetoed = {company for company, reasons in found.items() if "" in reasons}
        reasons = tuple(reason for company in sorted(found) for reason in found[company] if reason)
        meant = sorted(found.keys() - vetoed)
        if len(meant) == 1 and not vetoed:
            return Resolution(meant[0], (), reasons, by)
        if not found:
            return Resolution(None, (), (NOBODY,))
        if len(found) > 1:
            reasons = (*reasons, "more than one company fits")
        names = list(names)
        candidates = tuple(
            Candidate(company, likeness(names[0] if names else company, company))
            for company in sorted(found)
        )
        return Resolution(None, candidates, reasons)

    def _bearers(self, name: str) -> Iterator[tuple[str, str, str]]:
        """Yield the companies with this very name, why, and what says so."""
        key = words(name)
        if not key:
            return
        rejected = self._rejected.get(key, ())
        own = self._own.get(key, {})
        for company, stored in own.items():
            if company not in rejected:
                yield company, f"{name!r} has the words of {company}'s name {stored!r}", "name"
        for company, one in self._accepted.get(key, {}).items():
            if company in rejected or company in own or (one.automatic and own):
                continue
            who = "its likeness" if one.automatic else "a person"
            yield company, f"{name!r} was accepted as a name of {company} by {who}", "decision"

    def _conflict(self, company: str, given: Sequence[tuple[str, str]]) -> str | None:
        """Return which identifier says that a party is not this company; None for none."""
        single = self._single.get(company, {})
        for kind, value in given:
            if kind in SINGLE and single.get(kind, value) != value:
                return f"{kind} {value} is not {company}'s, which is {single[kind]}"
        return None

    # What is likely

    def resolve(self, names: Iterable[str], identifiers: Identifiers | None = None) -> Resolution:
        """Return whom `names` (of one party) and its `identifiers` mean, by likeness at last."""
        names = list(names)
        found = self.known(names, identifiers)
        if found.company or found.candidates:
            return found
        return self.likely(names, identifiers)

    def likely(self, names: Iterable[str], identifiers: Identifiers | None = None) -> Resolution:
        """Return whom names that nobody bears may mean."""
        given = list(sound(identifiers or {}))
        best: dict[str, Likeness] = {}
        for name in names:
            for company, found in self._alike(name):
                if company not in best or best[company].score < found.score:
                    best[company] = found
        ordered = sorted(best, key=lambda company: (-best[company].score, company))
        shown = tuple(
            self._candidate(company, best[company], given)
            for company in ordered[:SHOWN]
            if best[company].score >= REVIEW
        )
        if not shown:
            return Resolution(None, (), (NOBODY,))
        first, reasons = shown[0], list(shown[0].reasons)
        if len(ordered) > 1:
            second = best[ordered[1]]
            reasons.append(f"second: {ordered[1]}, {second.score:.2f} by {second.stored!r}")
        needed, why = first.likeness.asks
        reasons.append(f"asked: {needed:.2f}, since {why}")
        if first.score < needed or first.vetoes:
            return Resolution(None, shown, tuple(reasons))
        if any(_too_close(first, best[company]) for company in ordered[1:]):
            return Resolution(None, shown, (*reasons, "the second is too close"))
        return Resolution(first.company, shown[1:], tuple(reasons), "likeness", first)

    def _alike(self, name: str) -> Iterator[tuple[str, Likeness]]:
        """Yield the companies with a name somewhat like this one."""
        rejected = self._rejected.get(words(name), ())
        index, stored = self._index
        places = [
            place
            for place in index.near(written(name), COMPARED)
            if stored[place][0] not in rejected
        ]
        scores = scored(name, [stored[place][1] for place in places])
        for place, score in zip(places, scores, strict=True):
            company, known = stored[place]
            yield company, Likeness(name, known, score)

    def _candidate(
        self, company: str, found: Likeness, given: Sequence[tuple[str, str]]
    ) -> Candidate:
        vetoes = list(found.vetoes(DISTINCTIVE))
        if conflict := self._conflict(company, given):
            vetoes.append(conflict)
        return Candidate(company, found, tuple(vetoes))

    @cached_property
    def _index(self) -> tuple[Index, list[tuple[str, str]]]:
        """The names by what is in them, and of each the company and how it is stored."""
        stored = [
            (company, name) for bearers in self._own.values() for company, name in bearers.items()
        ]
        for accepted in self._accepted.values():
            stored += [
                (company, one.name) for company, one in accepted.items() if not one.automatic
            ]
        return Index([name for _, name in stored]), stored

    def company_of(self, party: Party) -> str | None:
        """Return the company that `party` is, None for a person and for nobody known."""
        if party.company is not None:
            return party.company if party.company in self.ids else None
        if party.kind == "person" or party.name is None:
            return None
        return self.known((party.name, *party.aliases), party.identifiers).company

    def all(self) -> list[str]:
        """Return the words of every name."""
        return list(self._own)


NOBODY = "no declared company has this name or identifier"


def _too_close(first: Candidate, other: Likeness) -> bool:
    """Whether the other may be meant as well; in Chinese, say, only by the same characters."""
    if first.likeness.native and other.score < 1:
        return False
    return first.score - other.score < BEHIND


def sound(identifiers: Identifiers) -> Iterator[tuple[str, str]]:
    """Yield the identifiers that can be ones, in their canonical form; others say nothing."""
    for kind, values in identifiers.items():
        for value in (values,) if isinstance(values, str) else values:
            try:
                yield kind, canonical(kind, value)
            except ValueError:
                continue
