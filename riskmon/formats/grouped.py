"""Rows of a list that are of one entry: several addresses, aliases, orders or programmes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date

from riskmon.errors import Problem
from riskmon.formats import places
from riskmon.formats.citations import dates, days, pages, written
from riskmon.formats.documents import Told
from riskmon.listing import Found, Listed, Listing, Repeat, broken
from riskmon.model import Row

MOST_ROWS = 300_000
"""Of a list whose rows are put together: the longest has a tenth of that."""
MOST_KEPT = 200
"""Values of an attribute."""

Cells = Mapping[str, str]


def row(
    told: Told,
    key: str,
    when: Sequence[date | None] | Sequence[Problem],
    *,
    without: Sequence[str] = (),
) -> Listed | Row:
    """Return a row of the entry `key`, or why it is refused: no name, or no dates.

    `when`: since and until, or what is wrong with them. `without`: cells that make no amendment.
    """
    problems = [one for one in when if isinstance(one, Problem)]
    if not told.cells.get("name", "").strip():
        problems.append(Problem("is required and missing", field="name"))
    if problems:
        return Row(told.line, told.raw, problems)
    since, until = (*(one if isinstance(one, date) else None for one in when), None, None)[:2]
    content = "\x1f".join(
        f"{name}={text}"
        for name, text in sorted(told.cells.items())
        if text and name not in without
    )
    return Listed(told.line, told.raw, key, content, told.cells, since, until)


def together(found: Iterator[Found]) -> Iterator[Found]:
    """Yield the rows under one key as one entry, in the place of the first; the others are repeats.

    It was listed when the first of them was, and ends when the last does, if each has an end.
    `cells` of the entry are those of its rows, in their order. Each `Listed` that comes in is a
    row; what else comes in goes through, and goes first.
    """
    groups: dict[str, list[Listed]] = {}
    count = 0
    for one in found:
        if not isinstance(one, Listed):
            yield one
            continue
        count += 1
        if count > MOST_ROWS:
            yield broken(f"expected at most {MOST_ROWS:,} rows: is this the list?")
            return
        groups.setdefault(one.key, []).append(one)
    for rows in groups.values():
        yield _joined(rows)
        yield from (Repeat(one.line, one.raw) for one in rows[1:])


def _joined(rows: list[Listed]) -> Listed:
    first = rows[0]
    cells = [one.cells for one in rows]
    if len(rows) == 1:
        return first._replace(cells=cells)
    sinces = [one.since for one in rows if one.since]
    untils = [one.until for one in rows if one.until]
    return first._replace(
        cells=cells,
        content="\x1e".join(sorted(f"{one.content}\x1f{one.since}\x1f{one.until}" for one in rows)),
        since=min(sinces, default=None),
        until=max(untils) if len(untils) == len(rows) else None,
    )


def cited(found: Iterable[Told | Row | date]) -> Iterator[Found]:
    """Yield the entries of a list by name and country, their rows put together.

    Each is dated by the first of its Federal Register citations, else by its effective date.
    """
    read = list(found)
    known = pages(one.cells.get("federal_register", "") for one in read if isinstance(one, Told))
    yield from together(_cited(one, known) if isinstance(one, Told) else one for one in read)


def _cited(told: Told, known: Mapping[str, date]) -> Listed | Row:
    cells = told.cells
    cells["federal_register"] = written(cells.get("federal_register", ""), known)
    when = dates(cells["federal_register"])[:1] or days(cells, "effective_date")
    return row(told, places.key(cells["name"], cells.get("country")), when)


# What they tell


def listing(rows: Sequence[Cells], name: str = "", also: Sequence[str] = ()) -> Listing:
    """Return a party with its aliases, address, notes and citations, the last of which amended it.

    `name`, `also`: where the cell of the name has more names than one.
    """
    return Listing(
        name or rows[0]["name"],
        aliases=[*also, *aliases(rows)],
        attributes=attributes(rows, "country", "address", "notes", "federal_register"),
        amended=max(dates("; ".join(values(rows, "federal_register"))), default=None),
    )


def values(rows: Iterable[Cells], name: str) -> list[str]:
    """Return what the rows of an entry have in a cell, each once, in order."""
    return list(dict.fromkeys(text for cells in rows if (text := cells.get(name, "").strip())))


def aliases(rows: Iterable[Cells], name: str = "aliases") -> list[str]:
    """Return the aliases of an entry, which are one a line in its rows."""
    found = (one.strip() for cells in rows for one in cells.get(name, "").split("\n"))
    return list(dict.fromkeys(filter(None, found)))


def attributes(rows: Sequence[Cells], *names: str) -> dict[str, str | list[str]]:
    """Return what the rows have in cells: a text where all have the same, else a list."""
    found = ((name, values(rows, name)[:MOST_KEPT]) for name in names)
    return {name: texts[0] if len(texts) == 1 else texts for name, texts in found if texts}
