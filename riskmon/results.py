"""What the monitor returns: reports of what it did, and rows that become data frames."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, is_dataclass
from datetime import date, datetime
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple, overload

from riskmon import charts
from riskmon.cited import Cited
from riskmon.examples import Outcome
from riskmon.foresight import Foresight
from riskmon.forms import utc_text
from riskmon.frames import Frame, Kind, Rows, span
from riskmon.model import LEVELS, Noun, Score, level
from riskmon.whatif import Difference, Spell


def _companies(count: int) -> str:
    return f"{count:,} compan{'y' if count == 1 else 'ies'}"


class Scores(Rows[Score]):
    """Scores of companies at one moment, highest first."""

    kinds = {  # noqa: RUF012 (as declared in Frame)
        "company": "text",
        "name": "text",
        "value": "number",
        "level": "text",
        "rule": "text",
        "since": "moment",
        "as_of": "moment",
        "known_at": "moment",
        "position": "count",
    }

    @property
    def heading(self) -> str:
        """How many scores, as of when."""
        as_of = f" as of {charts.day(self[0].as_of)}" if len(self) else ""
        return f"Scores of {_companies(len(self))}{as_of}"

    def columns(self, row: Score) -> dict[str, Any]:
        """Return company, name, value, level, the greatest line's rule and since, both clocks."""
        top = row.top
        return {
            "company": row.company,
            "name": row.name,
            "value": row.value,
            "level": row.level,
            "rule": top.rule if top else None,
            "since": top.since if top else None,
            "as_of": row.as_of,
            "known_at": row.known_at,
            "position": row.position,
        }

    def chart(self) -> Any:
        """Return the highest scores as bars."""
        shown = list(islice(self.rows(), charts.MOST_BARS))
        return charts.ranked(shown, self.heading, len(self), LEVELS)


class Point(NamedTuple):
    """A score at one moment of a history."""

    as_of: datetime
    value: float


OVER_TIME: dict[str, Kind] = {
    "company": "text",
    "as_of": "moment",
    "value": "number",
    "level": "text",
}


class History(Rows[Point]):
    """One company's score over time, oldest first."""

    kinds = OVER_TIME

    def __init__(self, company: str, rows: Sequence[Point], name: str = "") -> None:
        super().__init__(rows)
        self.company = company
        self.name = name or company

    @property
    def heading(self) -> str:
        """Whose score, from when to when."""
        return f"{self.name}: score {span([point.as_of for point in self])}"

    def columns(self, row: Point) -> dict[str, Any]:
        """Return company, as_of, value and level."""
        return {
            "company": self.company,
            "as_of": row.as_of,
            "value": row.value,
            "level": level(row.value),
        }

    def chart(self) -> Any:
        """Return the score as a line over the levels."""
        return charts.history(self.to_dicts(), self.heading, LEVELS)


class Histories(Frame, Sequence[History]):
    """The scores of all companies over time, by company: a matrix, and a History of each."""

    kinds = OVER_TIME

    def __init__(
        self, companies: Sequence[str], moments: Sequence[datetime], values: Sequence[Any]
    ) -> None:
        self.companies = tuple(companies)
        self.moments = tuple(moments)
        self.values = values
        """For each moment, an array of the companies' scores."""

    def __len__(self) -> int:
        return len(self.companies)

    @overload
    def __getitem__(self, index: int) -> History: ...
    @overload
    def __getitem__(self, index: slice) -> list[History]: ...
    def __getitem__(self, index: int | slice) -> History | list[History]:
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(len(self)))]
        pairs = zip(self.moments, self.values, strict=True)
        rows = [Point(at, float(values[index])) for at, values in pairs]
        return History(self.companies[index], rows)

    @property
    def heading(self) -> str:
        """How many scores, from when to when."""
        return f"Scores of {_companies(len(self))} {span(self.moments)}"

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield company, as_of, value and level, a company after another."""
        return chain.from_iterable(one.rows() for one in self)

    def size(self) -> int:
        """Return how many scores there are."""
        return len(self.companies) * len(self.moments)

    def chart(self) -> Any:
        """Return the companies that are highest at the end as lines over the levels."""
        last = self.values[-1] if len(self.moments) and len(self) else []
        order = sorted(range(len(self)), key=lambda place: -float(last[place]))
        shown = [self[place] for place in order[: charts.MOST_HISTORIES]]
        rows = [row for one in shown for row in one.rows()]
        return charts.histories(rows, self.heading, len(self), LEVELS)


class Comparison(Rows[Difference]):
    """Companies whose score a draft of the rules would change, furthest first."""

    kinds = {  # noqa: RUF012 (as declared in Frame)
        "company": "text",
        "name": "text",
        "now": "number",
        "then": "number",
        "level_now": "text",
        "level_then": "text",
    }

    def __init__(
        self,
        rows: Sequence[Difference],
        *,
        spells: list[Spell],
        foresight: list[Foresight],
        as_of: datetime,
        digests: tuple[str, str],
        rules: dict[str, list[str]],
        failed: dict[str, str],
    ) -> None:
        super().__init__(rows)
        self.differing = len(rows)
        """How many companies differ: the rows are those that do so most."""
        self.spells = spells
        """When the levels of a company differ, by company and time."""
        self.foresight = foresight
        """How well the rules in force, the draft and a count of events anticipate listings."""
        self.as_of = as_of
        self.digests = digests
        """Of the ruleset in force, and of the draft."""
        self.rules = rules
        """Which the draft adds, removes and changes; `publishers` is one of them."""
        self.failed = failed
        """Rules that failed, each with the reason."""

    def columns(self, row: Difference) -> dict[str, Any]:
        """Return company, name, both scores and both levels."""
        return {name: getattr(row, name) for name in self.kinds}

    @property
    def heading(self) -> str:
        """Which rulesets are compared, as of when."""
        now, then = (digest[:12] for digest in self.digests)
        return f"Rules in force {now} and draft {then} as of {charts.day(self.as_of)}"

    def chart(self) -> Any:
        """Return what scores are under the rules in force and under the draft."""
        return charts.comparison(self.to_dicts(), self.heading)

    def to_json(self) -> dict[str, Any]:
        """Return all of it as plain values, to be printed as one JSON document."""
        rest = ("as_of", "digests", "rules", "spells", "foresight", "failed")
        return {"companies": list(self), **{name: getattr(self, name) for name in rest}}


class Move(NamedTuple):
    """A company whose score moved between two recalculations."""

    company: str
    before: float
    after: float


@dataclass(frozen=True)
class Run:
    """What a recalculation found."""

    as_of: datetime
    position: int
    ruleset: str
    published: bool
    """Whether the rules had changed and were published."""
    rules: dict[str, list[str]]
    """Which were added, removed and changed by that; `publishers` is one of them."""
    since: datetime | None
    """When the last recalculation was; None for the first."""
    companies: int
    moved: list[Move]
    """Those that moved by a hundredth of a point or more since then, furthest first."""
    failed: dict[str, str]
    """Rules that failed, each with the reason; the others' scores stand."""
    alerts: int = 0
    """How many were told of it."""


def to_json(value: object) -> Any:
    """Return a result as plain JSON: moments as UTC text, events by what they say."""
    if isinstance(value, Score):
        names = ("company", "name", "declared", "value", "level", "categories", "lines", "shadow")
        clocks = ("as_of", "known_at", "position", "ruleset", "failed")
        return {name: to_json(getattr(value, name)) for name in (*names, *clocks)}
    if isinstance(value, Frame):
        return to_json(value.to_json() if isinstance(value, Comparison) else value.to_dicts())
    if isinstance(value, Noun):
        return value.model_dump(mode="json", exclude_defaults=True)
    if isinstance(value, datetime):
        return utc_text(value).replace(".000000Z", "Z")
    if is_dataclass(value):
        found = {one.name: to_json(getattr(value, one.name)) for one in fields(value)}
        return found | ({"passed": value.passed} if isinstance(value, Outcome) else {})
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return to_json(value._asdict())
    if isinstance(value, dict):
        return {name: to_json(member) for name, member in value.items()}
    if isinstance(value, list | tuple | Cited):
        return [to_json(member) for member in value]
    if isinstance(value, float):
        return None if math.isnan(value) else value  # an experimental line has no points
    return str(value) if isinstance(value, Path | date) else value
