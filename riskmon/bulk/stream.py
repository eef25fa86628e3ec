"""The engine of one machine: part after part of a columnar copy, so that memory stays bounded."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from riskmon.bulk import kernel
from riskmon.bulk.copy import Copy, arrow
from riskmon.bulk.kernel import Task, Weighed
from riskmon.progress import progress

if TYPE_CHECKING:
    import pyarrow as pa

PART_ROWS = 1_500_000
"""Events that are weighed at a time: about 1 GB."""


def weigh(copy: Copy, task: Task) -> Weighed:
    """Return the hazard of each company, and the rules that failed, which then count nowhere."""
    found = _summed((kernel.weigh(part, task) for part in _parts(copy)), task)
    if task.of("company"):
        more = _by_company(copy, task)
        found = Weighed(found.hazards + more.hazards, {**found.failed, **more.failed})
    if not found.failed:
        return found
    again = weigh(copy, task.without(found.failed))
    return again._replace(failed={**found.failed, **again.failed})


def _parts(copy: Copy) -> Iterator[pa.Table]:
    with progress("weighing events", copy.events) as bar:
        for part in copy.parts(PART_ROWS):
            yield part
            bar.done += len(part)


def _by_company(copy: Copy, task: Task) -> Weighed:
    """Weigh by the rules that look at all matters of a company: slices of them, through files."""
    slices = 1 + copy.events // PART_ROWS
    with tempfile.TemporaryDirectory(prefix=".slices-", dir=copy.folder) as name:
        folder = Path(name)
        for place, part in enumerate(_parts(copy)):
            for number, rows in kernel.spread(part, task, slices):
                file = folder / f"{number:05}-{place:05}.parquet"
                arrow("pyarrow.parquet").write_table(part.take(rows), file)
        return _summed(_sliced(folder, task, slices), task)


def _sliced(folder: Path, task: Task, slices: int) -> Iterator[Weighed]:
    for number in range(slices):
        files = sorted(folder.glob(f"{number:05}-*.parquet"))
        if files:
            part = arrow().concat_tables(
                [arrow("pyarrow.parquet").read_table(one) for one in files]
            )
            yield kernel.weigh_slice(part, task, number, slices)


def _summed(found: Iterable[Weighed], task: Task) -> Weighed:
    hazards, failed = np.zeros(len(task.ids)), dict[str, str]()
    for one in found:
        hazards += one.hazards
        failed |= one.failed
    return Weighed(hazards, failed)
