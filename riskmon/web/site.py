"""What the pages share: the monitor, both clocks from the address, and templates that escape."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from riskmon.cli_common import place
from riskmon.errors import safe
from riskmon.monitor import Monitor

MOST_PAGE = 200
"""Rows of a page, whatever is asked for."""


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


class Site:
    """The monitor as pages: what every route needs."""

    def __init__(
        self, monitor: Monitor, *, draft: Path | None = None, csrf: Callable[[Request], str]
    ) -> None:
        self.monitor = monitor
        self.draft = draft
        """A folder of rules to compare with those in force."""
        self._csrf = csrf
        self._templates = Environment(
            loader=PackageLoader("riskmon.web"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters |= {"safe_text": safe, "points": _points, "when": _when}

    def page(
        self, request: Request, template: str, values: Mapping[str, Any], *, status: int = 200
    ) -> HTMLResponse:
        """Return a template as a page, both clocks and the token of its forms in it."""
        made = self._templates.get_template(template).render(
            request=request, clocks=Clocks.of(request), csrf=self._csrf(request), **values
        )
        return HTMLResponse(made, status_code=status)


def _points(value: float) -> str:
    return f"{value:.2f}"


def _when(value: datetime | None) -> str:
    """Return a moment as people read it: the day, and the minute where it is not midnight."""
    if value is None:
        return ""
    return f"{value:%Y-%m-%d}" if not (value.hour or value.minute) else f"{value:%Y-%m-%d %H:%MZ}"
