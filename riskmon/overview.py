"""The overview: all companies at one moment, what moved, and the greatest cause of each. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from itertools import islice
from typing import Any, ClassVar, NamedTuple, overload

import numpy as np

from riskmon import charts
from riskmon.across import Tops
from riskmon.errors import UsageError
from riskmon.evaluators import Flags, Floats, Ints
from riskmon.frames import Kind, Rows
from riskmon.model import LEVELS, level
from riskmon.scoring import View, points_of

SPANS = (7, 30, 90)
"""Days back to which a score is compared."""
SORTED = ("company", "name", "value", "level", "category", "rule")
CHANGES = tuple(f"change_{days}" for days in SPANS)


class OverviewRow(NamedTuple):
    """A company at a moment: its score, by how much that moved, what most of it comes from."""

    company: str
    name: str
    value: float
    level: str
    change_7: float
    """Points since so many days before, as all is known now."""
    change_30: float
    change_90: float
    category: str | None
    """Of the greatest line; None without one."""
    rule: str | None
    since: datetime | None


class Table:
    """What the overviews of one moment share: columns over all companies, and how to read them."""

    def __init__(self, view: View | None, at: datetime) -> None:
        self.view, self.at = view, at
        self.ids = view.ids if view else []
        days = [*sorted(SPANS, reverse=True), 0]
        hazards = view.course([at - timedelta(days=day) for day in days]) if view else []
        found = dict(zip(days, map(points_of, hazards), strict=False))
        self.values: Floats = found.get(0, np.zeros(0))
        self.changes = {f"change_{day}": self.values - found.get(day, 0.0) for day in SPANS}

    @cached_property
    def names(self) -> list[str]:
        """The companies' names."""
        companies = self.view.standing.companies if self.view else {}
        return [companies[one].name for one in self.ids]

    @cached_property
    def tops(self) -> Sequence[Any] | Tops:
        """The greatest line of each."""
        return Tops(self.view, self.at) if self.view else ()

    def row(self, number: int) -> OverviewRow:
        """Return a company's row."""
        top, value = self.tops[number], float(self.values[number])
        return OverviewRow(
            self.ids[number],
            self.names[number],
            value,
            level(value),
            *self._moved(number),
            top.category if top else None,
            top.rule if top else None,
            top.since if top else None,
        )

    def _moved(self, number: int) -> tuple[float, float, float]:
        week, month, quarter = (float(self.changes[name][number]) for name in CHANGES)
        return week, month, quarter

    def key(self, column: str) -> Callable[[int], Any]:
        """Return by what a column is sorted."""
        if column in CHANGES:
            return self.changes[column].__getitem__
        if column in {"category", "rule"}:
            return lambda number: getattr(self.tops[number], column, None) or ""
        if column == "name":
            return lambda number: (self.names[number].casefold(), self.names[number])
        if column in SORTED:
            return self.ids.__getitem__ if column == "company" else self.values.__getitem__
        known = ", ".join((*SORTED, *CHANGES))
        raise UsageError(f"expected a column to sort by ({known}), got {column!r}")


class Overview(Rows[OverviewRow]):
    """Companies at one moment, highest first; each row is made when it is looked at."""

    kinds: ClassVar[dict[str, Kind]] = {
        "company": "text",
        "name": "text",
        "value": "number",
        "level": "text",
        **dict.fromkeys(CHANGES, "number"),
        "category": "text",
        "rule": "text",
        "since": "moment",
    }

    def __init__(
        self,
        table: Table,
        known_at: datetime | None,
        find: Callable[[str], Collection[str]],
        order: Ints | None = None,
    ) -> None:
        """`find`: the ids of the companies that a text finds. `order`: which, of all, in order."""
        self._table, self._find = table, find
        self.known_at = known_at
        self._order = np.argsort(-table.values, kind="stable") if order is None else order

    @property
    def as_of(self) -> datetime:
        """The moment asked about."""
        return self._table.at

    @property
    def position(self) -> int:
        """The last entry that it stands on."""
        return self._table.view.standing.position if self._table.view else 0

    @property
    def failed(self) -> dict[str, str]:
        """Rules that failed, each with the reason; the others' scores stand."""
        return self._table.view.failed if self._table.view else {}

    @property
    def categories(self) -> list[str]:
        """The categories that there are rules of."""
        rules = self._table.view.ruleset.rules if self._table.view else ()
        return sorted({rule.category for rule in rules})

    @property
    def levels(self) -> dict[str, int]:
        """How many companies are at each level, highest first."""
        bounds = sorted(LEVELS.values())[:-1]
        found = np.searchsorted(bounds, self._table.values[self._order], side="right")
        counts = np.bincount(found, minlength=len(LEVELS)).tolist()
        names = sorted(LEVELS, key=LEVELS.__getitem__)
        return dict(reversed(list(zip(names, counts, strict=True))))

    # Rows

    def __len__(self) -> int:
        return len(self._order)

    def __iter__(self) -> Iterator[OverviewRow]:
        return map(self._table.row, self._order.tolist())

    @overload
    def __getitem__(self, index: int) -> OverviewRow: ...
    @overload
    def __getitem__(self, index: slice) -> list[OverviewRow]: ...
    def __getitem__(self, index: int | slice) -> OverviewRow | list[OverviewRow]:
        if isinstance(index, slice):
            return [self._table.row(number) for number in self._order[index].tolist()]
        return self._table.row(int(self._order[index]))

    def columns(self, row: OverviewRow) -> dict[str, Any]:
        """Return the row by its columns."""
        return row._asdict()

    @property
    def heading(self) -> str:
        """How many companies, as of when."""
        return f"{len(self):,} companies as of {charts.day(self.as_of)}"

    def chart(self) -> Any:
        """Return the highest scores as bars."""
        return charts.ranked(
            list(islice(self.rows(), charts.MOST_BARS)), self.heading, len(self), LEVELS
        )

    # Some of them

    def search(self, text: str) -> Overview:
        """Return those that a text finds, by id, name, alias or identifier; all for no text."""
        return self._only({*self._find(text)}.__contains__) if text.strip() else self

    def of_level(self, name: str) -> Overview:
        """Return those at a level: low, moderate, high or severe."""
        if name not in LEVELS:
            raise UsageError(f"expected a level ({', '.join(LEVELS)}), got {name!r}")
        values = self._table.values[self._order]
        return self._some(np.array([level(value) == name for value in values.tolist()], bool))

    def of_category(self, name: str) -> Overview:
        """Return those whose greatest line is of a category; none for an unknown one."""
        tops = (self._table.tops[number] for number in self._order.tolist())
        return self._some(np.array([top is not None and top.category == name for top in tops]))

    def of(self, companies: Iterable[str]) -> Overview:
        """Return some companies, by id; those that are not here are left out."""
        return self._only({*companies}.__contains__)

    def sorted_by(self, column: str, *, descending: bool = True) -> Overview:
        """Return the same in the order of a column; equal ones stay as they were.

        Raises UsageError for a column by which there is no order.
        """
        key = self._table.key(column)
        order = sorted(self._order.tolist(), key=key, reverse=descending)
        return self._in(np.array(order, np.int64))

    def _only(self, wanted: Callable[[str], bool]) -> Overview:
        ids = self._table.ids
        return self._some(np.array([wanted(ids[number]) for number in self._order.tolist()]))

    def _some(self, flags: Flags) -> Overview:
        return self._in(self._order[flags.astype(bool)])

    def _in(self, order: Ints) -> Overview:
        return Overview(self._table, self.known_at, self._find, order)

    # History

    def moments(self, points: int = 24, days: int = 365) -> list[datetime]:
        """Return the moments of a history, oldest first: days as they begin, and `as_of` last."""
        at = self.as_of
        step = days / max(points - 1, 1)
        spread = [at - timedelta(days=step * back) for back in range(1, points)]
        return [
            *(one.replace(hour=0, minute=0, second=0, microsecond=0) for one in reversed(spread)),
            at,
        ]

    def history(
        self, companies: Iterable[str], points: int = 24, days: int = 365
    ) -> dict[str, list[float]]:
        """Return the scores of some companies at the `moments` of so many days."""
        view = self._table.view
        if view is None:
            return {}
        moments = self.moments(points, days)
        numbers = {one: number for number, one in enumerate(self._table.ids)}
        some = [one for one in companies if one in numbers]
        index = [numbers[one] for one in some]
        found = np.array([points_of(hazards[index]) for hazards in view.course(moments)])
        return dict(zip(some, found.T.tolist(), strict=True))
