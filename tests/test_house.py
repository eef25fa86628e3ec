"""The rules of the house: who imports whom, how long things are, who reads the clock, words."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import riskmon
from tests.builders import ROOT

PACKAGE = ROOT / "riskmon"
FILES = sorted(PACKAGE.rglob("*.py"))

GROUND = {"errors", "forms", "model", "validation"}
LANGUAGE = GROUND | {"evaluators", "rules", "ruleset", "vocabulary", "where", "yaml12"}
NAMES = {"identifiers", "naming", "names", "resolution"}
LOG = {"decisions", "names", "parties", "resolution", "roster", "standing", "told"}
ENGINE = {
    "bearing",
    "cited",
    "layer",
    "matters",
    "pieces",
    "reach",
    "sums",
    "scoring",
    "walks",
    "world",
}
STORE = {
    "backup",
    "columns",
    "database",
    "health",
    "ledger",
    "log",
    "metrics",
    "outbox",
    "partitions",
    "persons",
    "postgresql",
    "readmodel",
    "runs",
    "sqlite",
    "tables",
    "ticks",
}
EVIDENCE = {"changes", "evidence", "heads", "receipts"}
MAY_IMPORT = {
    "errors": set(),
    "forms": set(),
    "progress": set(),
    "written": {"errors"},
    "extras": {"errors"},
    "charts": {"errors", "extras", "written"},
    "frames": {"charts", "errors", "extras"},
    "model": {"errors", "forms", "frames"},
    "validation": {"errors", "forms"},
    "yaml12": {"errors"},
    "vocabulary": {"validation"},
    "cited": {"model"},
    "identifiers": {"validation"},
    "naming": {"naming"},
    "resolution": {"naming"},
    "names": NAMES | {"model"},
    "decisions": {"forms", "model", "names", "resolution"},
    "parties": {"errors", "model"},
    "where": {"forms", "model"},
    "rules": {"forms", "model", "where"},
    "schema": {"rules", "vocabulary"},
    "evaluators": {"errors", "evaluators", "model", "rules"},
    "ruleset": LANGUAGE,
    "world": {"evaluators", "forms", "model"},
    "listing": {"errors", "model"},
    "comparison": {"errors", "listing", "model"},
    "spells": {"comparison", "errors", "forms", "listing", "model", "validation"},
    "formats": {"errors", "formats", "identifiers", "listing", "model", "names", "naming"}
    | {"notices", "validation"},
    "coding": {"coding", "validation", "yaml12"},
    "notices": {"errors", "notices"},
    "sources": GROUND
    | {"coding", "formats", "identifiers", "listing", "notices", "sources", "spells"},
    "fetching": {"__version__", "errors", "fetching"},
    "mapping": GROUND | {"formats", "sources", "yaml12"},
    "roster": {"decisions", "evaluators", "model", "names", "resolution"},
    "told": LOG - {"standing", "told"} | {"errors", "evaluators", "model", "ruleset"},
    "standing": LOG | {"evaluators", "forms", "model", "ruleset", "where"},
    "matters": {"evaluators", "rules", "told", "where"},
    "walks": {"evaluators", "matters", "model", "roster", "rules", "told"},
    "reach": {"evaluators", "matters", "rules", "told", "world"},
    "pieces": {"evaluators", "told"},
    "layer": ENGINE - {"layer", "bearing", "cited", "sums", "scoring"}
    | {"errors", "evaluators", "roster", "rules", "told"},
    "sums": {"evaluators", "forms", "layer", "pieces", "told"},
    "bearing": {"cited", "evaluators", "forms", "layer", "model", "reach", "roster", "told"},
    "scoring": ENGINE - {"scoring", "cited"}
    | {"errors", "evaluators", "forms", "model", "ruleset", "standing", "roster"},
    "examples": {"forms", "matters", "model", "rules", "ruleset", "standing", "scoring", "told"},
    "whatif": {"evaluators", "model", "scoring"},
    "foresight": {
        "evaluators",
        "forms",
        "model",
        "ruleset",
        "scoring",
        "standing",
        "told",
        "whatif",
    },
    "across": ENGINE - {"across", "cited"} | {"evaluators", "forms", "roster", "rules", "told"},
    "overview": {"across", "charts", "errors", "evaluators", "frames", "model", "scoring"},
    "companyview": {"forms", "model", "scoring", "standing"},
    "matterview": {"across", "cited", "evaluators", "model", "scoring", "standing"},
    "finding": {"evaluators", "forms", "model", "names", "standing"},
    "evidence": {"errors"},
    "heads": {"errors", "evidence"},
    "results": {"charts", "cited", "examples", "foresight", "forms", "frames", "model"}
    | {"whatif"},
    "exporting": {"errors", "extras", "forms", "frames", "model", "progress", "results", "roster"}
    | {"standing", "written"},
    "receipts": {"errors", "evidence", "model", "results"},
    "changes": {"model", "standing"},
    "tables": {"forms"},
    "sqlite": {"errors", "tables"},
    "partitions": {"errors", "tables"},
    "postgresql": {"errors", "partitions", "tables"},
    "database": {"errors", "postgresql", "sqlite", "tables", "validation"},
    "archive": {"errors", "evidence", "extras", "heads", "model", "tables", "written"},
    "log": {"archive", "database", "errors", "evidence", "forms", "model", "tables"},
    "sealing": {"archive", "database", "errors", "evidence", "ledger", "log", "progress", "tables"},
    "ledger": {"database", "errors", "evidence", "forms", "heads", "log", "tables"},
    "readmodel": {"database", "tables"},
    "ticks": {"database", "ledger", "tables"},
    "runs": {"database", "ledger", "model", "tables", "ticks"},
    "outbox": {"database", "tables"},
    "channels": {"__version__", "channels", "errors", "fetching"},
    "delivery": {"channels", "errors", "outbox"},
    "persons": {"database", "errors", "model", "names", "tables"},
    "columns": {"database", "extras", "ledger"},
    "backup": {"database", "errors", "evidence", "heads", "ledger", "progress", "tables"},
    "reports": {"decisions", "errors"},
    "intake": GROUND
    | {"decisions", "formats", "ledger", "persons", "progress", "reports", "sources"}
    | {"spells"},
    "copies": {
        "fetching",
        "comparison",
        "decisions",
        "errors",
        "formats",
        "intake",
        "ledger",
        "listing",
        "model",
        "persons",
    }
    | {"reports", "spells"},
    "newcomers": {"bearing", "evaluators", "model", "ruleset", "scoring", "standing"},
    "replay": {
        "ledger",
        "model",
        "names",
        "newcomers",
        "persons",
        "progress",
        "ruleset",
        "standing",
        "scoring",
        "told",
    },
    "witness": GROUND
    | STORE
    | EVIDENCE
    | {"archive", "bulk", "intake", "progress", "replay", "sealing", "settings", "standing"},
    "bulk": (ENGINE - {"across"})
    | {"__version__", "bulk", "database", "errors", "evaluators", "extras", "forms", "ledger"}
    | {"model", "names", "parties", "persons", "progress", "replay", "roster", "rules"}
    | {"ruleset", "settings", "standing", "told", "where", "written"},
    "matching": {"decisions", "ledger", "model", "names", "naming", "parties", "readmodel"}
    | {"replay"},
    "review": LOG | {"evaluators", "model", "resolution", "scoring"},
    "analyst": GROUND
    | {"decisions", "intake", "ledger", "matching", "names", "progress", "resolution"}
    | {"review", "settings", "witness"},
    "gathering": GROUND
    | {"analyst", "copies", "database", "decisions", "formats", "intake", "ledger", "listing"}
    | {"mapping", "progress", "reports", "sources", "witness"},
    "fetcher": {"errors", "fetching", "gathering", "listing", "progress", "reports"} | {"sources"},
    "alerts": {"memory", "model"},
    "memory": {"forms"},
    "listed": {"evaluators", "standing"},
    "messages": {"alerts", "errors", "forms"},
    "alarm": STORE
    | {"alerts", "evaluators", "intake", "messages", "model", "receipts", "replay", "results"}
    | {"listed", "memory", "settings", "standing"},
    "ran": {"errors", "frames"},
    "recalculation": GROUND
    | STORE
    | {"alarm", "config", "fetcher", "intake", "messages", "ran", "results", "ruleset"}
    | {"settings"},
    "looking": GROUND
    | {"across", "companyview", "finding", "matterview", "names", "overview", "progress"}
    | {"recalculation", "results", "ruleset", "scoring", "standing", "whatif", "witness"},
    "status": {"errors", "outbox"},
    "health": {"database", "errors", "forms", "ledger", "outbox", "settings", "status", "tables"},
    "metrics": {"__version__", "database", "model", "outbox", "runs", "status", "tables"},
    "logs": {"errors", "forms", "settings", "validation"},
    "serving": {"checked", "errors", "logs", "metrics", "monitor", "settings", "status"},
    "monitor": GROUND
    | STORE
    | {"config", "exporting", "foresight", "frames", "looking", "progress"}
    | {"results", "ruleset", "scoring", "settings", "standing", "status", "whatif", "witness"},
    "web": GROUND
    | {"__version__", "changes", "checked", "companyview", "decisions"}
    | {"examples", "exporting", "extras", "finding", "frames", "gathering", "looking", "matterview"}
    | {"monitor", "overview", "ran", "receipts", "results", "review", "riskmon", "rules"}
    | {"ruleset", "settings", "status", "web", "whatif"},
    "work": {"errors", "fetching", "logs", "monitor", "reports", "settings", "ticks"},
    "schedule": {"channels", "delivery", "errors", "monitor", "settings", "ticks", "timetable"}
    | {"work"},
    "show": GROUND
    | {"changes", "evidence", "reports", "results", "rules", "ruleset", "status"}
    | {"vocabulary"},
    "show_rules": {"errors", "examples", "foresight", "results", "show", "whatif"},
    "show_runs": {"errors", "outbox", "ran"},
    "show_sources": {"decisions", "errors", "fetcher", "gathering"},
    "show_config": GROUND | {"checked", "config", "settings", "toml"},
    "show_names": {"analyst", "errors", "resolution", "review"},
    "timetable": {"forms"},
    "toml": {"errors"},
    "checked": {"validation"},
    "settings": {"checked", "forms", "timetable", "validation"},
    "config": {"errors", "settings", "sources", "toml", "validation"},
    "demo": {"database", "model", "monitor", "riskmon", "show", "witness"},
    "__main__": {"cli"},
    "cli_common": {
        "config",
        "database",
        "errors",
        "forms",
        "logs",
        "monitor",
        "results",
        "riskmon",
    },
    "cli_evidence": EVIDENCE
    | {"cli_archive", "cli_common", "errors", "forms", "model", "results", "show"},
    "cli_archive": {"cli_common"},
    "cli_config": {"cli_common", "config", "database", "show_config"} | {"riskmon"},
    "mcp": {
        "__version__",
        "errors",
        "forms",
        "model",
        "monitor",
        "results",
        "riskmon",
    },
    "cli_mcp": {"cli_common", "extras", "mcp"},
    "cli_export": {"cli_common"},
    "cli_serve": {"cli_common", "errors", "logs", "web"},
    "cli_run": {"cli_common", "errors", "logs", "schedule", "serving", "show_runs"} | {"riskmon"},
    "cli_rules": {"cli_common", "database", "errors", "examples", "ruleset", "show_rules"}
    | {"riskmon"},
    "cli_names": {"cli_common", "errors", "show_names"} | {"riskmon"},
    "cli_sources": {"cli_common", "errors", "fetching", "riskmon", "show", "show_sources"},
    "cli": {
        "__version__",
        "cli_common",
        "cli_config",
        "cli_names",
        "cli_evidence",
        "cli_export",
        "cli_mcp",
        "cli_run",
        "cli_rules",
        "cli_serve",
        "cli_sources",
        "demo",
        "errors",
        "monitor",
    }
    | {"reports", "riskmon", "show", "status"},
    "__init__": {"errors", "model", "monitor"},
}
"""Room -> rooms it may import; what stands higher is never imported by what stands lower."""


def room(file: Path) -> str:
    return file.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(file: Path) -> set[str]:
    """Return the dotted names of all modules that a file imports, at its top or later."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= names if node.module == "riskmon" else {str(node.module)}
    return found


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_a_room_imports_only_what_stands_below_it(file: Path) -> None:
    """The table above, whole; SQLAlchemy only where the store is."""
    ours = {name for name in imported(file) if name.split(".")[0] == "riskmon"}
    rooms = {name.split(".")[1] if "." in name else "riskmon" for name in ours}
    assert set() == rooms - MAY_IMPORT[room(file)]
    if room(file) not in STORE:
        assert "sqlalchemy" not in {name.split(".")[0] for name in imported(file)}


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_files_and_functions_stay_readable(file: Path) -> None:
    """Files rarely over 300 lines (none over 350), functions none over 50."""
    text = file.read_text("utf-8")
    assert len(text.splitlines()) <= 350
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            assert (node.end_lineno or 0) - node.lineno < 50, node.name


def test_the_monitor_alone_reads_the_clock() -> None:
    """Everything below is given the moment it is."""
    clock = re.compile(r"\.(now|utcnow|today)\(|\btime\.time\(")
    readers = [room(file) for file in FILES if clock.search(file.read_text("utf-8"))]
    assert ["monitor"] == readers


BANNED = {
    "signal": "event",
    "incident": "event",
    "item": "the noun it is",
    "items": "the noun it is",
    "record": "entry or row",
    "records": "entries or rows",
    "manager": "what it does",
    "service": "what it does",
    "handler": "what it does",
    "utils": "the room it belongs to",
    "helpers": "the room it belongs to",
}


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_names_come_from_the_field(file: Path) -> None:
    """No name has one of the words that say nothing."""
    names = {file.stem}
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Name):
            names.add(node.id)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.arg):
            names.add(node.arg)
    words = {word for name in names for word in re.findall(r"[a-z]+|[A-Z][a-z]+", name)}
    assert {} == {word: BANNED[word.lower()] for word in words if word.lower() in BANNED}


AMERICAN = ["behavior", "color", "normalize", "recognize", "judgment", "canceled", "favorite"]


def test_the_spelling_is_british() -> None:
    """In code, rules and documents alike."""
    files = [*FILES, *ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("rules/*.yaml")]
    found = {
        (str(file.relative_to(ROOT)), word)
        for file in files
        for word in AMERICAN
        if re.search(rf"(?<!unicodedata\.)\b{word}", file.read_text("utf-8"), re.IGNORECASE)
    }
    assert set() == found


def test_public_names_say_what_they_are() -> None:
    """`riskmon.open` and the others are there, each with a docstring."""
    for name in riskmon.__all__:
        assert getattr(riskmon, name).__doc__, name
    with pytest.raises(AttributeError, match="no attribute 'close'"):
        _ = riskmon.close
