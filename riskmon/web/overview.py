"""The first page: who is at risk, what moved, and what waits for a person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from riskmon.errors import UnknownCompanyError
from riskmon.overview import Overview
from riskmon.web.drawing import spark
from riskmon.web.site import Clocks, Site

PAGE = 50
"""Companies of a page."""
MOST_PAGES = 1_000_000
MOVED = 8
ALERTS = 5
TEXT = 100
COLUMNS = {
    "name": "Company",
    "value": "Score",
    "level": "Level",
    "change_7": "7 days",
    "change_30": "30 days",
    "change_90": "90 days",
    "category": "Most of it from",
}
"""By which a click sorts, in their order, and the words above them."""
RISING = {"name", "category"}
"""Columns that are read from the beginning; the others from the greatest."""


class Asked(NamedTuple):
    """What the address asks for."""

    q: str
    level: str
    category: str
    sort: str
    """A column; `-` before it: the other way round than it is read first."""
    page: int

    @classmethod
    def of(cls, request: Request) -> Asked:
        """Return what an address asks for; what it does not say is empty."""
        given = request.query_params
        page = given.get("page", "")
        number = int(page) if page.isascii() and page.isdecimal() and len(page) < 8 else 1  # noqa: PLR2004
        return cls(
            given.get("q", "").strip()[:TEXT],
            given.get("level", "")[:TEXT],
            given.get("category", "")[:TEXT],
            given.get("sort", "")[:TEXT],
            min(max(number, 1), MOST_PAGES),
        )

    def query(self, clocks: Clocks, **other: object) -> str:
        """Return an address that asks for the same, but for what is `other`; its first page."""
        return clocks.query(**{**self._asdict(), "page": None, **other})


def routes(site: Site) -> list[Route]:
    """Return the route of the first page."""

    def overview(request: Request) -> Response:
        return site.page(request, "overview.html", _page(site, request))

    return [Route("/", overview, name="overview")]


def _page(site: Site, request: Request) -> dict[str, Any]:
    clocks, asked = Clocks.of(request), Asked.of(request)
    everyone = site.monitor.overview(**clocks.asked())
    some = everyone.search(asked.q)
    levels = some.levels
    found = _sorted(_filtered(some, asked), asked)
    pages = max(1, -(-len(found) // PAGE))
    page = min(asked.page, pages)
    rows = found[(page - 1) * PAGE : page * PAGE]
    histories = found.history([row.company for row in rows])
    return {
        "asked": asked,
        "found": found,
        "all": len(everyone),
        "levels": levels,
        "rows": [(row, spark(histories.get(row.company, ()))) for row in rows],
        "page": page,
        "pages": pages,
        "columns": _columns(asked, clocks),
        "first": (page - 1) * PAGE,
        **_now(site, everyone),
    }


def _filtered(found: Overview, asked: Asked) -> Overview:
    if asked.level:
        found = found.of_level(asked.level)
    return found.of_category(asked.category) if asked.category else found


def _sorted(found: Overview, asked: Asked) -> Overview:
    if not asked.sort:
        return found
    column = asked.sort.removeprefix("-")
    return found.sorted_by(column, descending=(column in RISING) == asked.sort.startswith("-"))


def _columns(asked: Asked, clocks: Clocks) -> list[tuple[str, str, str, str]]:
    """Return of each column its name, words, the address that sorts by it, and how it is sorted."""
    found = []
    now = asked.sort or "value"
    for column, words in COLUMNS.items():
        sort = f"-{column}" if now == column else column
        rising = (column in RISING) != now.startswith("-")
        order = ("ascending" if rising else "descending") if now.lstrip("-") == column else ""
        found.append((column, words, asked.query(clocks, sort=sort), order))
    return found


def _now(site: Site, everyone: Overview) -> dict[str, Any]:
    """Return what is told beside the table: of now, whatever the clocks of the page say."""
    monitor = site.monitor
    run = next(iter(monitor.runs(1)), None)
    return {
        "run": run,
        "moved": [(_name(site, one[0]), *one) for one in (run.furthest[:MOVED] if run else ())],
        "alerts": [_alert(one) for one in monitor.alerts()[: -ALERTS - 1 : -1]],
        "unresolved": monitor.unresolved(),
        "held": len(monitor.held()),
        "drafts": len(monitor.drafts()),
        "checks": [one for one in monitor.health().checks() if one.state != "ok"],
        "failed": everyone.failed,
    }


def _name(site: Site, company: str) -> str:
    try:
        return site.monitor.find(company).name
    except UnknownCompanyError:
        return company


def _alert(body: Mapping[str, Any]) -> dict[str, Any]:
    names = ("company", "name", "from", "value", "why")
    return {name: body[name] for name in names} | {
        "day": body["told_at"][:10],
        "corrects": "corrects" in body,
    }
