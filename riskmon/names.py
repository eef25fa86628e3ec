"""Names and identifiers to companies.

A name meets a company where both are the same words in the same order, whatever the case, the
width of the characters and the punctuation. What fits two companies waits for a person.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from riskmon.model import Company, Party


@dataclass(frozen=True, slots=True)
class Resolution:
    """Whom a name means: one company's id or None, candidates for review, and why."""

    company: str | None
    candidates: tuple[str, ...]
    reasons: tuple[str, ...]


def words(name: str) -> str:
    """Return the words of a name: NFKC, lower case, punctuation read as space."""
    folded = unicodedata.normalize("NFKC", name).casefold()
    return " ".join("".join(c if c.isalnum() else " " for c in folded).split())


class Names:
    """All names and identifiers of the declared companies."""

    def __init__(self, companies: Iterable[Company]) -> None:
        self.ids: set[str] = set()
        self._names: dict[str, dict[str, str]] = {}
        self._identifiers: dict[tuple[str, str], set[str]] = {}
        for company in companies:
            self.ids.add(company.id)
            for name in (company.id, company.name, *company.aliases):
                self._names.setdefault(words(name), {})[company.id] = name
            for kind, value in _identifiers(company.identifiers):
                self._identifiers.setdefault((kind, value), set()).add(company.id)

    def resolve(
        self,
        names: Iterable[str],
        identifiers: Mapping[str, str | tuple[str, ...]] | None = None,
    ) -> Resolution:
        """Return whom `names` (of one party) and its `identifiers` mean; identifiers decide."""
        found: dict[str, list[str]] = {}
        for kind, value in _identifiers(identifiers or {}):
            for company in self._identifiers.get((kind, value), ()):
                found.setdefault(company, []).append(f"{kind} {value} is {company}'s")
        if not found:
            for name in names:
                key = words(name)
                for company, stored in self._names.get(key, {}).items() if key else ():
                    reason = f"{name!r} has the words of {company}'s name {stored!r}"
                    found.setdefault(company, []).append(reason)
        reasons = tuple(reason for company in sorted(found) for reason in found[company])
        if len(found) == 1:
            return Resolution(next(iter(found)), (), reasons)
        if found:
            return Resolution(None, tuple(sorted(found)), (*reasons, "more than one company fits"))
        return Resolution(None, (), ("no declared company has this name or identifier",))

    def company_of(self, party: Party) -> str | None:
        """Return the company that `party` is, None for a person and for nobody known."""
        if party.company is not None:
            return party.company if party.company in self.ids else None
        if party.kind == "person" or party.name is None:
            return None
        return self.resolve((party.name, *party.aliases), party.identifiers).company

    def all(self) -> list[str]:
        """Return the words of every name."""
        return list(self._names)


def _identifiers(identifiers: Mapping[str, str | tuple[str, ...]]) -> Iterable[tuple[str, str]]:
    for kind, values in identifiers.items():
        for value in (values,) if isinstance(values, str) else values:
            yield kind, value.strip().upper()
