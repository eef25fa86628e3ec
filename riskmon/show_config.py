"""What a person reads of the configuration: each value, where it comes from, and no secret."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from pydantic import SecretStr

from riskmon.checked import Checked
from riskmon.config import Read, path
from riskmon.errors import safe
from riskmon.forms import duration_text
from riskmon.settings import Quiet
from riskmon.toml import Steps
from riskmon.validation import MASK

DEFAULT = "default"
NAMED = 2
"""Steps to a part that the user named or listed, such as a channel."""


def rows(found: Read, defaults: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Return by path each value as plain JSON, and where it comes from.

    `defaults`: what the absence of a value comes to.
    """
    shown = {}
    for steps, value in _leaves(found.config, ()):
        name = path(steps)
        plain = defaults.get(name) if value is None else _plain(value, steps)
        shown[name] = {"value": plain, "from": str(found.origins.get(steps, DEFAULT))}
    return shown


def table(found: Mapping[str, Mapping[str, Any]]) -> None:
    """Print a line for each value: its path, itself, where it comes from."""
    told = [(name, _text(row["value"]), row["from"]) for name, row in found.items()]
    widths = [max(len(row[column]) for row in told) for column in (0, 1)]
    for name, value, origin in told:
        print(safe(f"{name:<{widths[0]}}  {value:<{widths[1]}}  {origin}"))


def _text(value: Any) -> str:
    if value is None or value == {}:
        return "-"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _leaves(part: Any, at: Steps) -> Iterator[tuple[Steps, Any]]:
    """Yield the place and the value of each setting; of a named part only what has a value."""
    if isinstance(part, Checked):
        for name in type(part).model_fields:
            value = getattr(part, name)
            if value is not None or len(at) < NAMED:
                yield from _leaves(value, (*at, name))
    elif isinstance(part, dict) and part:
        for name, value in part.items():
            yield from _leaves(value, (*at, name))
    elif isinstance(part, tuple) and part and isinstance(part[0], Checked):
        for number, value in enumerate(part):
            yield from _leaves(value, (*at, number))
    else:
        yield at, part


def _plain(value: Any, at: Steps) -> Any:
    if isinstance(value, SecretStr):
        return MASK if at[0] in {"channels", "web"} else _without_secrets(value.get_secret_value())
    if isinstance(value, timedelta):
        return duration_text(value)
    if isinstance(value, tuple) and not isinstance(value, Quiet):
        return list(value)
    return value if isinstance(value, bool | int | float | dict) else str(value)


def _without_secrets(url: str) -> str:
    """Return a URL without who asks and without its query, both of which may hold a secret."""
    before, mark, _ = url.partition("?")
    scheme, slashes, rest = before.partition("://")
    _, at, where = rest.rpartition("@")
    return "".join([scheme, slashes, MASK * bool(at), at, where, mark, MASK * bool(mark)])
