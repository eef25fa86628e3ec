"""How far something is that takes over a second, on a terminal; elsewhere nothing at all.

Rows are only counted where the work is done. A thread of its own looks at the count, so that what
is shown costs no clock and no drawing for each row.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")

AFTER_SECONDS = 1.0
EVERY_SECONDS = 0.1

_showing = threading.Lock()
"""One bar at a time: whatever begins beneath it, or in another thread, is not shown."""


class Bar:
    """What is being done, and how many rows of it are."""

    def __init__(self, what: str, total: int | None) -> None:
        self.what, self.total = what, total
        self.done = 0
        self._over = threading.Event()

    def _show(self) -> None:
        """Draw the count until it is over, once that takes long."""
        if self._over.wait(AFTER_SECONDS):
            return
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        console = Console(stderr=True)
        if console.is_dumb_terminal:
            return
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.fields[count]}", markup=False),
            TimeElapsedColumn(),
        )
        # What is printed to standard error meanwhile comes above the bar; output is left alone.
        with Progress(
            *columns, console=console, transient=True, auto_refresh=False, redirect_stdout=False
        ) as drawn:
            task = drawn.add_task(self.what, total=self.total, count="")
            while True:
                count = f"{self.done:,}" if self.done else ""
                drawn.update(task, completed=self.done, count=count, refresh=True)
                if self._over.wait(EVERY_SECONDS):
                    return

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Show it while what is within runs, and take it away before anything comes after."""
        thread = threading.Thread(target=self._show, name="riskmon progress", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join()


@contextmanager
def progress(what: str, total: int | None = None) -> Iterator[Bar]:
    """Show what is being done, where that takes over a second and standard error is a terminal.

    Count rows in `done` of what is given. `total`: how many there will be, where that is known.
    Also a decorator. Within another one, or beside one of another thread, it is not shown.
    """
    bar = Bar(what, total)
    if not _on_terminal() or not _showing.acquire(blocking=False):
        yield bar
        return
    try:
        with bar.shown():
            yield bar
    finally:
        _showing.release()


def counted(rows: Iterable[T], what: str, total: int | None = None) -> Iterator[T]:
    """Yield the rows, and show how many there were."""
    if not _on_terminal():
        yield from rows
        return
    with progress(what, total) as bar:
        for row in rows:
            bar.done += 1
            yield row


def _on_terminal() -> bool:
    try:
        return sys.stderr is not None and sys.stderr.isatty()
    except ValueError:  # closed
        return False
