"""Broken rule files: tests/errors/<name>.yaml, and beside each what a person is told of it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from riskmon.errors import RulesError
from riskmon.ruleset import load_ruleset
from tests.builders import rule, write_rules

FOLDER = Path(__file__).parent / "errors"
FILES = sorted(FOLDER.glob("*.yaml"))
WARNED = [file for file in FILES if file.stem.startswith("warning-")]
PUBLISHERS = [file for file in FILES if file.stem.startswith("publishers-")]
BROKEN = [file for file in FILES if file not in WARNED and file not in PUBLISHERS]


def copied(file: Path, folder: Path) -> Path:
    """Copy a broken file to the name that it claims, and return that folder."""
    name = "publishers.yaml" if file in PUBLISHERS else file.name
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(file.read_bytes())
    return folder


def told(file: Path) -> list[str]:
    """Return the lines that a person is told of a broken file."""
    return file.with_suffix(".txt").read_text("utf-8").splitlines()


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_broken_file_is_said(file: Path, tmp_path: Path) -> None:
    """File, line, field, what was expected, what is there: the whole text, nothing else."""
    folder = copied(file, tmp_path)
    try:
        found = [f"warning: {one.problem}" for one in load_ruleset(folder).unusual]
    except RulesError as error:
        found = [str(problem) for problem in error.problems]
    assert told(file) == [line.replace(f"{folder}/", "") for line in found]


def test_each_broken_file_has_its_text() -> None:
    """And no text lies about whose file is gone."""
    assert {file.stem for file in FILES} == {file.stem for file in FOLDER.glob("*.txt")}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_message_says_where_in_words_for_a_person(file: Path) -> None:
    """Each begins with file and line; none has the jargon of a library."""
    jargon = re.compile(r"\[key\]|function-|tuple\[|nput should|valid dict|pydantic|str type")
    lines = told(file)
    assert lines
    assert [] == [one for one in lines if not re.match(r"(warning: )?[a-z0-9-]+\.yaml:\d+: ", one)]
    assert [] == [one for one in lines if jargon.search(one)]


def test_a_file_over_256_kilobytes_is_refused_unread(tmp_path: Path) -> None:
    """Also one that would be good: a byte more is a byte too many."""
    folder = write_rules(tmp_path, rule())
    file = folder / "a-rule.yaml"
    text = file.read_text("utf-8") + "\n#"
    file.write_text(text + "x" * (256 * 1024 - len(text)), "utf-8")
    assert ["a-rule"] == [one.id for one in load_ruleset(folder).rules]
    file.write_text(text + "x" * (256 * 1024 - len(text) + 1), "utf-8")
    with pytest.raises(RulesError) as caught:
        load_ruleset(folder)
    message = "expected at most 262,144 bytes: shorten the file"
    assert [f"{file}:1: {message}"] == [str(one) for one in caught.value.problems]


def test_no_is_text(tmp_path: Path) -> None:
    """YAML 1.2: Norway's code is not false, and what is off or on is not either."""
    folder = write_rules(tmp_path, rule())
    file = folder / "a-rule.yaml"
    text = "".join(f"{name}: {json.dumps(value)}\n" for name, value in rule().items())
    file.write_text(f"{text}where:\n  party: {{jurisdiction: no}}\n  topics: [on, yes]\n", "utf-8")
    (one,) = load_ruleset(folder).rules
    assert one.where is not None
    assert {"party": {"jurisdiction": "no"}, "topics": ["on", "yes"]} == one.where.model_dump(
        exclude_none=True, exclude_unset=True
    )


def test_the_command_says_all_problems_at_once(run: Any) -> None:
    """Exit 1; every file's problems with file and line; no result, no traceback."""
    for file in BROKEN:
        copied(file, run.folder / "draft")
    publishers = FOLDER / "publishers-id-twice.yaml"
    copied(publishers, run.folder / "draft")
    names = {file.name: file for file in BROKEN} | {"publishers.yaml": publishers}
    lines = [line for name in sorted(names) for line in told(names[name])]
    found = run("rules", "check", "draft")
    heading = f"riskmon: {len(lines)} problems in the rules:"
    expected = [heading, *(f"riskmon:   draft/{line}" for line in lines)]
    assert expected == found.stderr.splitlines()
    assert (1, "") == (found.returncode, found.stdout)


def test_the_command_says_problems_as_json(run: Any) -> None:
    """The same problems for a program: file, line, field, message; the message is all the text."""
    names = ["dated-twice", "open-misspelt", "where-party-list", "yaml-tab"]
    for name in names:
        copied(FOLDER / f"{name}.yaml", run.folder / "draft")
    found = run("rules", "check", "draft", "--json")
    assert (1, "") == (found.returncode, found.stderr)
    given = json.loads(found.stdout)
    assert [] == given["warnings"]
    assert [
        ("draft/dated-twice.yaml", 6, "severity"),
        ("draft/open-misspelt.yaml", 9, "open[0]"),
        ("draft/where-party-list.yaml", 12, "where.party[1].country"),
        ("draft/yaml-tab.yaml", 10, ""),
    ] == [(one["file"], one["line"], one["field"]) for one in given["problems"]]
    texts = [
        ": ".join(filter(None, (f"{one['file']}:{one['line']}", one["field"], one["message"])))
        for one in given["problems"]
    ]
    assert [f"draft/{line}" for name in names for line in told(FOLDER / f"{name}.yaml")] == texts


def test_the_command_warns_and_succeeds(run: Any) -> None:
    """A word that nobody used so far stops nothing: exit 0, a note beside the result."""
    for file in WARNED:
        copied(file, run.folder / "draft")
    lines = [line for file in WARNED for line in told(file)]
    found = run("rules", "check", "draft")
    expected = [line.replace("warning: ", "riskmon: warning: draft/", 1) for line in lines]
    assert expected == found.stderr.splitlines()
    assert 0 == found.returncode
    assert found.stdout.startswith(f"{len(WARNED)} rules and 0 publishers, no problem: ruleset ")
    found = run("rules", "check", "draft", "--json")
    assert (0, []) == (found.returncode, json.loads(found.stdout)["problems"])
    assert len(lines) == len(json.loads(found.stdout)["warnings"])
