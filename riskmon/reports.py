"""What an ingest or a declaration did, row by row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from riskmon.decisions import DRAFT, READ, Held
from riskmon.errors import Problem


class Rejected(NamedTuple):
    """A row that was refused: where, the first wrong field, every reason, and the row itself."""

    file: str
    line: int
    field: str
    reason: str
    raw: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.reason}"


@dataclass
class Report:
    """What an ingest or a declaration did: nothing is dropped silently."""

    file: str = ""
    appended: int = 0
    revised: int = 0
    withdrawn: int = 0
    duplicates: int = 0
    types: dict[str, int] = field(default_factory=dict)
    """Appended, by event type."""
    matched: int = 0
    """Names that were accepted as a company's by likeness."""
    ignored: int = 0
    """Owners told of companies that nobody declared."""
    rejected: list[Rejected] = field(default_factory=list)
    rejects: Path | None = None
    """The file that the rejected rows were written to; None where there are none."""
    rows: int = 0
    """Rows of the input that are not left out: each told something, is a duplicate or rejected."""
    drafts: int = 0
    """Drafts of events, which wait for a person."""
    copies: list[Path] = field(default_factory=list)
    """Where what was fetched is kept, so that it can be ingested again."""
    held: Held | None = None
    """Why the whole copy of a list is held; None where it is not."""
    notes: list[str] = field(default_factory=list)
    """What else is to be known of the input."""

    def count(self, outcomes: Sequence[str], types: Sequence[str]) -> None:
        """Note what became of rows: appended, revised, withdrawn or duplicate; and their types.

        That a copy was read is not counted; a draft is none of these.
        """
        told = list(zip(types, outcomes, strict=True))
        self.drafts += sum(how == "appended" for one, how in told if one == DRAFT)
        told = [(one, how) for one, how in told if one not in {READ, DRAFT}]
        counts = Counter(how for _, how in told)
        self.appended += counts["appended"]
        self.revised += counts["revised"]
        self.withdrawn += counts["withdrawn"]
        self.duplicates += counts["duplicate"]
        for type_, count in Counter([one for one, how in told if how == "appended"]).items():
            if type_:
                self.types[type_] = self.types.get(type_, 0) + count

    def reject(self, line: int, raw: str, problems: Sequence[Problem]) -> None:
        """Note a refused row."""
        reason = "; ".join(map(str, problems))
        self.rejected.append(Rejected(self.file, line, problems[0].field, reason, raw))

    def __str__(self) -> str:
        counts = {name: getattr(self, name) for name in ("appended", "revised", "withdrawn")}
        counts |= {"duplicates": self.duplicates, "rejected": len(self.rejected)}
        if self.held:
            return f"held: {'; '.join(self.held.reasons)}"
        matched = "name matched" if self.matched == 1 else "names matched"
        drafts = "draft to review" if self.drafts == 1 else "drafts to review"
        more = {matched: self.matched, "ignored": self.ignored, drafts: self.drafts}
        counts |= {name: count for name, count in more.items() if count}
        return ", ".join(f"{count:,} {name}" for name, count in counts.items())
