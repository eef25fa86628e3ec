"""Events of GDELT: rows of version 2 (61 columns) and version 1 (57 or 58), tab separated.

GDELT is coded by a machine from the news. Of its rows those are read whose CAMEO code is of
interest (accusations, lawsuits, arrests, investigations, sanctions, expulsions:
notices/cameo.json, with reasons) and of which an actor is a business; how many rows of which kind
were left out is noted at the end. What is read is a claim or commentary, never an official stage,
with a credibility from 0.1 to 0.2 that rises with the number of outlets (NumSources; 10 and more
are 0.2). `origin` is the domain of SOURCEURL, which the older rows of version 1 lack. A business
without a name of its own (`INDUSTRY`) makes no party. Matter: `gdelt:<GLOBALEVENTID>`, one for
each event. Source: GDELT Event Codebook 2.0, http://data.gdeltproject.org/documentation/.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import BinaryIO

from riskmon.errors import Problem
from riskmon.model import Event, Note, Row
from riskmon.notices import cameo
from riskmon.notices.pages import lines
from riskmon.notices.text import cut, domain, one_line
from riskmon.validation import check, shown

SOURCE = "gdelt"
WIDTHS = (57, 58, 61)
WITH_ADDRESS = 58
ACTORS = (5, 15)
"""Where the ten columns of each actor begin: code, name, five groups, three types."""
CODE, ROOT_EVENT, SOURCES = 26, 25, 32
FEWEST, RISE, MANY = 0.1, 0.1, 10
"""Credibility of what one outlet says, how much more that of many is, and how many those are."""
NUMBER = re.compile(r"\d{1,18}", re.ASCII)
DAY = re.compile(r"(\d{4})(\d\d)(\d\d)(?:(\d\d)(\d\d)(\d\d))?", re.ASCII)
CAMEO = re.compile(r"\d{2,4}", re.ASCII)
MOST_TITLE, MOST_URL = 300, 1000
EMPTY = Problem("expected rows: is the copy whole?")
OTHER_CODE, NO_BUSINESS = "with a code of no interest", "without a business"


def read(stream: BinaryIO) -> Iterator[Row]:
    """Yield an event for each row of interest, and at the end a note of what was left out."""
    left: Counter[str] = Counter()
    number = total = 0
    for number, raw, problem in lines(stream):
        total += 1
        told = [problem] if problem else _told(raw.split("\t"))
        if isinstance(told, str):
            left[told] += 1
        else:
            yield Row(number, raw, told)
    if left:
        yield Row(number, "", Note(left_out(left, total)))
    if not total:
        yield Row(0, "", [EMPTY])


def left_out(left: Counter[str], total: int) -> str:
    """Return how many of all rows were left out, and why."""
    why = ", ".join(f"{count:,} {kind}" for kind, count in sorted(left.items()))
    return f"{sum(left.values()):,} of {total:,} rows are left out: {why}"


def moment(value: str) -> str | None:
    """Return `20160728` as 2016-07-28, `20170701234500` with its time; None where it is neither."""
    found = DAY.fullmatch(value)
    if not found:
        return None
    year, month, day, *time = found.groups()
    return f"{year}-{month}-{day}" + (f"T{':'.join(time)}Z" if time[0] else "")


def _told(cells: list[str]) -> Event | list[Problem] | str:
    """Return the event of a row, the problems with it, or why it is left out."""
    if len(cells) not in WIDTHS:
        reason = f"expected 57, 58 or 61 columns between tabs, got {len(cells)}: is this GDELT?"
        return [Problem(reason)]
    problems = []
    added = cells[-2] if len(cells) >= WITH_ADDRESS else cells[-1]
    for field, form, value in (
        ("GLOBALEVENTID", NUMBER, cells[0]),
        ("SQLDATE", DAY, cells[1]),
        ("EventCode", CAMEO, cells[CODE]),
        ("DATEADDED", DAY, added),
    ):
        if not form.fullmatch(value):
            problems.append(Problem(f"expected digits, got {shown(value)}", field=field))
    if problems:
        return problems
    kind = cameo.of_interest(cells[CODE])
    if kind is None:
        return OTHER_CODE
    actors = [_actor(cells[start : start + 10]) for start in ACTORS]
    if not any(actor.business for actor in actors):
        return NO_BUSINESS
    parties: list[dict[str, str]] = []
    for actor, role in zip(actors, ("mentioned", kind["role"]), strict=True):
        if (name := actor.company()) and name not in [party["name"] for party in parties]:
            parties.append({"name": name, "role": role})
    url = one_line(cells[-1]) if len(cells) >= WITH_ADDRESS else ""
    outlet = domain(url)
    names = [one_line(actor.name) or "somebody" for actor in actors]
    return check(
        Event,
        {
            "source": SOURCE,
            "ref": cells[0],
            "type": kind["type"],
            "matter": f"{SOURCE}:{cells[0]}",
            "occurred_at": moment(cells[1]),
            "published_at": moment(added),
            "title": cut(f"{names[1]} {kind['words']} (by {names[0]}; GDELT)", MOST_TITLE),
            "topics": kind["topics"],
            "parties": parties,
            "credibility": _credibility(cells[SOURCES]),
            "attributes": {"cameo": cells[CODE], "root_event": cells[ROOT_EVENT] == "1"},
            **({"origin": outlet} if outlet else {}),
            **({"url": url} if outlet and len(url) <= MOST_URL else {}),
        },
    )


def _actor(cells: list[str]) -> cameo.Actor:
    return cameo.Actor(cells[0], cells[1], tuple(cells[2:7]), tuple(cells[7:10]))


def _credibility(sources: str) -> float:
    count = int(sources) if NUMBER.fullmatch(sources) else 1
    return round(FEWEST + RISE * min(max(count - 1, 0), MANY - 1) / (MANY - 1), 3)
