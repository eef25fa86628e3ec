"""Sources: each file here reads one format into events or companies; found by being there.

A source module has `read(stream)`: it takes an open binary stream and yields a `Row` for each row
of it, with an `Event`, `Withdrawal`, `Draft`, `Company`, `Holding`, `Note` or a list of problems;
it has no clock, no network and no database. One whose input may lack the day it is of takes it as
`read(stream, day)`. A list, whose next copy says what changed, has `SHAPE`, `entries` and `listing`
instead (`riskmon.listing`). Its docstring's first line says what it reads; `tests/samples/<name>/`
holds a sample. From outside the package, sources come by the entry points `riskmon.sources`: each
names a module; one of the same name takes the place of riskmon's own.
"""

from __future__ import annotations

import inspect
import pkgutil
from collections.abc import Callable, Iterator
from datetime import date
from functools import cache, partial
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, BinaryIO, cast

from riskmon.errors import InputError, Problem, UsageError
from riskmon.formats import packed
from riskmon.listing import Module
from riskmon.model import Row
from riskmon.spells import first
from riskmon.validation import did_you_mean

Read = Callable[[BinaryIO], Iterator[Row]]


@cache
def plugged() -> dict[str, EntryPoint]:
    """Return the sources from outside the package, by name."""
    return {one.name: one for one in entry_points(group="riskmon.sources")}


def names() -> list[str]:
    """Return the names of all sources, as `ingest --source` takes them."""
    own = {module.name.replace("_", "-") for module in pkgutil.iter_modules(__path__)}
    return sorted(own.union(plugged()))


def module(name: str) -> Any:
    """Return the module of the source `name`; UsageError where there is none, or it is broken."""
    if name in plugged():
        try:
            return plugged()[name].load()
        except Exception as error:
            raise UsageError(
                f"the source {name!r} that is plugged in cannot be loaded: {error}"
            ) from error
    if name not in names():
        hint = did_you_mean(name, names())
        raise UsageError(f"no source {name!r}{hint}; there are: {', '.join(names())}")
    return import_module(f"{__name__}.{name.replace('-', '_')}")


def list_of(name: str) -> Module | None:
    """Return the module of the source `name` where it is a list, else None."""
    found = module(name)
    return cast("Module", found) if hasattr(found, "SHAPE") else None


def reader(name: str, day: date | None = None) -> Read:
    """Return the `read` of the source `name`; UsageError where there is none.

    `day`: the day that an input is of, where it may not say so itself. A list is read as its first
    copy.
    """
    found = module(name)
    if not hasattr(found, "read"):
        return partial(_first, found, day)
    read = found.read
    return partial(read, day=day) if "day" in inspect.signature(read).parameters else read


def _first(found: Module, day: date | None, stream: BinaryIO) -> Iterator[Row]:
    path = Path()
    try:
        with packed.spooled(stream) as path, packed.parts(path) as parts:
            yield from first(found, parts, day)
    except InputError as error:
        yield Row(0, "", [Problem(str(error).removeprefix(f"{path}: "))])
