"""Dates as US lists write them, and citations of the Federal Register: `84 FR 22963, 5/21/19`.

What is no date is told, not guessed. A page that one entry cites without its date has the date
that other entries give it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import date

from riskmon.errors import Problem
from riskmon.validation import shown

CITATION = re.compile(
    r"(\d{1,3}) F\.?R\.? (\d{1,6})(?:\D{1,40}(\d{1,2})/(\d{1,2})/(\d{4}|\d{2})\b)?", re.ASCII
)
CENTURY_TURNS = 70
"""Two-digit years from here on are of the 20th century; the Federal Register began in 1936."""
ISO = re.compile(r"(\d{4})-(\d{2})-(\d{2})", re.ASCII)
SLASHED = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4}|\d{2})", re.ASCII)
WORDED = re.compile(r"([A-Z][a-z]{2,8})\.? (\d{1,2}), (\d{4})", re.ASCII)
MONTHS = [
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
]  # fmt: skip
NONE = frozenset({"", "n/a", "none", "-"})

DATED = re.compile(r", (\d{4}-\d{2}-\d{2})(?=;|$)", re.ASCII)


def citations(text: str) -> list[tuple[str, date | None]]:
    """Return page and date of each citation in a text; one with a date that is none has none."""
    found: list[tuple[str, date | None]] = []
    for volume, page, month, day, year in CITATION.findall(text):
        when = None
        with suppress(ValueError):
            when = date(_year(year), int(month), int(day))
        found.append((f"{volume} FR {page}", when))
    return found


def pages(texts: Iterable[str]) -> dict[str, date]:
    """Return the date of each page that the texts cite: the one most often given."""
    given: dict[str, Counter[date]] = {}
    for text in texts:
        for page, when in citations(text):
            if when:
                given.setdefault(page, Counter())[when] += 1
    return {page: dates.most_common(1)[0][0] for page, dates in given.items()}


def written(text: str, known: Mapping[str, date], otherwise: date | None = None) -> str:
    """Return the citations of a text in one form: `84 FR 22963, 2019-05-21; 85 FR 51603`.

    `known`: dates of pages; `otherwise`: that of one which has none there.
    """
    cited = ((page, when or known.get(page) or otherwise) for page, when in citations(text))
    return "; ".join(dict.fromkeys(f"{page}, {when}" if when else page for page, when in cited))


def dates(written: str) -> list[date]:
    """Return the dates of citations as `written` gives them, in order."""
    return sorted(date.fromisoformat(found) for found in DATED.findall(written))


def day(text: str) -> date | None:
    """Return the date that a text is; None for none. Raises ValueError for what is no date.

    Month first, as in the United States: 2024-03-06, 3/6/2024, 3/6/24, March 6, 2024.
    """
    text = text.strip()
    if text.lower() in NONE:
        return None
    if found := ISO.fullmatch(text):
        return date(int(found[1]), int(found[2]), int(found[3]))
    if found := SLASHED.fullmatch(text):
        return date(_year(found[3]), int(found[1]), int(found[2]))
    if found := WORDED.fullmatch(text):
        months = [one for one in MONTHS if one.startswith(found[1])]
        if len(months) == 1:
            return date(int(found[3]), MONTHS.index(months[0]) + 1, int(found[2]))
    raise ValueError(text)


def days(cells: Mapping[str, str], *fields: str) -> list[date | None] | list[Problem]:
    """Return the date in each field, or what is wrong with them."""
    found: list[date | None] = []
    problems: list[Problem] = []
    for field in fields:
        text = cells.get(field, "")
        try:
            found.append(day(text))
        except ValueError:
            problems.append(Problem(f"{WANTED}, got {shown(text)}", field=field))
    return problems or found


WANTED = "expected a date such as 2024-03-06, 3/6/2024 or March 6, 2024"


def _year(text: str) -> int:
    if len(text) > 2 or not text:  # noqa: PLR2004
        return int(text or 0)
    return int(text) + (1900 if int(text) >= CENTURY_TURNS else 2000)
