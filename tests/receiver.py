"""A receiver of messages on loopback: it takes, refuses and hangs as it is told to."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple, Self


class Heard(NamedTuple):
    """A request, and what became of it."""

    key: str
    body: bytes
    headers: Mapping[str, str]
    """By name in lower case."""
    answer: str
    """took, failed, hung or dripped; or as `answers` has it."""
    path: str


DRIP = b"DRIP:"
"""What follows it comes a byte at a time."""
PADDING = b"X-Padding: and so on for ever\r\n" * 1000

ANSWERS = {
    "took": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "failed": b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n",
    "hung": b"",
    "dripped": DRIP + b"HTTP/1.1 200 OK\r\n" + PADDING,
}
"""What is sent."""


class Receiver:
    """Answers every POST, and remembers it.

    `fails` and `hangs` are shares of requests, drawn by key and by how often it came: the same
    whatever comes between. `answers[path]` are raw answers to one path, the last one for ever.
    """

    def __init__(self, *, fails: float = 0, hangs: float = 0, seed: int = 0) -> None:
        self.fails, self.hangs, self.seed = fails, hangs, seed
        self.answers: dict[str, list[bytes]] = {}
        self.heard: list[Heard] = []
        self.before: Callable[[Heard], None] = lambda _: None
        """Is called with a request before it is answered."""
        self.after: Callable[[Heard], None] = lambda _: None
        """Is called once it is."""
        self.most = 0
        """Requests that waited for their answer at the same time."""
        self.cut: list[str] = []
        """Keys of requests whose answer nobody read to its end."""
        self._here = 0
        self._times: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._done = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _asked_by(self))
        self.host = f"127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()  # waits for the requests that are here

    def url(self, path: str = "/", *answers: bytes) -> str:
        """Return a URL here; given answers, what its path is answered with."""
        if answers:
            self.answers[path] = list(answers)
        return f"http://{self.host}{path}"

    def bodies(self) -> dict[str, set[bytes]]:
        """Return for each key the bodies that came."""
        found: dict[str, set[bytes]] = {}
        for one in self.heard:
            found.setdefault(one.key, set()).add(one.body)
        return found

    def take(self, key: str, body: bytes, headers: Mapping[str, str], path: str) -> Heard:
        """Remember a request, and decide what becomes of it."""
        path = path.partition("?")[0]
        with self._lock:
            self._here += 1
            self.most = max(self.most, self._here)
            said = self.answers.get(path)
            if said:
                answer = said.pop(0) if len(said) > 1 else said[0]
                found = Heard(key, body, headers, answer.decode("latin-1"), path)
            else:
                self._times[key] += 1
                lot = random.Random(f"{self.seed} {key} {self._times[key]}").random()  # noqa: S311
                found = Heard(key, body, headers, self._kind(lot), path)
            self.heard.append(found)
            return found

    def _kind(self, lot: float) -> str:
        bounds = {
            "hung": self.hangs / 2,
            "dripped": self.hangs,
            "failed": self.hangs + self.fails,
            "took": 1.1,
        }
        return next(kind for kind, bound in bounds.items() if lot < bound)

    def answer(self, found: Heard, send: Callable[[bytes], Any]) -> None:
        """Answer a request, or say nothing for a while and close."""
        raw = ANSWERS.get(found.answer, found.answer.encode("latin-1"))
        if not raw:
            self._done.wait(3)
        at_once, _, dripping = raw.partition(DRIP)
        send(at_once)
        for place in range(len(dripping)):
            if self._done.wait(0.02):
                return
            send(dripping[place : place + 1])

    def left(self) -> None:
        """Count that a request waits no longer."""
        with self._lock:
            self._here -= 1


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    request_queue_size = 128


def _asked_by(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Asked(BaseHTTPRequestHandler):
        timeout = 10

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            found = receiver.take(headers.get("webhook-id", ""), body, headers, self.path)
            receiver.before(found)
            self.close_connection = True
            receiver.left()
            try:
                receiver.answer(found, self.wfile.write)
            except OSError:  # whoever asked has gone, or was killed
                receiver.cut.append(found.key)
            receiver.after(found)

        def handle_one_request(self) -> None:
            with suppress(OSError):
                super().handle_one_request()

        def log_message(self, format: str, *_: object) -> None:  # noqa: A002 (as it is overridden)
            pass

    return Asked
