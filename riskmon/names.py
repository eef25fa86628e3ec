"""Names and identifiers to companies, as a careful analyst would do it, and why.

The way of a name: its identifiers (one that matches decides, one of another company forbids); the
same words as a stored name of one company; what was decided about it; else how alike it is to the
names there are. What is likely enough is accepted, what may be waits for a person, and where two
fit, or nothing telling is shared, nobody is meant: a wrong merge is worse than a miss.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from riskmon.identifiers import SINGLE, canonical
from riskmon.model import Company, Party
from riskmon.naming.catalogue import Catalogue
from riskmon.naming.likeness import WHOLE, Likeness, scored, shares_a_word
from riskmon.naming.written import written
from riskmon.resolution import Candidate, Decision, Resolution

ACCEPT, REVIEW = WHOLE, 0.3
"""Likelihoods: none below is accepted, and none below that is shown to a person."""
BEHIND = 0.3
"""How far the second company has to be behind the first."""
DISTINCTIVE = 6.0
"""A word this telling has to be shared: of 400 names, one has it."""
COMPARED, SHOWN = 8, 8
"""Names that are compared word by word, and candidates that are shown."""

Identifiers = Mapping[str, str | tuple[str, ...]]


def words(name: str) -> str:
    """Return the words of a name: NFKC, lower case, punctuation read as space."""
    folded = unicodedata.normalize("NFKC", name).casefold()
    return " ".join("".join(c if c.isalnum() else " " for c in folded).split())


def compare(a: str, b: str) -> float:
    """Return how likely two names are one company's, 0 to 1; the same for (b, a).

    Where they have different numbers it is at most 0.2: a 13th institute is not the 14th.
    """
    return scored(a, [b])[0]


class Names:
    """All names and identifiers of the declared companies, and what was decided about names."""

    def __init__(self, companies: Iterable[Company], decisions: Iterable[Decision] = ()) -> None:
        self.ids: set[str] = set()
        self._own: dict[str, dict[str, str]] = {}
        """By the words of a name: whose it is, and how it is stored."""
        self._identifiers: dict[tuple[str, str], set[str]] = {}
        self._borne: dict[str, tuple[list[str], list[tuple[str, str]]]] = {}
        """The words of a company's names, and its identifiers."""
        self._accepted: dict[str, dict[str, Decision]] = {}
        self._rejected: dict[str, dict[str, Decision]] = {}
        self._undone: set[tuple[str, str]] = set()
        """By words of names and companies: what likeness is not to accept again by itself."""
        self._catalogue: Catalogue[str] = Catalogue()
        for company in companies:
            self._add(company)
        for one in decisions:
            self._decide(one)

    def _add(self, company: Company) -> None:
        self.ids.add(company.id)
        keys, identifiers = [], list(sound(company.identifiers))
        for name in (company.name, *company.aliases, company.id):
            key = words(name)
            keys.append(key)
            bearers = self._own.get(key, {})
            if company.id not in bearers:
                self._own[key] = bearers | {company.id: name}
                if name != company.id:  # an id is no name that others are like
                    self._catalogue.add(company.id, name)
        for pair in identifiers:
            self._identifiers[pair] = self._identifiers.get(pair, set()) | {company.id}
        self._borne[company.id] = keys, identifiers

    def _remove(self, company: str) -> None:
        keys, identifiers = self._borne.pop(company, ([], []))
        for key in keys:
            self._own[key] = {
                one: name for one, name in self._own.get(key, {}).items() if one != company
            }
        for pair in identifiers:
            self._identifiers[pair] = self._identifiers[pair] - {company}

    def _decide(self, one: Decision) -> None:
        key = words(one.name)
        undone = one.accepted is None
        if not one.automatic:
            (self._undone.add if undone else self._undone.discard)((key, one.company))
        for verdict, table in ((True, self._accepted), (False, self._rejected)):
            before = table.get(key, {})
            kept = {
                firm: other
                for firm, other in before.items()
                if firm != one.company
                or (other.automatic != one.automatic and not (undone and other.automatic))
            }
            if one.accepted is verdict:
                kept[one.company] = one
            if kept != before:
                table[key] = kept
        if one.accepted and not one.automatic:
            self._catalogue.add(one.company, one.name)

    def later(
        self, companies: Iterable[Company], decisions: Iterable[Decision]
    ) -> tuple[Names, set[Any]]:
        """Return the names after some companies were declared anew, and after later decisions.

        And the words and identifiers of which the meaning may have changed.
        """
        fresh = object.__new__(Names)
        fresh.__dict__ |= {
            name: value.copy() if isinstance(value, dict | Catalogue | set) else value
            for name, value in self.__dict__.items()
        }
        changed: set[Any] = set()
        for company in companies:
            before = fresh._borne.get(company.id, ([], []))
            fresh._remove(company.id)
            fresh._add(company)
            after = fresh._borne[company.id]
            changed |= set(before[0]) ^ set(after[0])
            changed |= set(before[1]) ^ set(after[1])
            if set(before[1]) != set(after[1]):  # what forbids a name may be another now
                changed |= set(after[0])
                changed |= {key for key, firms in fresh._accepted.items() if company.id in firms}
        for one in decisions:
            fresh._decide(one)
            changed.add(words(one.name))
        return fresh, changed

    @staticmethod
    def keys(names: Iterable[str], identifiers: Identifiers) -> Iterator[Any]:
        """Yield by what `known` looks a party up."""
        yield from map(words, names)
        yield from sound(identifiers)

    # What is known

    def known(self, names: Iterable[str], identifiers: Identifiers | None = None) -> Resolution:
        """Return whom `names` (of one party) and its `identifiers` mean, by what is stored.

        The same for ever: it depends on companies and decisions, and on nothing that is measured.
        """
        names, given = list(names), list(sound(identifiers or {}))
        found: dict[str, list[str]] = {}
        vetoes: dict[str, str] = {}
        stored: dict[str, tuple[str, str]] = {}
        by = "identifier"
        for kind, value in given:
            for company in self._identifiers.get((kind, value), ()):
                found.setdefault(company, []).append(f"{kind} {value} is {company}'s")
        for name in () if found else names:
            for company, known, reason, how in self._bearers(name):
                by = how if by == "identifier" else by
                found.setdefault(company, []).append(reason)
                stored.setdefault(company, (name, known))
                if conflict := self._conflict(company, given):
                    vetoes[company] = conflict
        if not found:
            return Resolution(None, (), (NOBODY,))
        reasons = tuple(reason for company in sorted(found) for reason in found[company])
        if len(found) == 1 and not vetoes:
            return Resolution(next(iter(found)), (), reasons, by)
        if len(found) > 1:
            reasons = (*reasons, "more than one company fits")
        candidates = tuple(
            Candidate(
                company,
                Likeness(*stored.get(company, ("", "")), 1.0),
                (vetoes[company],) if company in vetoes else (),
            )
            for company in sorted(found)
        )
        told = tuple(f"veto: {one}" for one in vetoes.values())
        return Resolution(None, candidates, (*reasons, *told))

    def _bearers(self, name: str) -> Iterator[tuple[str, str, str, str]]:
        """Yield the companies with this very name, how it is stored, why, and what says so."""
        key = words(name)
        if not key:
            return
        rejected = self._rejected.get(key, {})
        own = self._own.get(key, {})
        for company, stored in own.items():
            if company not in rejected:
                reason = f"{name!r} has the words of {company}'s name {stored!r}"
                yield company, stored, reason, "name"
        for company, one in self._accepted.get(key, {}).items():
            if company in rejected or company in own or company not in self.ids:
                continue
            if one.automatic and own:  # a company's own name says more
                continue
            who = "its likeness" if one.automatic else "a person"
            reason = f"{name!r} was accepted as a name of {company} by {who}"
            yield company, one.name, reason, "decision"

    def _conflict(self, company: str, given: Sequence[tuple[str, str]]) -> str | None:
        """Return which identifier says that a party is not this company; None for none."""
        for kind, value in given:
            if kind in SINGLE:
                has = [other for one, other in self._borne[company][1] if one == kind]
                if has and value not in has:
                    return f"{kind} {value} is not {company}'s, which is {' or '.join(has)}"
        return None

    def bearers(self, name: str) -> set[str]:
        """Return the companies that bear this very name, or were decided to."""
        return {company for company, _, _, _ in self._bearers(name)}

    def decided(self, name: str, company: str) -> bool:
        """Whether something was decided about a name and a company, and stands."""
        key = words(name)
        return company in self._accepted.get(key, {}) or company in self._rejected.get(key, {})

    def likelihood(self, name: str, company: str) -> float | None:
        """Return how likely a name was a company's before anybody decided; None for its own."""
        key = words(name)
        if company in self._own.get(key, {}):
            return None
        for table in (self._accepted, self._rejected):
            if company in table.get(key, {}):
                return table[key][company].score
        return next((one.score for firm, one in self._alike(name) if firm == company), None)

    def undone(self, name: str, company: str) -> bool:
        """Whether a person took back what was decided of a name and a company."""
        return (words(name), company) in self._undone

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

    def may_be(self, names: Iterable[str]) -> bool:
        """Whether likeness could accept one of these names: most are strangers, at a glance."""
        return any(
            shares_a_word(written(name), written(known), DISTINCTIVE)
            for name in names
            for _, known in self._near(name)
        )

    def _near(self, name: str) -> list[tuple[str, str]]:
        """Return the stored names that may be meant, each with its company."""
        rejected = self._rejected.get(words(name), {})
        near = self._catalogue.near(written(name), COMPARED)
        return [pair for pair in near if pair[0] not in rejected and self._bears(*pair)]

    def _alike(self, name: str) -> Iterator[tuple[str, Likeness]]:
        """Yield the companies with a name somewhat like this one."""
        near = self._near(name)
        scores = scored(name, [known for _, known in near])
        for (company, known), score in zip(near, scores, strict=True):
            yield company, Likeness(name, known, score)

    def _bears(self, company: str, name: str) -> bool:
        """Whether a name that was read is a company's still."""
        key = words(name)
        accepted = self._accepted.get(key, {}).get(company)
        return company in self._own.get(key, {}) or bool(accepted and not accepted.automatic)

    def _candidate(
        self, company: str, found: Likeness, given: Sequence[tuple[str, str]]
    ) -> Candidate:
        vetoes = list(found.vetoes(DISTINCTIVE))
        if conflict := self._conflict(company, given):
            vetoes.append(conflict)
        return Candidate(company, found, tuple(vetoes))

    def company_of(self, party: Party) -> str | None:
        """Return the company that a party means by name; None for a person, and nobody known."""
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
