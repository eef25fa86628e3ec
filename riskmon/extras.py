"""Libraries that are imported when they are needed, and may not be there."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from riskmon.errors import MissingExtraError


def library(name: str, extra: str) -> Any:
    """Return a module of a library; MissingExtraError says by which extra it is installed."""
    try:
        return import_module(name)
    except ImportError:
        raise MissingExtraError(name.partition(".")[0], extra) from None
