"""Serves the application to clients that speak in time: uvicorn, with what it has no limit for.

uvicorn waits as long as it takes for the head of a request, for its body, and for a client to read
the answer; here each has its seconds, and then the connection is cut.
"""

from __future__ import annotations

import asyncio
import logging

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

IDLE = 5
"""Seconds between two requests of a connection."""
MOST = 64
"""Connections at a time; the others are told to come again."""
MOST_HEAD = 16 << 10
"""Bytes."""
LEAVE = 5
"""Seconds that answers have when the process ends."""

log = logging.getLogger("riskmon")


class Patient(H11Protocol):
    """A connection that is cut where the client is too slow."""

    head = 10.0
    body = 15.0
    reading = 30.0
    """Seconds for the head of a request, for its body, and for a client that does not read."""

    _cut: asyncio.TimerHandle | None = None
    _awaits: str = ""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Begin to wait for the head of a request."""
        super().connection_made(transport)
        self._await()

    def data_received(self, data: bytes) -> None:
        """Take what came, and wait for what is to come, no longer than from its beginning."""
        super().data_received(data)
        self._await()

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        super().on_response_complete()
        self._await()

    def pause_writing(self) -> None:
        """Wait for a client that does not read."""
        self._wait("reading", self.reading)
        super().pause_writing()

    def resume_writing(self) -> None:
        """Go on: it reads again."""
        self._wait("", 0)
        super().resume_writing()
        self._await()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing."""
        self._wait("", 0)
        super().connection_lost(exc)

    def _await(self) -> None:
        if self._awaits == "reading":
            return
        state = self.conn.their_state
        if state is h11.SEND_BODY:
            self._wait("body", self.body)
        elif state is h11.IDLE and self.timeout_keep_alive_task is None:
            self._wait("head", self.head)
        else:
            self._wait("", 0)

    def _wait(self, what: str, seconds: float) -> None:
        """Cut the connection in some seconds, counted from when it was first waited for this."""
        if what == self._awaits:
            return
        if self._cut is not None:
            self._cut.cancel()
        self._awaits = what
        self._cut = self.loop.call_later(seconds, self._leave) if what else None

    def _leave(self) -> None:
        log.debug("a client was too slow (%s), and was cut off", self._awaits)
        self.transport.abort()


def server(app: ASGIApp, host: str, port: int, protocol: type[Patient] = Patient) -> uvicorn.Server:
    """Return a server of the application; `run` it."""
    return uvicorn.Server(
        uvicorn.Config(
            app,
            host=host,
            port=port,
            http=protocol,
            ws="none",
            lifespan="off",
            proxy_headers=False,  # whom to believe is settled by the doors
            server_header=False,
            access_log=False,
            log_config=None,
            limit_concurrency=MOST,
            timeout_keep_alive=IDLE,
            timeout_graceful_shutdown=LEAVE,
            h11_max_incomplete_event_size=MOST_HEAD,
        )
    )
