"""The documents: every command and every line of Python in them runs, and prints what they say."""

from __future__ import annotations

import doctest
import os
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from riskmon.config import load
from tests.builders import ROOT
from tests.zygote import Zygote

DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(\w+)(?: file=(\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def programs(zygote: Zygote, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a `riskmon` that starts soon."""
    folder = tmp_path_factory.mktemp("bin")
    zygote.shim(folder)
    return folder


def shell(command: str, folder: Path, programs: Path) -> str:
    """Return what a command prints, as a terminal shows it: both streams."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    if "&" not in command:  # what runs beside others, and is ended, is a program of its own
        path = f"{programs}:{path}"
    env = {**os.environ, "PATH": path, "RISKMON_DATABASE_URL": "sqlite:///risk.db"}
    env["PYTHONUNBUFFERED"] = "1"  # line by line, as on a terminal
    done = subprocess.run(
        command,
        shell=True,
        cwd=folder,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stdout
    printed, now = done.stdout, datetime.now(UTC)
    for minutes in range(10):  # what an earlier command recorded may be of an earlier minute
        printed = printed.replace(f"{now - timedelta(minutes=minutes):%Y-%m-%d %H:%MZ}", "TODAY")
    return printed


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_a_document_does_what_it_says(
    document: Path, tmp_path: Path, programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files are written, commands run, outputs compared, in the order of the text."""
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for language, name, text in BLOCK.findall(document.read_text("utf-8")):
        if name:
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text(text, "utf-8")
        elif language == "toml":  # a configuration: read, so it has no problem
            (tmp_path / "shown.toml").write_text(text, "utf-8")
            load(str(tmp_path / "shown.toml"), {})
        elif language == "console":
            for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
                command, _, expected = part.partition("\n")
                printed = shell(command, tmp_path, programs)
                assert [line.rstrip() for line in expected.splitlines()] == (
                    [line.rstrip() for line in printed.splitlines()]
                ), command
        elif language == "pycon":
            examples = doctest.DocTestParser().get_doctest(text, names, document.name, None, 0)
            runner = doctest.DocTestRunner()
            failed = runner.run(examples, clear_globs=False)
            names = examples.globs
            assert 0 == failed.failed, document.name


def test_links_between_documents_lead_somewhere() -> None:
    """Each relative link is a file."""
    for document in [*DOCUMENTS, ROOT / "CONTRIBUTING.md"]:
        for link in re.findall(r"\]\(([^)#:]+)\)", document.read_text("utf-8")):
            assert (document.parent / link).exists(), link


def test_set_up_lines_are_the_ones_that_ci_runs() -> None:
    """The README has one line for users and one for tests, and .ci/run takes the latter."""
    lines = [ln for ln in (ROOT / "README.md").read_text().splitlines() if "venv --without" in ln]
    assert ["riskmon demo", "pytest -q"] == [line.rpartition(".venv/bin/")[2] for line in lines]
    assert "grep -m 1 '/pytest -q$' README.md" in (ROOT / ".ci" / "run").read_text()
