"""The engine of one machine: part after part of a columnar copy, so that memory stays bounded."""

from __future__ import annotations

import fcntl
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from riskmon.bulk import kernel
from riskmon.bulk.copy import HELD, Copy, arrow
from riskmon.bulk.following import unwritable
from riskmon.bulk.kernel import Task, Weighed
from riskmon.progress import progress

if TYPE_CHECKING:
    import pyarrow as pa

PART_ROWS = 250_000
"""Events that are weighed at a time: 0.2 GB. More are dearer each, as they leave the caches."""
SLICE_ROWS = 1_500_000
"""Events that are spread at a time, and as many to a slice: each makes a file of each."""


def weigh(copy: Copy, task: Task) -> Weighed:
    """Return the hazard of each company, and the rules that failed."""
    found = _summed((kernel.weigh(part, task) for part in _parts(copy, PART_ROWS)), task)
    return found.plus(_by_company(copy, task)) if task.of("company") else found


def _parts(copy: Copy, rows: int) -> Iterator[pa.Table]:
    with progress("weighing events", copy.events) as bar:
        for part in copy.parts(rows):
            yield part
            bar.done += len(part)


def _by_company(copy: Copy, task: Task) -> Weighed:
    """Weigh by the rules that look at all matters of a company: slices of them, through files."""
    slices = 1 + copy.events // SLICE_ROWS
    with _folder(copy) as folder:
        for place, part in enumerate(_parts(copy, SLICE_ROWS)):
            for number, rows in kernel.spread(part, task, slices):
                file = folder / f"{number:05}-{place:05}.parquet"
                arrow("pyarrow.parquet").write_table(part.take(rows), file)
        return _summed(_sliced(folder, task, slices), task)


@contextmanager
def _folder(copy: Copy) -> Iterator[Path]:
    """Give a folder on the copy's disk; nobody who follows the ledger meanwhile removes it."""
    try:
        with (
            tempfile.TemporaryDirectory(prefix=".slices-", dir=copy.folder) as name,
            (Path(name) / HELD).open("wb") as held,
        ):
            fcntl.flock(held, fcntl.LOCK_SH)
            yield Path(name)
    except OSError as error:
        raise unwritable(copy.folder, error) from error


def _sliced(folder: Path, task: Task, slices: int) -> Iterator[Weighed]:
    for number in range(slices):
        files = sorted(folder.glob(f"{number:05}-*.parquet"))
        if files:
            part = arrow().concat_tables(
                [arrow("pyarrow.parquet").read_table(one) for one in files]
            )
            yield kernel.weigh_slice(part, task, number, slices)


def _summed(found: Iterable[Weighed], task: Task) -> Weighed:
    return reduce(Weighed.plus, found, Weighed(np.zeros(len(task.ids)), {}))
