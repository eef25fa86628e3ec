"""What commands share: opening, both clocks, and the two ways of printing."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from riskmon.errors import DatabaseError, InputError, UsageError, safe

if TYPE_CHECKING:
    from riskmon.monitor import Monitor

MOST = 2**63 - 1


def say(message: object) -> None:
    """Print a note to standard error, once, with nothing in it that acts on a terminal."""
    text = str(message)
    for mask in _masks:
        text = mask(text)
    if text not in _said:
        _said.add(text)
        for line in text.splitlines():
            print(f"riskmon: {safe(line)}", file=sys.stderr)


_said: set[str] = set()
"""What opening a ledger warns of, and what a command then fails for, may be the same."""

_masks: list[Callable[[str], str]] = []
"""What hides the secrets of the configuration, once that is read."""


def configured(arguments: argparse.Namespace) -> None:
    """Put the configuration in the place of its file's name, and what it says under the options."""
    if "database" not in arguments:  # a command that needs none
        return
    from riskmon.config import load
    from riskmon.logs import masking

    config = load(arguments.config)
    url = config.database_url
    arguments.database = arguments.database or (url.get_secret_value() if url else None)
    arguments.rules = arguments.rules or config.rules
    arguments.config = config
    _masks[:] = [masking(config, arguments.database or "")]


def opened(arguments: argparse.Namespace, *, make: bool = True) -> Monitor:
    """Open the monitor that `--database` and `--rules` name; `make` one where there is none."""
    import riskmon
    from riskmon.database import is_there

    if arguments.database in {"sqlite://", "sqlite:///", "sqlite:///:memory:"}:
        raise UsageError("a database in memory keeps nothing from one command to the next")
    if not make and not is_there(arguments.database):
        raise DatabaseError(f"{arguments.database or 'the default database'}: there is none")
    return riskmon.open(arguments.database, rules=arguments.rules, config=arguments.config)


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


def file(given: str) -> str:
    """Return the name of a file that an option gave; an empty one is none."""
    if not given:
        raise argparse.ArgumentTypeError("expected a file, got nothing")
    return given


def position(given: str) -> int:
    """Return a position that an option gave."""
    if not given.isdecimal() or len(given) > len(str(MOST)) or int(given) > MOST:
        raise argparse.ArgumentTypeError(f"expected a position, got {given[:40]!r}")
    return int(given)


def counted(number: int, noun: str) -> str:
    """Return a number and its noun, such as `1 rule` and `2 rules`."""
    return f"{number:,} {noun}{'s' * (number != 1)}"


def text_of(file: str) -> str:
    """Return the text of a file, of standard input for `-`."""
    try:
        if file != "-":
            return Path(file).read_text("utf-8", "replace")
        if sys.stdin is None:
            raise UsageError("standard input is closed")
        return sys.stdin.read()
    except OSError as error:
        raise InputError(f"{file}: cannot be read: {error.strerror}") from None


def clocks(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return `known_at`, and `as_of` where the command has it."""
    from riskmon.forms import place

    known_at = arguments.known_at
    known: dict[str, Any] = {"known_at": place(known_at) if known_at else known_at}
    return known | ({"as_of": arguments.as_of} if "as_of" in arguments else {})
