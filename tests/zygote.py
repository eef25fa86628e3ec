"""A process that has imported riskmon and forks at each command: a real process, soon there.

A start of Python and the imports cost most of a second, and the tests start many.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.builders import RISKMON, ROOT

MOST = 1 << 20
"""Bytes of a request."""


class Zygote:
    """The process that forks, seen from the tests."""

    def __init__(self) -> None:
        self._socket, theirs = socket.socketpair()
        with theirs:
            code = f"from tests.zygote import serve; serve({theirs.fileno()})"
            command = [sys.executable, "-c", code]
            self._process = subprocess.Popen(command, cwd=ROOT, pass_fds=[theirs.fileno()])

    def run(
        self, arguments: Sequence[str], cwd: Path, env: Mapping[str, str], given: str
    ) -> subprocess.CompletedProcess[str]:
        """Run `riskmon` as `subprocess.run` does, with text in and out."""
        with (
            tempfile.TemporaryFile() as stdin,
            tempfile.TemporaryFile() as stdout,
            tempfile.TemporaryFile() as stderr,
        ):
            stdin.write(given.encode("utf-8", "surrogateescape"))
            stdin.seek(0)
            streams = [stdin, stdout, stderr]
            asked = json.dumps({"arguments": [*arguments], "cwd": str(cwd), "env": dict(env)})
            socket.send_fds(self._socket, [asked.encode()], [one.fileno() for one in streams])
            code = int(self._socket.recv(16))
            for one in (stdout, stderr):
                one.seek(0)
            told = (one.read().decode("utf-8") for one in (stdout, stderr))
            return subprocess.CompletedProcess([RISKMON, *arguments], code, *told)

    def close(self) -> None:
        """End it."""
        self._socket.close()
        self._process.wait()


def serve(number: int) -> None:
    """Fork for each request, until the tests' end is closed."""
    import numpy  # noqa: F401, ICN001, PLC0415 (what most commands import)

    import riskmon.monitor  # noqa: PLC0415
    import riskmon.show  # noqa: F401, PLC0415

    with socket.socket(fileno=number) as asking:
        while True:
            text, files, _, _ = socket.recv_fds(asking, MOST, 3)
            if not text:
                return
            if (child := os.fork()) == 0:
                _become(json.loads(text), files)
            for file in files:
                os.close(file)
            _, status = os.waitpid(child, 0)
            asking.send(str(os.waitstatus_to_exitcode(status)).encode())


def _become(asked: dict[str, Any], files: Sequence[int]) -> None:
    """Be the command: its folder, its environment, its streams; never return."""
    code = 1
    try:
        os.chdir(asked["cwd"])
        os.environ.clear()
        os.environ.update(asked["env"])
        for place, file in enumerate(files):
            os.dup2(file, place)
        for name, place, mode in (("stdin", 0, "r"), ("stdout", 1, "w"), ("stderr", 2, "w")):
            setattr(sys, name, open(place, mode, encoding="utf-8", closefd=False))  # noqa: SIM115
        sys.argv = [RISKMON, *asked["arguments"]]
        from riskmon.cli import main  # noqa: PLC0415

        main()
        code = 0
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
    except BaseException:  # noqa: BLE001 (as Python does when nothing catches it)
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(code)
