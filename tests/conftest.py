"""What tests share: a rule folder, a clock, a monitor on a database of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

import riskmon
from riskmon.monitor import Monitor
from tests.builders import ROOT, SHARED, Clock, replayed

# Where CI is set, hypothesis draws the same examples every time; a slow machine fails no test.
settings.register_profile("riskmon", parent=settings.default, deadline=None)
settings.load_profile("riskmon")


@pytest.fixture
def clock() -> Clock:
    """Return a clock at 1 January 2024."""
    return Clock()


@pytest.fixture
def monitor(tmp_path: Path, clock: Clock) -> Iterator[Monitor]:
    """Open a monitor with the shipped rules on an empty database of its own."""
    with riskmon.open(f"sqlite:///{tmp_path / 'risk.db'}", clock=clock) as opened:
        yield opened


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
