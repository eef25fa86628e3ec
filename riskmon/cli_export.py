"""The command that writes scores, lines and events for other programs."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import Any

from riskmon.cli_common import clocks, counted, file, opened, say


def add_export(add: Callable[..., Any], *parents: Any) -> None:
    """Add `export`."""
    one = add("export", _export, "write scores, lines or events as csv, jsonl or parquet", *parents)
    one.add_argument("what", choices=("scores", "lines", "events"), help="a row for each")
    one.add_argument(
        "--format",
        choices=("csv", "jsonl", "parquet"),
        help="(default: what FILE ends in, else csv)",
    )
    one.add_argument(
        "--output", metavar="FILE", type=file, default="-", help="(default: standard output)"
    )


def _export(arguments: argparse.Namespace) -> int:
    named = arguments.output != "-"
    target = arguments.output if named else sys.stdout.buffer
    with opened(arguments) as monitor:
        count = monitor.export(arguments.what, target, form=arguments.format, **clocks(arguments))
    if named:
        say(f"{arguments.output}: {counted(count, 'row')}")
    return 0
