"""`riskmon run` in a process of its own, as a test starts, asks and ends it."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from tests.builders import RISKMON

PATIENCE = 60
"""Seconds after which a test that waits gives up."""


class Answer(NamedTuple):
    """What a server answered."""

    status: int
    headers: dict[str, str]
    """By name in lower case."""
    body: bytes

    @property
    def json(self) -> Any:
        """The body as data."""
        return json.loads(self.body)


class Running(NamedTuple):
    """A process that runs the schedule, in a folder of its own."""

    process: subprocess.Popen[str]
    folder: Path
    port: int

    def ask(self, path: str) -> Answer:
        """Ask it over HTTP."""
        return asked(self.port, path)

    def logged(self) -> str:
        """Return what it said on standard error so far."""
        return (self.folder / "stderr").read_text("utf-8")

    def says(self, words: str) -> None:
        """Wait until it has said something on standard error."""
        wait(lambda: words in self.logged())


def wait(done: Callable[[], object], seconds: float = PATIENCE) -> None:
    """Return once `done` holds."""
    until = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < until, "it does not come to be so"
        time.sleep(0.02)


def free_port() -> int:
    """Return a port that nobody has."""
    with socket.create_server(("127.0.0.1", 0)) as bound:
        return int(bound.getsockname()[1])


def asked(
    port: int, path: str, *, method: str = "GET", host: str | None = None, at: str = "127.0.0.1"
) -> Answer:
    """Ask a server here; `host` is what the request says that it is."""
    connection = http.client.HTTPConnection(at, port, timeout=PATIENCE)
    try:
        connection.putrequest(method, path, skip_host=True)
        connection.putheader("Host", host or f"{at}:{port}")
        connection.endheaders()
        found = connection.getresponse()
        headers = {name.lower(): value for name, value in found.getheaders()}
        return Answer(found.status, headers, found.read())
    finally:
        connection.close()


def answers(port: int, path: str) -> int | None:
    """Return the status of an answer, None where there is no server yet."""
    try:
        return asked(port, path).status
    except OSError:
        return None


@contextmanager
def running(folder: Path, toml: str, **env: str) -> Iterator[Running]:
    """Run `riskmon run` meanwhile, with a configuration to which a port for its health is added."""
    port = free_port()
    folder.mkdir(exist_ok=True)
    (folder / "riskmon.toml").write_text(f"{toml}\n[health]\nport = {port}\n", "utf-8")
    with (folder / "stderr").open("w") as errors, (folder / "stdout").open("w") as out:
        process = subprocess.Popen(
            [RISKMON, "run"],
            cwd=folder,
            env={**os.environ, **env},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=errors,
            text=True,
        )
    try:
        yield Running(process, folder, port)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
