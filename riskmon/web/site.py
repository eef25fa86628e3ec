"""What the pages share: the monitor, both clocks from the address, and templates that escape."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from riskmon.errors import safe
from riskmon.forms import place
from riskmon.model import level
from riskmon.monitor import Monitor
from riskmon.web.doors import Forgery, Refusal

MOST_PAGE = 200
"""Rows of a page, whatever is asked for."""
MOST_FIELDS = 100
LONGEST_FIELD = 64 << 10
ADDRESS = re.compile(r"""(https?://[^\s<>"']*[^\s<>"'.,;:!?)])""")


@dataclass(frozen=True)
class Clocks:
    """Which day is asked about, as known when: as the address has them, and as the monitor does."""

    as_of: str = ""
    known_at: str = ""

    @classmethod
    def of(cls, request: Request) -> Clocks:
        """Return the clocks in the address of a request; empty where it has none."""
        given = request.query_params
        return cls(given.get("as_of", "").strip()[:40], given.get("known_at", "").strip()[:40])

    def asked(self) -> dict[str, Any]:
        """Return them as arguments of the monitor's methods."""
        return {
            "as_of": self.as_of or None,
            "known_at": place(self.known_at) if self.known_at else None,
        }

    def query(self, **more: object) -> str:
        """Return them as the end of an address, with `more`; nothing where there is nothing."""
        given = {"as_of": self.as_of, "known_at": self.known_at, **more}
        some = {name: value for name, value in given.items() if value not in {"", None}}
        return f"?{urlencode(some)}" if some else ""

    def company(self, company: str) -> str:
        """Return the address of a company's page, at these clocks."""
        return f"/company/{quote(company, safe='')}{self.query()}"

    def matter(self, matter: str) -> str:
        """Return the address of a matter's page, at these clocks."""
        return f"/matter/{quote(matter)}{self.query()}"

    def rule(self, rule: str) -> str:
        """Return the address of a rule's page, at these clocks."""
        return f"/rules/{quote(rule, safe='')}{self.query()}"


class Site:
    """The monitor as pages: what every route needs."""

    def __init__(self, monitor: Monitor, *, draft: Path | None = None) -> None:
        self.monitor = monitor
        self.draft = draft
        """A folder of rules to compare with those in force."""
        self._forgery = Forgery()
        self._templates = Environment(
            loader=PackageLoader("riskmon.web"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters |= {
            "safe_text": _safe,
            "linked": linked,
            "points": _points,
            "signed": _signed,
            "when": _when,
            "level": level,
            "link": web_link,
        }

    def page(
        self, request: Request, template: str, values: Mapping[str, Any], *, status: int = 200
    ) -> HTMLResponse:
        """Return a template as a page; `clocks`, `user` and `csrf()`, its forms' token, are in it.

        `csrf` can be printed as well as called: `<input type=hidden name=csrf value="{{ csrf }}">`.
        """
        made = self._templates.get_template(template).render(
            request=request,
            clocks=Clocks.of(request),
            csrf=_Token(self._forgery, request),
            user=request.state.user,
            **values,
        )
        return HTMLResponse(made, status_code=status)

    def posted(
        self, act: Callable[[Request, FormData], Response]
    ) -> Callable[[Request], Awaitable[Response]]:
        """Return what answers a form: `act`, once the form is known to be one of this page.

        `act` runs in a thread, as pages do, so it may ask the monitor.
        """

        async def answer(request: Request) -> Response:
            form = await request.form(
                max_files=0, max_fields=MOST_FIELDS, max_part_size=LONGEST_FIELD
            )
            token = form.get("csrf")
            if not isinstance(token, str) or not self._forgery.holds(request, token):
                told = "The form is too old, or not of this page: load the page, and send it again."
                raise Refusal(403, told)
            return await run_in_threadpool(act, request, form)

        return answer


class _Token:
    """The token of a page's forms, made only where one is printed: with it comes a cookie."""

    def __init__(self, forgery: Forgery, request: Request) -> None:
        self._forgery = forgery
        self._request = request

    def __str__(self) -> str:
        return self._forgery.token(self._request)

    __html__ = __call__ = __str__


def linked(text: str) -> Markup:
    """Return a text with the addresses in it as links."""
    parts = [
        Markup('<a href="{}" rel="noopener noreferrer nofollow">{}</a>').format(part, part)
        if web_link(part)
        else escape(part)
        for part in ADDRESS.split(_safe(text))
    ]
    return Markup().join(parts)


def _safe(text: object) -> str:
    """Return text as `safe` has it, with its lines as they are."""
    return "\n".join(map(safe, str(text).strip().splitlines()))


def web_link(url: str | None) -> str:
    """Return an address that a page may link to: of the web, and nothing that runs; else ""."""
    try:
        parts = urlsplit(url or "")
    except ValueError:
        return ""
    return str(url) if parts.scheme in {"http", "https"} and parts.hostname else ""


def _points(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _signed(value: float | None) -> str:
    """Return a change with its sign; a true minus, and none before what is nothing."""
    if value is None:
        return "new"
    shown = f"{abs(value):.1f}"
    if shown == "0.0":
        return "0.0"
    return ("+" if value > 0 else "\N{MINUS SIGN}") + shown


def _when(value: datetime | None) -> str:
    """Return a moment as people read it: the day, and the minute where it is not midnight."""
    if value is None:
        return ""
    return f"{value:%Y-%m-%d}" if not (value.hour or value.minute) else f"{value:%Y-%m-%d %H:%MZ}"
