"""What the API refuses, as problem details (RFC 9457): what is wrong, in which field."""

from __future__ import annotations

import json
import logging
import secrets
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from riskmon.errors import (
    BusyError,
    InputError,
    ReplicaError,
    RiskmonError,
    UnknownCompanyError,
    UnknownMatterError,
)
from riskmon.validation import message, path

PROBLEM = "application/problem+json"

log = logging.getLogger("riskmon")


class Wrong(BaseModel):
    """One field that is wrong."""

    field: str
    message: str


class Problem(BaseModel):
    """Why a request is refused (RFC 9457)."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    field: str | None = None
    """The first field that is wrong, where one is."""
    problems: list[Wrong] = []


class Refused(Exception):  # noqa: N818 (it says what it is)
    """A request that is not answered, and why."""

    def __init__(self, status: int, detail: str, field: str | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.field = field


def once(request: Request) -> None:
    """Refuse a parameter that is given twice: nobody can say which of the two is meant."""
    names = [name for name, _ in request.query_params.multi_items()]
    if twice := [name for name in names if names.count(name) > 1][:1]:
        raise Refused(400, f"{twice[0][:100]}: expected it once, got it twice", twice[0][:100])


def problem(
    status: int,
    detail: str,
    field: str | None = None,
    wrong: list[Wrong] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return a refusal."""
    told: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }
    told |= {"field": field} if field else {}
    told |= {"problems": [one.model_dump() for one in wrong]} if wrong else {}
    # ASCII: what a request had in it may be no text at all.
    body = json.dumps(told).encode()
    kept = {"Cache-Control": "no-store", **(headers or {})}
    return Response(body, status, kept, PROBLEM)


def refusing(app: FastAPI) -> None:
    """Have an application refuse so, whatever is wrong."""
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _unanswered)
    app.add_exception_handler(RiskmonError, _told)
    app.add_middleware(Mistakes)


def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)  # noqa: S101 (as registered)
    return problem(error.status, error.detail, error.field)


def _invalid(request: Request, error: Exception) -> Response:
    """Say which fields are wrong: 400, whether they came in the address or in the body."""
    assert isinstance(error, RequestValidationError)  # noqa: S101 (as registered)
    known = _fields(request)
    found = [_wrong(one, known) for one in error.errors()]
    detail = "; ".join(": ".join(filter(None, (one.field, one.message))) for one in found)
    return problem(400, detail, found[0].field if found else None, found)


def _fields(request: Request) -> list[str]:
    """Return the fields that there are at an address."""
    asked = request.scope["route"].dependant
    models = [one.field_info.annotation for one in (*asked.query_params, *asked.body_params)]
    return [name for model in models for name in getattr(model, "model_fields", ())]


def _wrong(one: Mapping[str, Any], known: list[str]) -> Wrong:
    if one["type"] == "json_invalid":
        return Wrong(field="", message="the body is no JSON")
    field = path([step if isinstance(step, int) else step[:100] for step in one["loc"][1:]])
    return Wrong(field=field, message=message(dict(one), known))


def _unanswered(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 (as registered)
    told = str(error.detail)
    if error.status_code == HTTPStatus.NOT_FOUND:
        told = "there is nothing at this address: openapi.json describes what there is"
    return problem(error.status_code, told, headers=error.headers)


def _told(request: Request, error: Exception) -> Response:
    """Say in the monitor's words what it refuses."""
    told = str(error)
    for kind, name in ((UnknownCompanyError, "company"), (UnknownMatterError, "name")):
        if isinstance(error, kind):
            return problem(404, told.partition(";")[0], name)
    if isinstance(error, InputError):
        name = told.partition(":")[0]
        conflict = request.method == "POST"  # its fields were checked: what stands is another
        return problem(
            409 if conflict else 400, told, name if name in request.query_params else None
        )
    if isinstance(error, BusyError):
        return problem(503, told, headers={"Retry-After": "1"})
    if isinstance(error, ReplicaError):
        return problem(503, told)
    log.error("%s", told)
    return problem(500, "the ledger cannot be read: its log says why")


class Mistakes:
    """What has gone wrong in riskmon itself is in its log, under a number that is told."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        begun = False

        async def told(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, told)
        except Exception:
            number = secrets.token_hex(4)
            log.exception("a mistake in riskmon, number %s: please report it", number)
            if begun:
                raise
            answer = problem(500, f"a mistake in riskmon: its log has it under {number}")
            await answer(scope, receive, send)
