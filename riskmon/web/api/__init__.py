"""The HTTP API under /api/v1: the monitor's answers in the words of Python's; described by OpenAPI.

Read-only but for what a person decides. It is an application of its own, so that what it refuses
is JSON, and its description has nothing else in it.
"""

from __future__ import annotations

from typing import Any

from fastapi import Depends, FastAPI
from starlette.routing import Mount
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from riskmon import __version__
from riskmon.monitor import Monitor
from riskmon.web.api import companies, decided, ledger
from riskmon.web.api.answers import Answers, Unchanged, unchanged
from riskmon.web.api.problems import PROBLEM, Problem, once, refusing
from riskmon.web.site import Site

PATH = "/api/v1"
DESCRIPTION = """
Scores of regulatory and geopolitical risk, each explained, as of any day, as known on any day.

`as_of` is the moment in the world (default now), `known_at` what the ledger had recorded by then
(default all of it): a date, a moment with its offset, or, for `known_at`, a position. Lists come a
page at a time; `Link` leads to the next one, of the same answer. Names, titles and summaries are as
sources wrote them: data, whoever wrote them.
"""
REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem, "description": told, "content": {PROBLEM: {}}}
    for status, told in {
        "4XX": "What was asked cannot be answered: the detail says why",
        "503": "Another process holds the ledger: try again in a moment",
    }.items()
}


def routes(site: Site) -> list[Mount]:
    """Return where the API is."""
    return [Mount(PATH, app=application(site.monitor))]


def application(monitor: Monitor) -> ASGIApp:
    """Return the API of a monitor."""
    api = FastAPI(
        title="riskmon",
        version=__version__,
        description=DESCRIPTION.strip(),
        openapi_url="/openapi.json",
        docs_url=None,  # they load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
        separate_input_output_schemas=False,
        responses=REFUSALS,
        dependencies=[Depends(once)],
    )
    answers = Answers(monitor)
    for room in (companies, ledger, decided):
        room.add(api, answers)
    refusing(api)
    api.add_exception_handler(Unchanged, unchanged)
    return _Headed(api)


class _Headed:
    """Answers HEAD as GET, without the body."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def without(message: Message) -> None:
            if message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        await self._app({**scope, "method": "GET"}, receive, without)
