"""The UFLPA Entity List of Homeland Security (Public Law 117-78): its web page, or JSON.

The page has a table for each ground of section 2(d)(2)(B), with a name (aliases in parentheses
behind it) and an effective date; a party that is in several is one entry, listed since the first.
All are in China, which the page does not say, so parties are known by name alone.
Source: https://www.dhs.gov/uflpa-entity-list
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from html.parser import HTMLParser

from riskmon.errors import Problem
from riskmon.formats import documents, grouped, places
from riskmon.formats.citations import days
from riskmon.formats.documents import Told
from riskmon.formats.packed import Parts
from riskmon.listing import Found, Listed, Listing, Shape, broken
from riskmon.model import Row

SHAPE = Shape(
    source="dhs-uflpa",
    title="UFLPA Entity List",
    topics=("uflpa",),
    rows=10,  # 20 at the beginning, 148 parties in 2025
    since=date(2022, 6, 1),
    rise=1.0,  # 26 were added to some 40 in May 2024, 37 to 107 in January 2025
    urls=("https://www.dhs.gov/uflpa-entity-list",),
    formats=("html", "json", "csv"),
)
MOST_BYTES = 4 * 1024 * 1024
MOST_CELL = 20_000
HEADER = (frozenset({"name of entity", "entity name"}), "effective date")
ALSO = re.compile(
    r"\((?:(?:including|and)\s+\w+\s+alias(?:es)?:|also known as|formerly known as)\s+",
    re.IGNORECASE,
)
BETWEEN = re.compile(r";\s*(?:and\s+)?(?:(?:also|formerly) known as\s+)?", re.IGNORECASE)
WITH = re.compile(
    r"[,;]?\s+and (?:its )?(?:subsidiaries|subordinate and affiliated entities)\.?$", re.IGNORECASE
)
UPDATED = re.compile(r"Last Updated:\s*(\d{1,2}/\d{1,2}/\d{4})")


class _Page(HTMLParser):
    """The rows of a page's tables, each with its line and what stands before its table."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.rows: list[tuple[int, str, list[str]]] = []
        self.ended = False
        self.text: list[str] = []
        self._before = ""
        self._cell: list[str] | None = None
        self._cells: list[str] = []
        self._line = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        if tag == "table":
            found = re.findall(r"\bSection \S{1,40}", " ".join(self.text[-20:]))
            self._before = found[-1] if found else ""
        elif tag == "tr":
            self._cells, self._line = [], self.getpos()[0]
        elif tag in {"td", "th"}:
            self._cell = []

    def handle_endtag(self, tag: str) -> None:
        if tag in {"td", "th"} and self._cell is not None:
            self._cells.append(" ".join(" ".join(self._cell).split())[:MOST_CELL])
            self._cell = None
        elif tag == "tr" and self._cells:
            self.rows.append((self._line, self._before, self._cells))
            self._cells = []
        elif tag == "html":
            self.ended = True

    def handle_data(self, data: str) -> None:
        self.text.append(data)
        if self._cell is not None:
            self._cell.append(data)


def entries(parts: Parts) -> Iterator[Found]:
    """Yield each party by its name."""
    given = documents.only(parts)
    if isinstance(given, Row):
        yield given
    elif documents.looks(given) == "html":
        with given() as stream:
            raw = stream.read(MOST_BYTES + 1)
        yield from grouped.together(map(_row, _page(raw)))
    else:
        yield from grouped.together(map(_row, documents.read(parts, SHAPE.source)))


def _page(raw: bytes) -> documents.Reading:
    if len(raw) > MOST_BYTES:
        yield broken(f"expected at most {MOST_BYTES:,} bytes: is this the list?")
        return
    page = _Page()
    try:
        page.feed(raw.decode("utf-8", "replace"))
        page.close()
    except (ValueError, AssertionError) as error:  # what html.parser says of a broken declaration
        yield broken(f"expected a page of HTML: {error}")
        return
    if not page.ended:
        yield broken("the tag that ends the page is missing: is the copy whole?")
        return
    if updated := UPDATED.search(" ".join("".join(page.text).split())):
        found = days({"day": updated[1]}, "day")
        yield from (one for one in found if isinstance(one, date))
    known = False
    for line, before, cells in page.rows:
        text = " | ".join(cells)
        if len(cells) == len(HEADER) and cells[0].lower() in HEADER[0]:
            known = True
        elif known and len(cells) == len(HEADER):
            named = {"name": cells[0], "effective_date": cells[1], "notes": before}
            yield Told(line, text, named)
        elif known:
            yield Row(line, text, [Problem(f"expected a name and a date, got {len(cells)} cells")])
    if not known:
        yield broken("expected a table of names and effective dates: has the page changed?")


def _row(told: Told | Row | date) -> Found:
    if not isinstance(told, Told):
        return told
    cells = told.cells
    name, aliases = _aliases(cells["name"])
    cells["name"] = name
    cells["aliases"] = "\n".join([*aliases, cells.get("aliases", "")])
    return grouped.row(
        told, places.key(WITH.sub("", name)), days(cells, "effective_date"),
        without=("effective_date",),
    )  # fmt: skip


def _aliases(text: str) -> tuple[str, list[str]]:
    """Return a name and the aliases that stand in parentheses behind it."""
    found = ALSO.search(text)
    if not found:
        return text, []
    depth, end = 1, found.end()
    while depth and end < len(text):
        depth += (text[end] == "(") - (text[end] == ")")
        end += 1
    inside = text[found.end() : end - 1 if depth == 0 else end]
    names = [one.strip() for one in BETWEEN.split(inside) if one.strip()]
    return f"{text[: found.start()].rstrip()}{text[end:]}".strip(), names


def listing(entry: Listed) -> Listing | list[Problem]:
    """Return a party with its aliases and the grounds on which it is listed."""
    rows = entry.cells
    name = rows[0]["name"]
    plain = WITH.sub("", name)
    return Listing(
        name,
        aliases=([plain] if plain != name else []) + grouped.aliases(rows),
        attributes=grouped.attributes(rows, "country", "notes", "effective_date"),
    )
