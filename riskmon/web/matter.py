"""A matter's page: what was told of it, by whom and when, and on whom it bears which way."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from riskmon.matterview import MatterView, Telling
from riskmon.monitor import Monitor
from riskmon.ruleset import Ruleset
from riskmon.web.drawing import bar
from riskmon.web.site import Clocks, Site

MOST_TOLD = 200
"""Tellings of a page; the last ones."""
MOST_PARTIES = 20
WAYS = {"owned": "through its owners", "scope": "by what it is exposed to"}


class Shown(NamedTuple):
    """A telling, and when it stopped to stand."""

    told: Telling
    ended_at: datetime | None


def routes(site: Site) -> list[Route]:
    """Return the route of a matter's page."""

    def matter(request: Request) -> Response:
        clocks = Clocks.of(request)
        found = site.monitor.matter(request.path_params["matter"], **clocks.asked())
        ruleset = site.monitor.ruleset(found.position)
        values = {
            "matter": found,
            "told": shown(site.monitor, found),
            "positions": {one.position for one in found.told[-MOST_TOLD:]},
            "most_told": MOST_TOLD,
            "most_parties": MOST_PARTIES,
            "standing": sum(one.fate == "stands" for one in found.told),
            "ways": WAYS,
            "bars": [bar(0, one.points / 100) for one in found.reached],
            "rules": ruleset.by_id if ruleset else {},
            "publishers": named(ruleset),
        }
        return site.page(request, "matter.html", values)

    return [Route("/matter/{matter:path}", matter, name="matter")]


def named(ruleset: Ruleset | None) -> dict[str, str]:
    """Return the names of the publishers that rules weigh, by id."""
    publishers = ruleset.publishers if ruleset else ()
    return {one.id: one.name or one.id for one in publishers}


def shown(monitor: Monitor, matter: MatterView) -> list[Shown]:
    """Return the last tellings of a matter, each with the moment it was revised or withdrawn."""
    some = matter.told[-MOST_TOLD:]
    ends = _moments(monitor, some)
    return [Shown(one, ends.get(one.until)) for one in some]


def _moments(monitor: Monitor, told: Iterable[Telling]) -> dict[int | None, datetime]:
    """Return when the entries were recorded that revised or withdrew something, by position."""
    found: dict[int | None, datetime] = {one.position: one.recorded_at for one in told}
    for position in {one.until for one in told if one.until is not None} - found.keys():
        found[position] = next(monitor.entries(position - 1)).recorded_at
    return found
