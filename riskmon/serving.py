"""What a machine asks of a process that runs: is it alive, is it ready, what are its figures.

On this very machine only, read only, and bounded: whoever asks too slowly is cut off, and an answer
comes in time, whatever the database does.
"""

from __future__ import annotations

import json
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from socketserver import TCPServer, ThreadingMixIn
from typing import Any, Generic, TypeVar
from urllib.parse import urlsplit
from wsgiref import simple_server

from riskmon import metrics
from riskmon.checked import is_loopback
from riskmon.errors import RiskmonError
from riskmon.logs import masking
from riskmon.monitor import Monitor
from riskmon.settings import Config
from riskmon.status import exit_code, failure

LEAST_SILENCE = 3.0
"""Seconds without a sign of life, below which nobody worries."""
FRESH = 3.0
"""Seconds for which an answer is given again."""
PATIENCE = 5.0
"""Seconds that the database has for an answer."""
MOST = 8
"""Connections at a time."""
SLOW = 10.0
"""Seconds that a connection may take, whole."""

Answer = tuple[str, str, bytes]
"""Status, type and body."""
JSON, TEXT = "application/json", "text/plain; charset=utf-8"

log = logging.getLogger("riskmon")
T = TypeVar("T")


class Recent(Generic[T]):
    """What a function returned lately: asked by one at a time, and not waited for too long."""

    def __init__(self, ask: Callable[[], T]) -> None:
        self._ask = ask
        self._lock = threading.Lock()
        self._done = threading.Event()
        self._done.set()
        self._found: T | None = None
        self._at = float("-inf")

    def __call__(self) -> T | None:
        """Return it; None where it takes too long, or fails by a mistake, which is logged."""
        with self._lock:
            if self._done.is_set() and time.monotonic() - self._at > FRESH:
                self._done.clear()
                threading.Thread(target=self._run, name="riskmon-ask", daemon=True).start()
        return self._found if self._done.wait(PATIENCE) else None

    def _run(self) -> None:
        found = None
        try:
            found = self._ask()
        except RiskmonError as error:
            log.error("%s", error)  # noqa: TRY400 (it says what to do)
        except Exception:
            log.exception("a mistake in riskmon: please report it")
        self._found, self._at = found, time.monotonic()
        self._done.set()


class App:
    """The WSGI application: /healthz, /readyz and /metrics of a process that runs the schedule.

    `beaten` returns when the process gave its last sign of life, on the steady clock.
    """

    def __init__(self, monitor: Monitor, config: Config, beaten: Callable[[], float]) -> None:
        self._monitor = monitor
        self._config = config
        self._beaten = beaten
        self._mask = masking(config)
        self._health = monitor.health()
        self._checks = Recent(lambda: tuple(self._health.checks()))
        self._told = Recent(self._ask)
        self._unresolved: int | None = None
        self._most = max(LEAST_SILENCE, config.lease.total_seconds() / 2)
        self._pages = {
            "/healthz": self._alive,
            "/readyz": self._ready,
            "/metrics": self._metrics,
        }

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        """Answer a request."""
        status, kind, body = self._answer(environ)
        headers = [
            ("Content-Type", kind),
            ("Content-Length", str(len(body))),
            ("Cache-Control", "no-store"),
            ("Server", "riskmon"),
            ("X-Content-Type-Options", "nosniff"),
        ]
        if status.startswith("405"):
            headers.append(("Allow", "GET, HEAD"))
        start(status, headers)
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]

    def _answer(self, environ: dict[str, Any]) -> Answer:
        # A page of the web whose name leads here asks with that name.
        if not _is_here(environ.get("HTTP_HOST", "localhost")):
            return "403 Forbidden", TEXT, b"ask by the name localhost, or by a loopback address\n"
        page = self._pages.get(environ.get("PATH_INFO", ""))
        if page is None:
            return "404 Not Found", TEXT, b"there are /healthz, /readyz and /metrics\n"
        if environ["REQUEST_METHOD"] not in {"GET", "HEAD"}:
            return "405 Method Not Allowed", TEXT, b"only GET and HEAD\n"
        try:
            return page()
        except Exception:
            log.exception("a mistake in riskmon: please report it")
            return "500 Internal Server Error", TEXT, b"a mistake in riskmon: its log says which\n"

    def _silent(self) -> float:
        return time.monotonic() - self._beaten()

    def _alive(self) -> Answer:
        silent = self._silent()
        told = f"the last sign of life was {silent:.1f} s ago; at most {self._most:g} s are well\n"
        status = "200 OK" if silent <= self._most else "503 Service Unavailable"
        return status, TEXT, told.encode()

    def _ready(self) -> Answer:
        checks = self._checks() or (failure("database", RiskmonError(_late())),)
        failed = exit_code(checks)
        status = "503 Service Unavailable" if failed else "200 OK"
        told = [
            {"name": one.name, "state": one.state, "told": self._mask(one.told)} for one in checks
        ]
        body = json.dumps({"ready": not failed, "checks": told}, indent=1) + "\n"
        return status, JSON, body.encode()

    def _metrics(self) -> Answer:
        told = self._told() or metrics.Told(0.0)
        return "200 OK", metrics.TYPE, metrics.exposition(replace(told, silent=self._silent()))

    def _ask(self) -> metrics.Told:
        found = metrics.figures(self._health.engine, self._config.jobs)
        unresolved = self._monitor.unresolved()  # as it was, while the monitor is at work
        self._unresolved = self._unresolved if unresolved is None else unresolved
        checks = self._checks() or ()
        return metrics.Told(0.0, found, checks, len(self._monitor.held()), self._unresolved)


def _late() -> str:
    return f"gave no answer within {PATIENCE:g} s: see whether it runs, and who holds it"


def _is_here(host: str) -> bool:
    try:
        return is_loopback((urlsplit(f"//{host}").hostname or "").rstrip("."))
    except ValueError:
        return False


@contextmanager
def served(monitor: Monitor, config: Config, beaten: Callable[[], float]) -> Iterator[None]:
    """Serve meanwhile, where the configuration has a port; one that is taken is warned of."""
    port, host = config.health.port, config.health.host
    if port is None:
        yield
        return
    try:
        server = _Server((host, port))
    except OSError as error:
        log.warning(
            "%s:%d cannot be served (%s): the schedule runs on; set another [health] port",
            host,
            port,
            error.strerror or error,
        )
        yield
        return
    server.set_app(App(monitor, config, beaten))
    threading.Thread(target=server.serve_forever, args=(0.2,), daemon=True).start()
    log.info("/healthz, /readyz and /metrics are served at http://%s:%d", host, port)
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


class _Server(ThreadingMixIn, simple_server.WSGIServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 32

    def __init__(self, address: tuple[str, int]) -> None:
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self._free = threading.BoundedSemaphore(MOST)
        super().__init__(address, _Asked)

    def server_bind(self) -> None:
        """Bind; nobody is asked for the name of this host, which may take its time."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = "localhost", self.server_address[1]
        self.setup_environ()

    def process_request(self, request: Any, client_address: Any) -> None:
        if self._free.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        cut = threading.Timer(SLOW, _cut, (request,))
        cut.daemon = True
        cut.start()
        try:
            super().process_request_thread(request, client_address)
        finally:
            cut.cancel()
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 (overrides)
        log.debug("a connection to /healthz and the like was lost", exc_info=True)  # noqa: LOG014 (called where one is handled)


def _cut(request: socket.socket) -> None:
    with suppress(OSError):
        request.shutdown(socket.SHUT_RDWR)


class _Asked(simple_server.WSGIRequestHandler):
    timeout = 5

    def version_string(self) -> str:
        """Return who answers, which is all that an error tells."""
        return "riskmon"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (as it is overridden)
        log.debug(format, *args)
