"""Spark as the engine: the same digits as in memory, whatever dies; and plain errors."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import riskmon
from riskmon.bulk import spark
from riskmon.bulk.copy import Copy
from riskmon.bulk.following import follow
from riskmon.bulk.kernel import Task, task_of
from riskmon.bulk.part import Ended
from riskmon.errors import MissingExtraError, RiskmonError
from riskmon.forms import moment
from riskmon.monitor import Monitor
from riskmon.settings import Config
from tests import strategies
from tests.builders import Clock, company, event, rule, values, write_rules
from tests.strategies import COMPANIES, START

pytestmark = [
    pytest.mark.xdist_group("spark"),  # one cluster
    pytest.mark.skipif(shutil.which("java") is None, reason="there is no Java"),
]
MASTER = "local-cluster[2,1,2048]"
"""Two workers with a core each, processes of their own."""
WAIT_SECONDS = 60
AS_OF = "2024-12-01"
SURGE: dict[str, Any] = {
    "evaluator": "surge",
    "parameters": {"window": "60 days", "baseline": "200 days", "least": 2},
}
RULES = [
    rule(id="named", severity=3, roles={"subject": 1.0, "victim": 0.2}),
    rule(id="owned", severity=4, ownership={"control": 0.9, "minority": 0.4, "threshold": 0.5}),
    rule(id="in-scope", severity=2, stages={"measure.in-force": 0.8}, scope=0.7),
    rule(id="large", severity=5, where={"attributes.size": {"gte": 5}}),
    rule(id="surge", severity=9, stages={"claim.alleged": 1.0}, **SURGE),
]
FIRMS = [
    company(
        f"firm-{number}",
        jurisdiction=["cn", "us"][number % 2],
        exposures=[{"subject": "sector:ai", "weight": number / 12}],
        owners=[{"company": f"firm-{number // 2}", "share": 0.6}] if number else [],
    )
    for number in range(12)
]


def told() -> Iterator[dict[str, Any]]:
    """Yield 150 events in 100 matters, the same each time."""
    draw = random.Random(9)  # noqa: S311 (a seed)
    for number in range(150):
        yield event(
            ref=f"told-{number}",
            type=draw.choice(["claim.alleged", "claim.confirmed", "measure.in-force"]),
            matter=f"matter-{draw.randrange(100)}",
            occurred_at=f"2024-{draw.randrange(1, 12):02}-{draw.randrange(1, 29):02}",
            parties=[{"company": f"firm-{draw.randrange(12)}", "role": "subject"}],
            scope=draw.choice([[], [], ["country:cn"], ["country:us", "sector:ai"]]),
            attributes={"size": draw.randrange(10)},
        )


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Start a cluster of two workers, and as many tasks as a large ledger has."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spark, "TASK_EVENTS", 30)
        patch.setenv("JAVA_TOOL_OPTIONS", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC")  # soon there
        session = spark.start(MASTER)
        yield session
        session.sparkContext.setLogLevel("OFF")  # its end is loud
        session.stop()


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a ledger in risk.db, recalculated in June, and its rules."""
    folder = tmp_path_factory.mktemp("ledger")
    write_rules(folder / "rules", *RULES)
    with opened(folder, "memory", Clock("2024-06-01")) as monitor:
        assert not monitor.declare(FIRMS).rejected
        assert not monitor.ingest(told()).rejected
        monitor.recalculate()
    return folder


def opened(folder: Path, engine: Any, clock: Clock | None = None) -> Monitor:
    return riskmon.open(
        f"sqlite:///{folder / 'risk.db'}",
        rules=folder / "rules",
        clock=clock or Clock(AS_OF),
        config=Config(engine=engine, master=MASTER),
    )


def in_memory(folder: Path) -> dict[str, float]:
    with opened(folder, "memory") as monitor:
        return values(monitor)


@pytest.mark.usefixtures("cluster")
def test_a_recalculation_by_spark_keeps_what_one_in_memory_keeps(
    ledger: Path, tmp_path: Path
) -> None:
    """By owners, scopes, `where` and surges; so the next one in memory finds that nothing moved."""
    moved = []
    for engine in ("memory", "spark"):
        shutil.copytree(ledger, tmp_path / engine)
        with opened(tmp_path / engine, "memory") as monitor:
            run = monitor.recalculate(engine=engine, master=MASTER)
            moved.append({one.company: (one.before, one.after) for one in run.moved})
            assert [] == monitor.recalculate().moved
    by_memory, by_spark = moved
    assert {one["id"] for one in FIRMS} == by_memory.keys() == by_spark.keys()
    for one, expected in by_memory.items():
        assert expected == pytest.approx(by_spark[one], abs=1e-9)


def random_ledgers(data: st.DataObject, told: list[Any], publishers: list[Any]) -> None:
    """Compare both engines on a drawn ledger, at drawn moments, as known at drawn ones."""
    ruleset = [data.draw(strategies.rules(name)) for name in ("r", "s")]
    surge = rule(id="t", stages=dict.fromkeys(strategies.TYPES, 1.0), **SURGE)
    clock = Clock("2024-01-01")
    days = st.integers(-5, 500).map(lambda number: START + timedelta(days=number))
    with TemporaryDirectory() as name:
        folder = Path(name)
        write_rules(folder / "rules", *ruleset, surge, publishers=publishers)
        with opened(folder, "memory", clock=clock) as monitor:
            monitor.declare([data.draw(strategies.companies(one)) for one in COMPANIES])
            for wait, what, body in told:
                clock.now += timedelta(days=40 * wait)
                key = {"source": body["source"], "ref": body["ref"], "withdrawn": True}
                monitor.ingest([key if what == "withdrawal" else body], rejects=folder / "no.jsonl")
            with opened(folder, "spark", clock=clock) as other:
                for moments in ({}, {"as_of": data.draw(days), "known_at": data.draw(days)}):
                    expected = values(monitor, **moments)
                    assert expected == pytest.approx(values(other, **moments), abs=1e-9)


@pytest.mark.usefixtures("cluster")
@settings(max_examples=3, suppress_health_check=list(HealthCheck))
@given(data=st.data(), told=strategies.told, publishers=strategies.publishers)
def test_random_ledgers(data: st.DataObject, told: list[Any], publishers: list[Any]) -> None:
    """The same digits as in memory, to 1e-9, on a few ledgers."""
    random_ledgers(data, told, publishers)


@pytest.mark.soak
@pytest.mark.usefixtures("cluster")
@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(data=st.data(), told=strategies.told, publishers=strategies.publishers)
def test_many_random_ledgers(data: st.DataObject, told: list[Any], publishers: list[Any]) -> None:
    """The same digits as in memory, to 1e-9, on many ledgers."""
    random_ledgers(data, told, publishers)


# Workers that die


def executors() -> list[psutil.Process]:
    """Return the processes of Spark that do the work, which have Pythons as children."""
    found = []
    for one in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):  # it ends
            if "CoarseGrainedExecutorBackend" in " ".join(one.cmdline()):
                found.append(one)
    return found


def until(what: Callable[[], Any]) -> Any:
    """Wait until something is so, and return it."""
    for _ in range(10 * WAIT_SECONDS):
        if found := what():
            return found
        time.sleep(0.1)
    raise TimeoutError


def frozen(cluster: Any) -> tuple[psutil.Process, list[psutil.Process]]:
    """Return an executor and its Pythons, stopped: a task that it is given does not end."""

    def all_there() -> list[psutil.Process]:
        with spark._quiet():  # by what weighs, whose Pythons are no other's
            cluster.range(0, 8, 1, 4).mapInArrow(lambda rows: rows, "id long").toArrow()
        found = executors()
        return found if len([one for one in found if len(pythons(one)) > 1]) == 2 else []

    executor = until(all_there)[0]
    for one in pythons(executor):
        one.suspend()
    return executor, pythons(executor)


def pythons(executor: psutil.Process) -> list[psutil.Process]:
    """Return the one that forks, and those it forked."""
    found: list[psutil.Process] = executor.children(recursive=True)
    return found


def after_death(cluster: Any, ledger: Path, kill: Callable[[], None]) -> dict[str, float]:
    """Return the scores by Spark, of which `kill` ended a worker while it had a task.

    The other worker has done some by then. A task is shown to have failed.
    """
    tracker = cluster.sparkContext.statusTracker()

    def half_done() -> list[int]:
        stages = ((one, tracker.getStageInfo(one)) for one in tracker.getActiveStageIds())
        return [
            number
            for number, told in stages
            if told and told.numCompletedTasks and told.numActiveTasks
        ]

    with opened(ledger, "spark") as monitor, ThreadPoolExecutor(1) as pool:
        scores = pool.submit(values, monitor)
        (stage,) = until(half_done)
        assert not scores.done()
        kill()
        found = scores.result(WAIT_SECONDS)
    assert tracker.getStageInfo(stage).numFailedTasks
    return found


def test_a_worker_that_is_killed_changes_no_digit(cluster: Any, ledger: Path) -> None:
    """The machine of a worker dies while it has a task: the other one does it again."""
    executor, its = frozen(cluster)

    def kill() -> None:
        for one in (executor, *its):
            one.send_signal(signal.SIGKILL)

    assert in_memory(ledger) == pytest.approx(after_death(cluster, ledger, kill), abs=1e-9)


@pytest.mark.soak
def test_a_python_that_is_killed_changes_no_digit(cluster: Any, ledger: Path) -> None:
    """The Python of a worker dies while it has a task: it is done again."""
    executor, its = frozen(cluster)
    daemon = executor.children()[0]

    def kill() -> None:
        for one in its:
            one.send_signal(signal.SIGCONT if one == daemon else signal.SIGKILL)

    assert in_memory(ledger) == pytest.approx(after_death(cluster, ledger, kill), abs=1e-9)


# What is wrong is said


@pytest.fixture
def copied(ledger: Path, tmp_path: Path) -> tuple[Copy, Task]:
    """Return a columnar copy of the ledger in a folder of its own, and what it is weighed by."""
    with opened(ledger, "memory") as monitor:
        copy = follow(monitor._ledger, tmp_path / "copy")
        standing = monitor._replay.standing()
        assert standing.ruleset is not None
        ended = Ended.of(copy.read("ended"))
        task = task_of(standing, standing.ruleset, moment(AS_OF), ended)
    return copy, task.without({"large": ""})  # bodies are not here


@pytest.mark.usefixtures("cluster")
def test_files_that_workers_do_not_see_are_missed(copied: tuple[Copy, Task]) -> None:
    """No score is made of a part of the events."""
    copy, task = copied
    copy.folder /= "elsewhere"
    with pytest.raises(RiskmonError, match=r"found 0 events of 150 in .*same path"):
        spark.weigh(copy, task, MASTER)


@pytest.mark.usefixtures("cluster")
@pytest.mark.soak
def test_what_a_worker_finds_damaged_is_said_in_a_line(copied: tuple[Copy, Task]) -> None:
    """The file, and what to do: not the traces of two languages."""
    copy, task = copied
    file = next(copy.folder.rglob("events/*.parquet"))
    file.write_bytes(b"PAR1")
    with pytest.raises(RiskmonError, match=f"{file} cannot be read .*made anew") as raised:
        spark.weigh(copy, task, MASTER)
    assert 1 == len(str(raised.value).splitlines())


@pytest.mark.usefixtures("cluster")
def test_it_listens_on_this_machine_alone() -> None:
    """No process of a cluster on one machine can be reached from elsewhere."""
    processes = psutil.Process().children(recursive=True)
    listening = {
        one.laddr.ip
        for process in processes
        for one in process.net_connections("tcp")
        if one.status == psutil.CONN_LISTEN
    }
    assert listening <= {"127.0.0.1", "::ffff:127.0.0.1"}
    assert listening


def test_without_the_library_the_extra_is_named(
    ledger: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An install line that can be copied."""
    monkeypatch.setitem(sys.modules, "pyspark", None)
    with (
        opened(ledger, "spark") as monitor,
        pytest.raises(MissingExtraError, match=r"needs pyspark: .* install 'riskmon\[spark\]'"),
    ):
        values(monitor)


def test_without_java_it_is_named(tmp_path: Path) -> None:
    """What to install, and where it is looked for."""
    code = "from riskmon.bulk import spark; spark.start('local[2]')"
    found = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"JAVA_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    expected = "riskmon.errors.RiskmonError: Spark ended as it started"
    said = next(line for line in found.stderr.splitlines() if line.startswith(expected))
    assert "Java 17" in said
    assert "apt-get install openjdk-17-jre-headless" in said
