"""The command that serves the page and the API."""

from __future__ import annotations

import argparse
import socket
from collections.abc import Callable
from pathlib import Path
from signal import SIGINT, SIGTERM
from signal import signal as when
from typing import Any

from riskmon.cli_common import opened, say
from riskmon.errors import MissingExtraError, RiskmonError, UsageError

MOST_PORT = 65535


def add_serve(add: Callable[..., Any], place: Any) -> None:
    """Add `serve`."""
    serve = add("serve", _serve, "the page and the HTTP API, on this machine", place)
    serve.add_argument("--host", metavar="ADDRESS", help="(default: 127.0.0.1)")
    serve.add_argument("--port", type=_port, metavar="PORT", help="(default: 8000)")
    serve.add_argument("--draft", metavar="FOLDER", help="rules to compare with those in force")


def _port(given: str) -> int:
    if not given.isdecimal() or not 0 <= int(given[:9]) <= MOST_PORT:
        raise argparse.ArgumentTypeError(f"expected a port from 0 to 65535, got {given[:40]!r}")
    return int(given)


def _serve(arguments: argparse.Namespace) -> int:
    from riskmon.logs import logged

    web = arguments.config.web
    host = arguments.host or web.host
    port = web.port if arguments.port is None else arguments.port
    if why := web.refused(host):
        raise UsageError(f"--host: {why}")
    if arguments.draft and not Path(arguments.draft).is_dir():
        raise UsageError(f"--draft: expected a folder of rules, got {arguments.draft!r}")
    try:
        from riskmon.web import app
        from riskmon.web.doors import Doors
        from riskmon.web.patience import server
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("riskmon"):
            raise  # a mistake of ours, and no library that is missing
        raise MissingExtraError("FastAPI and uvicorn", "web") from error
    draft = Path(arguments.draft) if arguments.draft else None
    with opened(arguments) as monitor, _listening(host, port) as listening:
        made = app(monitor, doors=Doors.of(web), draft=draft)
        shown = f"[{host}]" if ":" in host else host
        say(f"the page is at http://{shown}:{listening.getsockname()[1]}/ (stop with Ctrl-C)")
        for number in (SIGTERM, SIGINT):  # uvicorn ends by it, and then passes it on
            when(number, lambda *_: None)
        with logged(arguments.config, arguments.database or ""):
            server(made, host, port).run([listening])
    return 0


def _listening(host: str, port: int) -> socket.socket:
    """Return a socket that listens, so that a port that is taken is said before anything else."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    found = socket.socket(family)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind((host, port))
        found.listen(128)
    except OSError as error:
        found.close()
        raise RiskmonError(
            f"{host}:{port} cannot be served ({error.strerror or error}): give another --port"
        ) from None
    return found
