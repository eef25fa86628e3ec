"""The application, made of its pages: middleware, static files, and what a refusal looks like."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from pathlib import Path
from types import ModuleType
from typing import Any

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.staticfiles import StaticFiles

from riskmon import __version__
from riskmon.errors import (
    BusyError,
    InputError,
    RiskmonError,
    UnknownCompanyError,
    UnknownMatterError,
    safe,
)
from riskmon.monitor import Monitor
from riskmon.validation import did_you_mean
from riskmon.web.doors import Doors, Guard, Refusal
from riskmon.web.site import Site

API = "/api/"
STATIC = Path(__file__).with_name("static")
PAGES = ("/", "/company", "/matter", "/rules", "/compare", "/review", "/api/v1/openapi.json")


def made(
    monitor: Monitor, *, doors: Doors, draft: Path | None, rooms: Sequence[ModuleType]
) -> FastAPI:
    """Return the application of all pages and parts of the API that `rooms` have."""
    site = Site(monitor, draft=draft)
    app = FastAPI(
        title="riskmon",
        version=__version__,
        openapi_url=None,  # the API has its own
        docs_url=None,  # they load scripts from elsewhere
        redoc_url=None,
    )
    app.state.site = site
    for one in rooms:
        if routes := getattr(one, "routes", None):
            app.router.routes.extend(routes(site))
        if router := getattr(one, "router", None):
            app.include_router(router(site))
    app.mount("/static", StaticFiles(directory=STATIC), name="static")

    def refuse(request: Request, refusal: Refusal) -> Response:
        return _answer(site, request, refusal)

    async def refused(request: Request, error: Exception) -> Response:
        return refuse(request, _refusal(request, error))

    for kind in (HTTPException, RiskmonError, Refusal):
        app.add_exception_handler(kind, refused)
    app.add_middleware(GZipMiddleware, minimum_size=1000, compresslevel=6)
    app.add_middleware(Guard, doors=doors, refuse=refuse)
    return app


def _refusal(request: Request, error: Exception) -> Refusal:
    """Return an error of the monitor, or of the router, as it is told."""
    if isinstance(error, Refusal):
        return error
    if isinstance(error, HTTPException):
        told = error.detail
        if told == HTTPStatus(error.status_code).phrase:
            told = "There is no such page" if error.status_code == HTTPStatus.NOT_FOUND else told
            told += did_you_mean(request.url.path, PAGES) or "."
        return Refusal(error.status_code, told, tuple((error.headers or {}).items()))
    for kind, status in (
        (UnknownCompanyError, HTTPStatus.NOT_FOUND),
        (UnknownMatterError, HTTPStatus.NOT_FOUND),
        (InputError, HTTPStatus.BAD_REQUEST),
        (BusyError, HTTPStatus.SERVICE_UNAVAILABLE),
    ):
        if isinstance(error, kind):
            return Refusal(status, str(error))
    raise error


def _answer(site: Site, request: Request, refusal: Refusal) -> Response:
    """Return a refusal as a page, or for the API as problem details (RFC 9457)."""
    title = HTTPStatus(refusal.status).phrase
    if request.url.path.startswith(API):
        told: dict[str, Any] = {"title": title, "status": refusal.status, "detail": refusal.told}
        response: Response = JSONResponse(
            told, refusal.status, media_type="application/problem+json"
        )
    else:
        values = {"title": title, "status": int(refusal.status), "told": safe(refusal.told)}
        response = site.page(request, "refusal.html", values, status=refusal.status)
    for name, value in refusal.headers:
        response.headers.append(name, value)
    return response
