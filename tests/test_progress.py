"""How far something is: shown on a terminal, after a second, and gone when it is done."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import riskmon
from riskmon.progress import counted, progress
from tests.builders import RISKMON, event

LONG_SECONDS = 4.0
"""To start, and then longer than what is shown waits."""
ERASED = "\x1b[2K"


Feed = Callable[[Any, list[bytes]], None]
"""Writes to a program's standard input; it is given what the program showed so far."""


class Ran(NamedTuple):
    """What a program printed: on the terminal that is its standard error, and on its output."""

    terminal: str
    output: str


def read_all(terminal: int, into: list[bytes]) -> None:
    """Read a terminal until nobody writes to it any more."""
    try:
        while told := os.read(terminal, 4096):
            into.append(told)
    except OSError:  # nobody does
        pass


def on_terminal(command: list[str], folder: Path, feed: Feed) -> Ran:
    """Run a program whose standard error is a terminal, and `feed` it."""
    main, terminal = os.openpty()
    told: list[bytes] = []
    env = {**os.environ, "RISKMON_DATABASE_URL": "sqlite:///risk.db", "TERM": "xterm"}
    with subprocess.Popen(
        command,
        cwd=folder,
        env=env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=terminal,
    ) as ran:
        os.close(terminal)
        reader = threading.Thread(target=read_all, args=(main, told))
        reader.start()
        assert ran.stdin is not None
        assert ran.stdout is not None
        feed(ran.stdin, told)
        ran.stdin.close()
        output = ran.stdout.read().decode()
    reader.join()
    os.close(main)
    assert 0 == ran.returncode, b"".join(told)
    return Ran(b"".join(told).decode(), output)


def slowly(stream: Any, shown: list[bytes]) -> None:
    """Give an event, and another one long after: once something was shown, at most a minute."""
    stream.write(json.dumps(event()).encode() + b"\n")
    stream.flush()
    until = time.monotonic() + 60
    while not shown and time.monotonic() < until:
        time.sleep(0.1)
    stream.write(json.dumps(event()).encode() + b"\n")


def at_once(stream: Any, _: list[bytes]) -> None:
    """Give an event."""
    stream.write(json.dumps(event()).encode() + b"\n")


def nothing(stream: Any, shown: list[bytes]) -> None:
    """Give nothing."""


def test_what_takes_long_shows_how_far_it_is(tmp_path: Path) -> None:
    """On the terminal alone: what goes to standard output is one JSON document."""
    ran = on_terminal([RISKMON, "ingest", "-", "--json"], tmp_path, slowly)
    assert "reading <stdin>" in ran.terminal
    assert 2 == json.loads(ran.output)["appended"]
    assert [] == [one for one in ("reading", "\x1b") if one in ran.output]


def test_it_is_gone_when_it_is_done(tmp_path: Path) -> None:
    """Nothing of it is left on the screen, and the cursor is shown again."""
    ran = on_terminal([RISKMON, "ingest", "-"], tmp_path, slowly)
    assert "" == re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\s", "", ran.terminal.rpartition(ERASED)[2])
    assert ran.terminal.rfind("\x1b[?25h") > ran.terminal.rfind("\x1b[?25l")


def test_what_is_soon_done_shows_nothing(tmp_path: Path) -> None:
    """No flicker: a thing has a second before it is talked of."""
    assert "" == on_terminal([RISKMON, "ingest", "-"], tmp_path, at_once).terminal


def test_without_a_terminal_nothing_is_shown(run: Any) -> None:
    """However long it takes."""
    folder = run.folder
    with subprocess.Popen(
        [RISKMON, "ingest", "-"],
        cwd=folder,
        env={**os.environ, "RISKMON_DATABASE_URL": "sqlite:///risk.db"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as ran:
        time.sleep(LONG_SECONDS)
        output, errors = ran.communicate(json.dumps(event()).encode())
    assert (0, b"") == (ran.returncode, errors)
    assert b"1 appended" in output


NESTED = """
import logging, sys, threading, time
from riskmon.progress import counted, progress

def work(name):
    with progress(f"{name} outer [/bold]"):
        for _ in counted(range(12), f"{name} inner"):
            time.sleep(0.1)
            with progress("innermost"):
                pass
    sys.stderr.write(f"{name} done\\n")  # in one piece: others write, too

work("one")
with progress("two"):
    time.sleep(1.5)
    print("a warning", file=sys.stderr)
    time.sleep(0.3)
threads = [threading.Thread(target=work, args=(str(number),)) for number in range(8)]
for one in threads: one.start()
for one in threads: one.join()
try:
    with progress("failing"):
        time.sleep(1.3)
        raise KeyboardInterrupt
except KeyboardInterrupt:
    print("interrupted", file=sys.stderr)
print(threading.active_count())
"""


def test_one_is_shown_at_a_time(tmp_path: Path) -> None:
    """The outermost, of the thread that came first; what is printed meanwhile stays readable."""
    ran = on_terminal([sys.executable, "-c", NESTED], tmp_path, nothing)
    shown = ran.terminal
    assert [] == [name for name in ("one outer [/bold]", "two", "failing") if name not in shown]
    assert [] == [name for name in ("inner", "innermost", "Traceback") if name in shown]
    # What is erased, or written over, is gone from its line: what comes then begins one.
    parts = re.split(r"[\r\n]+|\x1b\[2K", shown)
    lines = [re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", one) for one in parts]
    assert {"one done", "a warning", "interrupted"} <= {line.strip() for line in lines}
    # Where others print at the very moment that it ends, rich draws it once more before them.
    for number in range(8):
        assert sum(line.strip().endswith(f"{number} done") for line in lines), number
    assert "1" == ran.output.strip()


def test_rows_pass_as_they_are() -> None:
    """None is lost or read ahead of its time; an error comes through."""
    taken: list[int] = []

    def rows() -> Iterator[int]:
        for number in range(3):
            taken.append(number)
            yield number
        raise ValueError("the third was the last")

    given = counted(rows(), "rows")
    assert (0, [0]) == (next(given), taken)
    with pytest.raises(ValueError, match="the third was the last"):
        list(given)
    with progress("nothing") as bar:
        bar.done += 1


LONG_THINGS = """
import sys, time
import riskmon
from riskmon import progress

progress.AFTER_SECONDS = progress.EVERY_SECONDS = 0.0
seen = []
made = progress.Bar.__init__
def noted(bar, what, total):
    seen.append(what)
    made(bar, what, total)
progress.Bar.__init__ = noted

with riskmon.open("sqlite:///risk.db") as monitor:
    monitor.declare([{"id": "a", "name": "A"}])
    told = {"source": "s", "ref": "1", "type": "claim.alleged", "title": "t"}
    monitor.ingest([told | {"occurred_at": "2024-01-01", "parties": [{"name": "B"}]}])
with riskmon.open("sqlite:///risk.db") as monitor:
    monitor.resolve("A")
    monitor.scores()
    monitor.what_if(monitor._rules)
    monitor.verify()
    monitor.backup("copy.db")
    monitor.export("scores", "scores.csv")
print("\\n".join(dict.fromkeys(seen)))
"""


def test_everything_that_may_take_long_shows_it(tmp_path: Path) -> None:
    """Ingesting, matching, replaying, scoring, comparing, verifying, copying, exporting."""
    ran = on_terminal([sys.executable, "-c", LONG_THINGS], tmp_path, nothing)
    assert {
        "reading input",
        "matching names",
        "reading names",
        "reading the ledger",
        "weighing what was told",
        "comparing with the draft",
        "hashing entries",
        "copying entries",
        "writing rows",
    } == {*ran.output.splitlines()}


def test_the_library_is_imported_where_something_takes_long(tmp_path: Path) -> None:
    """And not by those who show nothing."""
    code = "import sys, riskmon.monitor; print([one for one in sys.modules if 'rich' in one])"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert "[]" == done.stdout.strip()
    assert riskmon.__all__
