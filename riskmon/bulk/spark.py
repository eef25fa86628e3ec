"""The engine of many machines: Spark weighs the parts of a columnar copy with the same kernel.

What goes through Spark is which buckets a task takes and what it found; each task reads its files
itself, since rows cost Spark more on their way to Python than the kernel needs for them. Every
worker needs riskmon with the extra `spark`, and the copy's folder under the same path. Java 17.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from riskmon import __version__
from riskmon.bulk import kernel
from riskmon.bulk.copy import Copy, Segment, arrow, pieces
from riskmon.bulk.kernel import Task, Weighed
from riskmon.bulk.stream import PART_ROWS
from riskmon.errors import MissingExtraError, RiskmonError

if TYPE_CHECKING:
    import pyarrow as pa

    Batches = Iterable[pa.RecordBatch]

TASK_EVENTS = 250_000
"""That a task weighs: to start it costs a tenth of that, and to do it again is soon done."""
FOUND = "events long, hazards binary, failed string"
"""What a task found: how many events there were, a float64 a company, rules that failed as JSON."""
SPREAD = "slice int, part binary"
"""Events for a slice of the companies, as a stream of Arrow."""
LOOPBACK = "127.0.0.1"
NO_JAVA = (
    "Spark ended as it started, and said why on standard error: it needs Java 17 or 21, in the PATH"
    " or in JAVA_HOME (on Debian `apt-get install openjdk-17-jre-headless`), and a master such as"
    " local[2] or spark://host:7077"
)


class _Given(NamedTuple):
    """What each worker is given once."""

    version: str
    task: Task
    folder: Path
    buckets: int
    segments: tuple[Segment, ...]
    slices: int


def weigh(copy: Copy, task: Task, master: str) -> Weighed:
    """Return the hazard of each company, and the rules that failed.

    `master`: Spark's URL of a cluster, or `local[2]`. A session that is there already is used.
    """
    with _session(master) as session:
        return _weigh(session, copy, task)


def _weigh(session: Any, copy: Copy, task: Task) -> Weighed:
    slices = 1 + copy.events // TASK_EVENTS
    given = _Given(
        __version__, task, copy.folder.resolve(), copy.buckets, tuple(copy.segments), slices
    )
    told = session.sparkContext.broadcast(given)
    buckets = session.range(0, copy.buckets, 1, min(slices, copy.buckets))
    try:
        events, found = _summed(_mapped(buckets, _weigh_buckets, told, FOUND), task)
        if events != copy.events:
            raise RiskmonError(
                f"Spark's workers found {events:,} events of {copy.events:,} in {given.folder}:"
                " the folder has to be the same for every worker, under the same path"
            )
        if task.of("company"):
            spread = _mapped(buckets, _spread, told, SPREAD).repartition(slices, "slice")
            _, more = _summed(_mapped(spread, _weigh_slices, told, FOUND), task)
            found = found.plus(more)
    finally:
        told.destroy()
    return found


def _mapped(frame: Any, work: Callable[[Any, Batches], Any], told: Any, schema: str) -> Any:
    with _quiet():
        return frame.mapInArrow(partial(work, told), schema)


def _summed(frame: Any, task: Task) -> tuple[int, Weighed]:
    """Return how many events all tasks found, and what these come to."""
    errors = import_module("pyspark.errors")
    try:
        with _quiet():
            table = frame.toArrow()
    except errors.PySparkException as error:
        raise RiskmonError(f"Spark could not weigh the events: {_cause(str(error))}") from error
    found = Weighed(np.zeros(len(task.ids)), {})
    for hazards, failed in zip(table["hazards"], table["failed"].to_pylist(), strict=True):
        one = np.frombuffer(hazards.as_buffer(), np.float64)
        found = found.plus(Weighed(one, json.loads(failed)))
    return sum(table["events"].to_pylist()), found


def _cause(text: str) -> str:
    """Return what went wrong: the last line of a trace in Python, else the first line."""
    head, _, trace = text.rpartition("Traceback (most recent call last):")
    lines = (line for line in trace.splitlines() if line.strip() and not line[0].isspace())
    return next(lines, "") if head else text.splitlines()[0]


# What workers do


def _weigh_buckets(told: Any, batches: Batches) -> Iterator[pa.RecordBatch]:
    """Weigh buckets, one at a time; their sum is one row."""
    given = _given(told)
    found, events = Weighed(np.zeros(len(given.task.ids)), {}), 0
    for part in _buckets(given, batches):
        found = found.plus(kernel.weigh(part, given.task))
        events += len(part)
    yield _row(events, found)


def _spread(told: Any, batches: Batches) -> Iterator[pa.RecordBatch]:
    """Yield for each bucket and slice the events that the slice's companies need, as one row."""
    given, pa = _given(told), arrow()
    for part in _buckets(given, batches):
        for number, rows in kernel.spread(part, given.task, given.slices):
            out = pa.BufferOutputStream()
            some = part.take(rows).unify_dictionaries()
            options = pa.ipc.IpcWriteOptions(compression="zstd")
            with pa.ipc.new_stream(out, some.schema, options=options) as stream:
                stream.write_table(some)
            columns = [pa.array([number], pa.int32()), pa.array([out.getvalue().to_pybytes()])]
            yield pa.record_batch(columns, names=["slice", "part"])


def _weigh_slices(told: Any, batches: Batches) -> Iterator[pa.RecordBatch]:
    """Weigh slices of the companies, each as a whole; a row each."""
    given, pa = _given(told), arrow()
    parts: dict[int, list[Any]] = {}
    for batch in batches:
        for number, part in zip(batch["slice"].to_pylist(), batch["part"], strict=True):
            parts.setdefault(number, []).append(pa.ipc.open_stream(part.as_buffer()).read_all())
    for number, tables in parts.items():
        part = pa.concat_tables(tables)
        yield _row(len(part), kernel.weigh_slice(part, given.task, number, given.slices))


def _given(told: Any) -> _Given:
    given: _Given = told.value
    if given.version != __version__:
        raise RiskmonError(f"a worker has riskmon {__version__}, expected {given.version}")
    arrow().set_cpu_count(1)  # a task has one core
    return given


def _buckets(given: _Given, batches: Batches) -> Iterator[pa.Table]:
    """Yield the events of each bucket of which the number is given, whole matters at a time."""
    copy = Copy(given.folder)
    copy.buckets, copy.segments = given.buckets, list(given.segments)
    for batch in batches:
        for number in batch["id"].to_pylist():
            if tables := copy.bucket(number):
                yield from pieces(tables, PART_ROWS)


def _row(events: int, found: Weighed) -> pa.RecordBatch:
    columns = [[events], [found.hazards.tobytes()], [json.dumps(dict(found.failed))]]
    types = (arrow().int64(), arrow().binary(), arrow().string())
    return arrow().record_batch(
        [arrow().array(*pair) for pair in zip(columns, types, strict=True)],
        names=["events", "hazards", "failed"],
    )


# Sessions

_one = threading.Lock()
"""A process has one session: whoever needs his own waits until the last one ended."""


@contextmanager
def _session(master: str) -> Iterator[Any]:
    """Give a session: the one that is there, which stays, or one that ends with this."""
    with _one:
        try:
            session = start(master)
        except ValueError:  # there is one
            yield import_module("pyspark.sql").SparkSession.builder.getOrCreate()
            return
        try:
            yield session
        finally:
            session.stop()


def start(master: str) -> Any:
    """Return a new session of Spark; ValueError where there is one, RiskmonError without Java.

    Where all is on this machine, it listens on its loopback alone.
    """
    try:
        pyspark, errors = import_module("pyspark"), import_module("pyspark.errors")
        java = import_module("py4j.protocol")
        import_module("pandas")  # Spark asks for it, and uses none of it here
    except ImportError as error:
        raise MissingExtraError(error.name or "pyspark", "spark") from None
    settings = {
        "spark.app.name": "riskmon",
        "spark.driver.maxResultSize": "0",  # what a task finds is 8 bytes a company
        "spark.master": master,
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": str(sys.stderr.isatty()).lower(),
    }
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    if master.startswith("local"):
        os.environ.setdefault("SPARK_LOCAL_IP", LOOPBACK)  # of the workers, too
        settings |= {"spark.driver.host": LOOPBACK, "spark.driver.bindAddress": LOOPBACK}
    context = None
    try:
        with _quiet():
            context = pyspark.SparkContext(conf=pyspark.SparkConf().setAll(settings.items()))
            return import_module("pyspark.sql").SparkSession.builder.getOrCreate()
    except errors.PySparkRuntimeError as error:
        raise RiskmonError(f"{NO_JAVA}; got {master!r}") from error
    except java.Py4JJavaError as error:
        if context is not None:
            context.stop()
        cause = _cause(str(error.java_exception))
        raise RiskmonError(
            f"Spark finds no cluster at {master}: {cause} (more on standard error)"
        ) from error


@contextmanager
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas")
        yield
