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
import threading
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.builders import RISKMON, ROOT

MOST = 1 << 20
"""Bytes of a request."""

SHIM = """
import json, os, socket, sys
asked = {"arguments": sys.argv[1:], "cwd": os.getcwd(), "env": dict(os.environ)}
with socket.socket(socket.AF_UNIX) as zygote:
    zygote.connect(PLACE)
    socket.send_fds(zygote, [json.dumps(asked).encode()], [0, 1, 2])
    sys.exit(int(zygote.recv(16) or b"1"))
"""


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

    def shim(self, folder: Path) -> None:
        """Make a program `riskmon` in a folder that a shell may run: it forks here, too."""
        place = folder / "zygote"
        asked = json.dumps({"listen": str(place)})
        socket.send_fds(self._socket, [asked.encode()], [0])
        assert self._socket.recv(16) == b"0"
        program = folder / "riskmon"
        program.write_text(f"#!{sys.executable} -SE\nPLACE = {str(place)!r}\n{SHIM}", "utf-8")
        program.chmod(0o755)

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
            asked = json.loads(text)
            if "listen" in asked:
                _listen(asked["listen"])
                asking.send(b"0")
                continue
            if (child := os.fork()) == 0:
                _become(asked, files)
            for file in files:
                os.close(file)
            _, status = os.waitpid(child, 0)
            asking.send(str(os.waitstatus_to_exitcode(status)).encode())


def _listen(place: str) -> None:
    """Fork for whoever connects to a socket, several at a time, while the tests run."""
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(place)
    listening.listen()
    threading.Thread(target=_answer, args=(listening,), daemon=True).start()


def _answer(listening: socket.socket) -> None:
    while True:
        caller, _ = listening.accept()
        with caller:
            if os.fork() == 0:  # waits for the command, and says how it ended
                text, files, _, _ = socket.recv_fds(caller, MOST, 3)
                if (child := os.fork()) == 0:
                    _become(json.loads(text), files)
                _, status = os.waitpid(child, 0)
                caller.send(str(os.waitstatus_to_exitcode(status)).encode())
                os._exit(0)


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
            lines = 1 if name == "stderr" or "PYTHONUNBUFFERED" in os.environ else -1
            stream = open(place, mode, lines, encoding="utf-8", closefd=False)  # noqa: SIM115
            stream.buffer.raw.name = f"<{name}>"  # type: ignore[attr-defined]
            setattr(sys, name, stream)
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
