"""What becomes of a name: whom it means, who else it may mean, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from riskmon.naming.likeness import Likeness


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
        return {"company": self.company, **self.likeness.to_dict(), "vetoes": list(self.vetoes)}


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
    def all_candidates(self) -> tuple[Candidate, ...]:
        """The company that likeness decided for, and who else it may be."""
        return ((self.accepted,) if self.accepted else ()) + self.candidates

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
    accepted: bool | None
    """None for neither: what was decided before is undone."""
    automatic: bool
    """By likeness; it gives way to what a person decides and a company's own name says."""
    score: float | None = None
    """How likely it was then."""
