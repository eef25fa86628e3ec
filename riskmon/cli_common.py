"""What commands share: opening, both clocks, and the two ways of printing."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from riskmon.errors import UsageError, safe

if TYPE_CHECKING:
    from riskmon.monitor import Monitor


def say(message: object) -> None:
    """Print a note to standard error, with nothing in it that acts on a terminal."""
    for line in str(message).splitlines():
        print(f"riskmon: {safe(line)}", file=sys.stderr)


def opened(arguments: argparse.Namespace) -> Monitor:
    """Open the monitor that `--database` and `--rules` name."""
    import riskmon

    if arguments.database in {"sqlite://", "sqlite:///", "sqlite:///:memory:"}:
        raise UsageError("a database in memory keeps nothing from one command to the next")
    return riskmon.open(arguments.database, rules=arguments.rules)


def print_json(value: object) -> None:
    """Print a result as one JSON document."""
    from riskmon.results import to_json

    print(json.dumps(to_json(value), ensure_ascii=False, indent=1))


def out(arguments: argparse.Namespace, value: object, shown: Callable[[], None]) -> int:
    """Print a result as JSON where `--json` asks for it, else by `shown`."""
    if arguments.json:
        print_json(value)
    else:
        shown()
    return 0


def place(given: str) -> str | int:
    """Return a place in the log: a position where it is a number, else a moment."""
    return int(given) if given.isdecimal() else given


def clocks(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return `known_at`, and `as_of` where the command has it."""
    known_at = arguments.known_at
    known: dict[str, Any] = {"known_at": place(known_at) if known_at else known_at}
    return known | ({"as_of": arguments.as_of} if "as_of" in arguments else {})
