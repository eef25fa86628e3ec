"""Sources: each file here reads one format into events or companies; found by being there.

A source module has `read(stream)`: it takes an open binary stream and yields a `Row` for each row
of it, with an `Event`, `Withdrawal`, `Company`, `Holding` or a list of problems; it has no clock,
no network and no database. Its docstring's first line says what it reads; `tests/samples/<name>/`
holds a sample.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import BinaryIO

from riskmon.errors import UsageError
from riskmon.model import Row
from riskmon.validation import did_you_mean

Read = Callable[[BinaryIO], Iterator[Row]]


def names() -> list[str]:
    """Return the names of all sources, as `ingest --source` takes them."""
    return sorted(module.name.replace("_", "-") for module in pkgutil.iter_modules(__path__))


def reader(name: str) -> Read:
    """Return the `read` of the source `name`; UsageError where there is none."""
    if name not in names():
        hint = did_you_mean(name, names())
        raise UsageError(f"no source {name!r}{hint}; there are: {', '.join(names())}")
    read: Read = import_module(f"{__name__}.{name.replace('-', '_')}").read
    return read
