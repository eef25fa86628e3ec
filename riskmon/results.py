"""What the monitor returns: reports of what it did, and rows that become data frames."""

from __future__ import annotations

import html
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, is_dataclass
from datetime import date, datetime
from importlib import import_module
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar, overload

from riskmon.cited import Cited
from riskmon.errors import MissingExtraError
from riskmon.examples import Outcome
from riskmon.foresight import Foresight
from riskmon.forms import utc_text
from riskmon.model import Noun, Score, level
from riskmon.whatif import Difference, Spell

Row = TypeVar("Row")


class Frame(Generic[Row]):
    """Rows in order, as objects or as a data frame with the same columns."""

    names: tuple[str, ...] = ()
    """The columns, in order."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self._rows = rows

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {len(self)} rows: {', '.join(self.names)}>"

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Row]:
        return iter(self._rows)

    def __getitem__(self, index: int) -> Row:
        return self._rows[index]

    def columns(self, row: Row) -> dict[str, Any]:
        """Return the columns of one row."""
        raise NotImplementedError

    def to_dicts(self) -> list[dict[str, Any]]:
        """Return the rows as dicts; moments are aware datetimes."""
        return [self.columns(row) for row in self]

    def to_polars(self) -> Any:
        """Return a polars DataFrame (extra `polars`)."""
        try:
            polars = import_module("polars")
        except ImportError:
            raise MissingExtraError("polars", "polars") from None
        return polars.DataFrame(self.to_dicts(), schema=list(self.names), infer_schema_length=None)

    def to_pandas(self) -> Any:
        """Return a pandas DataFrame (extra `pandas`)."""
        try:
            pandas = import_module("pandas")
        except ImportError:
            raise MissingExtraError("pandas", "pandas") from None
        return pandas.DataFrame(self.to_dicts(), columns=list(self.names))

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> Any:
        return self.to_polars().__arrow_c_stream__(requested_schema)

    def _repr_html_(self) -> str:
        dicts = self.to_dicts()
        head = "".join(f"<th>{html.escape(name)}</th>" for name in self.names)
        body = "".join(
            "<tr>" + "".join(f"<td>{html.escape(_cell(v))}</td>" for v in r.values()) + "</tr>"
            for r in dicts
        )
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _cell(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.2f}" if isinstance(value, float) else str(value)


class Scores(Frame[Score]):
    """Scores of companies at one moment, highest first."""

    names = ("company", "name", "value", "level", "rule", "since", "as_of", "known_at", "position")

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


class Point(NamedTuple):
    """A score at one moment of a history."""

    as_of: datetime
    value: float


class History(Frame[Point]):
    """One company's score over time, oldest first."""

    names = ("company", "as_of", "value", "level")

    def __init__(self, company: str, rows: Sequence[Point]) -> None:
        super().__init__(rows)
        self.company = company

    def columns(self, row: Point) -> dict[str, Any]:
        """Return company, as_of, value and level."""
        return {
            "company": self.company,
            "as_of": row.as_of,
            "value": row.value,
            "level": level(row.value),
        }


class Histories(Sequence[History]):
    """The scores of all companies over time, by company: a matrix, and a History of each."""

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


class WhatIf(Frame[Difference]):
    """Companies whose score a draft of the rules would change, furthest first."""

    names = ("company", "name", "now", "then", "level_now", "level_then")

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
        return {name: getattr(row, name) for name in self.names}

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


@dataclass(frozen=True)
class Status:
    """What there is."""

    database: str
    position: int
    head: str
    recorded_at: datetime | None
    companies: int
    events: int
    matters: int
    rules: int
    ruleset: str | None
    rules_changed: bool | None
    """Whether the rule folder differs from what is published; None where it cannot be read."""
    recalculated_at: datetime | None
    unresolved: dict[str, int]
    """Names that mean no declared company, and how many times events name them."""
    held: int
    """Copies of lists that wait for a person."""
    drafts: int
    """Drafts of events that wait for a person."""


def to_json(value: object) -> Any:
    """Return a result as plain JSON: moments as UTC text, events by what they say."""
    if isinstance(value, Score):
        names = ("company", "name", "declared", "value", "level", "categories", "lines", "shadow")
        clocks = ("as_of", "known_at", "position", "ruleset", "failed")
        return {name: to_json(getattr(value, name)) for name in (*names, *clocks)}
    if isinstance(value, Frame):
        return to_json(value.to_json() if isinstance(value, WhatIf) else value.to_dicts())
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
