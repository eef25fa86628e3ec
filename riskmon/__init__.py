"""Riskmon: every event as each source told it, and scores that can be explained and recomputed.

import riskmon

monitor = riskmon.open("sqlite:///risk.db")
monitor.declare("companies.jsonl")
monitor.ingest("events.jsonl")
monitor.score("Baidu", as_of="2024-02-12").lines
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from riskmon.errors import RiskmonError as RiskmonError
    from riskmon.model import Company as Company
    from riskmon.model import Event as Event
    from riskmon.model import Score as Score
    from riskmon.monitor import Monitor as Monitor
    from riskmon.monitor import open as open  # noqa: A004

__version__ = "0.1.0"

_HOMES = {
    "open": "monitor",
    "Monitor": "monitor",
    "Event": "model",
    "Company": "model",
    "Score": "model",
    "RiskmonError": "errors",
}
__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    """Load public names when they are first used: importing riskmon costs nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module 'riskmon' has no attribute {name!r}")
    return getattr(import_module(f"riskmon.{_HOMES[name]}"), name)
