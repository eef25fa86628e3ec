"""What is configured, and where each value comes from."""

from __future__ import annotations

import argparse
from typing import Any

from riskmon.cli_common import file, out


def add_file(parser: argparse.ArgumentParser) -> None:
    """Add `--config`."""
    parser.add_argument(
        "--config",
        type=file,
        metavar="FILE",
        help="(default: RISKMON_CONFIG, else ./riskmon.toml where there is one)",
    )


def add_config(commands: Any) -> None:
    """Add `config show`."""
    text = "what is configured, and where each value comes from"
    group = commands.add_parser("config", help=text, description=text)
    members = group.add_subparsers(metavar="COMMAND", required=True)
    text = "every value with where it comes from; secrets are masked"
    show = members.add_parser("show", help=text, description=text)
    add_file(show)
    show.add_argument("--json", action="store_true", help="print one JSON document")
    show.set_defaults(run=_show)


def _show(arguments: argparse.Namespace) -> int:
    from riskmon import show_config
    from riskmon.config import read
    from riskmon.database import default_url, shipped

    defaults = {"database_url": default_url(), "rules": str(shipped("rules"))}
    rows = show_config.rows(read(arguments.config), defaults)
    return out(arguments, rows, lambda: show_config.table(rows))
