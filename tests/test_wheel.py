"""The wheel: installed into an empty environment, used from an empty folder."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

from tests.builders import ROOT


def run(*command: str | Path, folder: Path) -> str:
    """Return what a command prints; it must succeed."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert 0 == done.returncode, done.stderr
    return done.stdout


def test_the_wheel_runs_the_demo_from_an_empty_folder(tmp_path: Path) -> None:
    """Migrations, rules and scenario are inside; nothing of the checkout is used."""
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    run(*pip, "wheel", "--no-deps", "--wheel-dir", tmp_path, ROOT, folder=tmp_path)
    (wheel,) = tmp_path.glob("riskmon-*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    shipped = ["migrations/env.py", "migrations/versions/0001_ledger.py"]
    shipped += ["rules/publishers.yaml", "rules/section-1260h.yaml", "scenario/events.jsonl"]
    assert {f"riskmon/_shipped/{name}" for name in shipped} <= names
    assert not [name for name in names if name.startswith(("tests/", "benchmarks/"))]

    environment = tmp_path / "environment"
    run(sys.executable, "-m", "venv", "--without-pip", environment, folder=tmp_path)
    run(*pip, "--python", environment / "bin" / "python", "install", wheel, folder=tmp_path)
    empty = tmp_path / "empty"
    empty.mkdir()
    riskmon = environment / "bin" / "riskmon"
    assert "Baidu, Inc.: 44.51 (moderate)" in run(
        riskmon, "demo", "--as-of", "2024-01-12", folder=empty
    )
    where = "import riskmon.database as d; print(d.shipped('rules'), d.__file__)"
    for path in run(environment / "bin" / "python", "-c", where, folder=empty).split():
        assert Path(path).is_relative_to(environment)
    assert ["riskmon-demo.db", "riskmon-demo.db.head"] == sorted(
        file.name for file in empty.iterdir()
    )
