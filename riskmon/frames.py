"""Rows that become data frames: the same columns and types for none, one or many. Pure."""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from os import PathLike
from typing import Any, ClassVar, Generic, Literal, TypeVar

from riskmon import charts
from riskmon.errors import safe
from riskmon.extras import library

Row = TypeVar("Row")
Kind = Literal["text", "number", "count", "moment", "texts"]
"""What a column holds: text, a float, a whole number, an aware datetime, a list of text."""

MOST_SHOWN = 50
"""Rows of a frame in a notebook."""

PANDAS = {
    "text": "string",
    "number": "float64",
    "count": "int64",
    "moment": "datetime64[us, UTC]",
    "texts": "object",
}


class Frame:
    """Rows in order, as dicts or as a data frame."""

    kinds: ClassVar[dict[str, Kind]] = {}
    """The columns, in order, and what each holds; any but a count may be None."""

    @property
    def names(self) -> tuple[str, ...]:
        """The columns, in order."""
        return tuple(self.kinds)

    @property
    def heading(self) -> str:
        """What the rows are, in a line: of whom, as of when."""
        raise NotImplementedError

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield the rows as dicts; moments are aware datetimes."""
        raise NotImplementedError

    def size(self) -> int:
        """Return how many rows there are."""
        raise NotImplementedError

    def chart(self) -> Any:
        """Return the rows as an altair chart."""
        raise NotImplementedError

    def to_dicts(self) -> list[dict[str, Any]]:
        """Return the rows as dicts; moments are aware datetimes."""
        return list(self.rows())

    def to_polars(self) -> Any:
        """Return a polars DataFrame (extra `polars`)."""
        polars = library("polars", "polars")
        types = {
            "text": polars.String,
            "number": polars.Float64,
            "count": polars.Int64,
            "moment": polars.Datetime("us", "UTC"),
            "texts": polars.List(polars.String),
        }
        schema = {name: types[kind] for name, kind in self.kinds.items()}
        return polars.DataFrame(self.data(), schema=schema)

    def to_pandas(self) -> Any:
        """Return a pandas DataFrame (extra `pandas`)."""
        pandas = library("pandas", "pandas")
        return pandas.DataFrame(
            {
                name: pandas.Series(values, dtype=PANDAS[self.kinds[name]])
                for name, values in self.data().items()
            }
        )

    def data(self) -> dict[str, Any]:
        """Return the values of each column."""
        rows = self.to_dicts()
        return {name: [row[name] for row in rows] for name in self.kinds}

    def plot(self, file: str | PathLike[str] | None = None) -> Any:
        """Return an altair chart; written to `file`, a .svg or .png, if one is named.

        Needs the extra `plot`; neither a browser nor the network.
        """
        chart = self.chart()
        if file is not None:
            charts.save(chart, file)
        return chart

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> Any:
        return self.to_polars().__arrow_c_stream__(requested_schema)

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{html.escape(name)}</th>" for name in self.kinds)
        body = "".join(
            "<tr>" + "".join(f"<td>{_shown(value)}</td>" for value in row.values()) + "</tr>"
            for row in islice(self.rows(), MOST_SHOWN)
        )
        left = self.size() - MOST_SHOWN
        more = f"<p>and {left:,} more row{'s' * (left != 1)}</p>" if left > 0 else ""
        return (
            f"<table><caption>{_shown(self.heading)}</caption><thead><tr>{head}</tr></thead>"
            f"<tbody>{body}</tbody></table>{more}"
        )


def _shown(value: object) -> str:
    """Return a value as text of HTML, in which nothing acts."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.2f}"
    if isinstance(value, datetime):
        return charts.day(value)
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return html.escape(safe(text))


class Rows(Frame, Generic[Row]):
    """A frame of objects, a row each; a sequence of them, too."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self._rows = rows

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {len(self)} rows: {', '.join(self.kinds)}>"

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Row]:
        return iter(self._rows)

    def __getitem__(self, index: int) -> Row:
        return self._rows[index]

    def columns(self, row: Row) -> dict[str, Any]:
        """Return the columns of one row."""
        raise NotImplementedError

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield the rows as dicts; moments are aware datetimes."""
        return map(self.columns, self)

    def size(self) -> int:
        """Return how many rows there are."""
        return len(self)


class Lined(Frame):
    """A score as a frame: a row for each line that counts. It is never falsy."""

    company: str
    name: str
    as_of: datetime
    kinds = {  # noqa: RUF012 (as declared above)
        "company": "text",
        "name": "text",
        "as_of": "moment",
        "rule": "text",
        "category": "text",
        "matter": "text",
        "stage": "text",
        "since": "moment",
        "via": "text",
        "severity": "number",
        "likelihood": "number",
        "weight": "number",
        "decay": "number",
        "points": "number",
        "without": "number",
        "events": "texts",
    }

    @property
    def value(self) -> float:
        """The score, 0 to 100."""
        raise NotImplementedError

    @property
    def level(self) -> str:
        """Its level."""
        raise NotImplementedError

    @property
    def lines(self) -> Sequence[Any]:
        """The lines that count, with their points."""
        raise NotImplementedError

    @property
    def heading(self) -> str:
        """Whose score it is, what it comes to, as of when."""
        return f"{self.name}: {self.value:.2f} ({self.level}) as of {charts.day(self.as_of)}"

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield the lines as dicts; `events` are the keys of those that a line stands on."""
        ours = {"company": self.company, "name": self.name, "as_of": self.as_of}
        own = [name for name in self.kinds if name not in {*ours, "events"}]
        for line in self.lines:
            told = {name: getattr(line, name) for name in own}
            yield ours | told | {"events": [event.key for event in line.events]}

    def size(self) -> int:
        """Return how many lines there are."""
        return len(self.lines)

    def chart(self) -> Any:
        """Return the lines as steps to the score."""
        return charts.lines(self.to_dicts(), self.heading, self.value)


def span(moments: Iterable[datetime]) -> str:
    """Return from when to when some moments are, in words; nothing for none."""
    found = list(moments)
    return f"from {charts.day(min(found))} to {charts.day(max(found))}" if found else "of no day"
