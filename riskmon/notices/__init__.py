"""Notices: the words, patterns and codes by which what is published is read, as data.

Each `*.json` is a table that a person can read and argue with; `words` gives it. What is here knows
no source, no clock and no database.
"""

from __future__ import annotations

import json
from functools import lru_cache
from importlib.resources import files
from typing import Any


@lru_cache(maxsize=16)
def words(name: str) -> Any:
    """Return the table `name`.json of this folder."""
    return json.loads((files(__package__) / f"{name}.json").read_text("utf-8"))
