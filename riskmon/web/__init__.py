"""The page and the HTTP API: what the monitor knows, to be looked at. Extra `web`.

Plain pages that work without a script. A file of this room that has `routes(site)` has pages, one
that has `router(site)` a part of the API: each is found by being there.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import TYPE_CHECKING

from riskmon.errors import MissingExtraError

if TYPE_CHECKING:
    from fastapi import FastAPI

    from riskmon.monitor import Monitor
    from riskmon.web.doors import Doors


def app(monitor: Monitor, *, doors: Doors, draft: Path | None = None) -> FastAPI:
    """Return the application that shows a monitor to whom `doors` lets in.

    `draft`: a folder of rules that is compared with those in force.
    """
    try:
        from riskmon.web import making  # noqa: PLC0415 (FastAPI is an extra)
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("riskmon"):
            raise  # a mistake of ours, and no library that is missing
        raise MissingExtraError("FastAPI", "web") from error
    rooms = [import_module(f"{__name__}.{one.name}") for one in iter_modules(__path__)]
    return making.made(monitor, doors=doors, draft=draft, rooms=rooms)
