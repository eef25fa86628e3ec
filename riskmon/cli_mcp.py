"""The command that answers assistants: the monitor over MCP, on standard input and output."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Callable
from typing import Any

from riskmon.cli_common import opened


def add_mcp(add: Callable[..., Any], *parents: Any) -> None:
    """Add `mcp`."""
    add("mcp", _mcp, "answer an assistant over MCP, on standard input and output", *parents)


def _mcp(arguments: argparse.Namespace) -> int:
    from riskmon.extras import library

    library("mcp", "mcp")
    from riskmon.mcp import server

    logging.basicConfig(level=logging.WARNING, format="riskmon: %(message)s")  # else mcp's own
    with opened(arguments, make=False) as monitor:
        server(monitor).run("stdio")
    return 0
