"""The scripts that users copy run as they stand."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from tests.builders import ROOT


def run(name: str, *arguments: str) -> list[str]:
    """Return the lines that an example prints."""
    command = [sys.executable, str(ROOT / "examples" / name), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (0, "") == (done.returncode, done.stderr)
    return done.stdout.splitlines()


def test_ingest_recalculate_and_query(tmp_path: Path) -> None:
    """One after the other, on one database; a second ingest finds nothing new."""
    url = f"sqlite:///{tmp_path / 'risk.db'}"
    first = "2 appended, 0 revised, 0 withdrawn, 0 duplicates, 0 rejected"
    again = "0 appended, 0 revised, 0 withdrawn, 2 duplicates, 0 rejected"
    assert [first] == run("ingest_events.py", url)
    assert [again] == run("ingest_events.py", url)
    assert "1 of 1 companies moved" in run("nightly.py", url, "--now")[0]
    assert [
        "Baidu, Inc.: 36.80 (moderate)",
        "  18.43 points: ai-chip-export-controls, us-bis:88-FR-73458",
        "        2023-11-17 us-bis: Advanced computing and supercomputing export controls in force",
        "  18.37 points: military-research-claim, ernie-military-collaboration",
        "        2024-01-12 scmp: Chinese military researchers said to be linked "
        "with Baidu's Ernie",
        "The day before: 20.54 (low)",
        "Week by week:",
    ] == [line for line in run("query_scores.py", url) if not line.startswith("  20")]


def test_nightly_waits_and_ends_when_told(tmp_path: Path) -> None:
    """A real process with a real scheduler, interrupted as by Ctrl-C."""
    command = [
        sys.executable,
        str(ROOT / "examples" / "nightly.py"),
        f"sqlite:///{tmp_path / 'r.db'}",
    ]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as job:
        assert job.stdout is not None
        assert "waiting for 02:30 UTC" in job.stdout.readline()
        job.send_signal(signal.SIGINT)
        assert ("", "") == job.communicate(timeout=30)
    assert 0 == job.returncode
