"""Read the configuration: RISKMON_* over a file over defaults, every problem of it at once."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, get_args

from pydantic import ValidationError

from riskmon import sources, toml
from riskmon.errors import Problem, UsageError
from riskmon.settings import Config, Engine
from riskmon.toml import Steps
from riskmon.validation import did_you_mean, fields_at, path, problems_of, shown

__all__ = ["Config", "Origin", "Read", "load", "path", "read"]

MOST_BYTES = 1 << 20
PREFIX = "RISKMON_"
VARIABLE, HERE = "RISKMON_CONFIG", "riskmon.toml"
SQLITE = re.compile(r"sqlite(?:\+pysqlite)?:///(?!/|:memory:)(?=.)")
"""The beginning of the URL of a file whose path is relative."""
SECRETS = {"url", "secret", "apprise"}
"""Of a channel."""

log = logging.getLogger("riskmon")


class Origin(NamedTuple):
    """Where a value was given."""

    file: str
    """Or the variable."""
    line: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


class Read(NamedTuple):
    """A configuration, and where each value of it that was given was given."""

    config: Config
    origins: dict[Steps, Origin]
    """Of tables, lists and what is in them, too; none of a default."""


def load(file: str | None = None, environ: Mapping[str, str] | None = None) -> Config:
    """Return the configuration.

    `file`: default RISKMON_CONFIG, else `riskmon.toml` in the working folder where there is one.
    Raises UsageError with every problem at once. A variable that is not known is warned of.
    """
    return read(file, environ).config


def read(file: str | None = None, environ: Mapping[str, str] | None = None) -> Read:
    """Return the configuration as `load` does, with where each value was given."""
    given = {
        name: value
        for name, value in (os.environ if environ is None else environ).items()
        if name.startswith(PREFIX) and value  # an empty variable is as none
    }
    origins: dict[Steps, Origin] = {}
    data = _from_file(file or given.pop(VARIABLE, None), origins)
    given.pop(VARIABLE, None)
    problems = _take_variables(data, given, origins)
    problems += _misnamed(data)
    config = None
    try:
        config = Config.model_validate(data)
    except ValidationError as error:
        problems += problems_of(error, Config, data, _is_secret)
    if config is None or problems:
        raise UsageError(_said([_placed(one, origins) for one in problems]))
    return Read(config, origins)


def _is_secret(steps: Sequence[str | int]) -> bool:
    """Whether what stands at a place is a secret, or may hold one."""
    if steps[:1] == ("channels",):
        return len(steps) < 3 or steps[2] in SECRETS  # noqa: PLR2004 (channels, its name, its field)
    if tuple(steps[:2]) in {("fetch",), ("web",), ("web", "token")}:
        return True
    return steps[:1] == ("database_url",) or steps[1:2] == ("urls",)


def _from_file(given: str | None, origins: dict[Steps, Origin]) -> dict[str, Any]:
    file = given or HERE
    try:
        with Path(file).open("rb") as opened:
            raw = opened.read(MOST_BYTES + 1)
    except FileNotFoundError:
        if given is None:
            return {}
        raise UsageError(f"{file}: expected a configuration, and there is no such file") from None
    except OSError as error:
        raise UsageError(f"{file}: the configuration cannot be read: {error.strerror}") from None
    if len(raw) > MOST_BYTES:
        raise UsageError(f"{file}: expected a configuration of at most {MOST_BYTES:,} bytes")
    try:
        found = toml.read(raw.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        found = Problem("expected text in UTF-8", line=raw.count(b"\n", 0, error.start) + 1)
    if isinstance(found, Problem):
        raise UsageError(_said([replace(found, file=file)]))
    data, lines = found
    origins.update({steps: Origin(file, line) for steps, line in lines.items()})
    return _beside(data, Path(file).parent)


def _beside(data: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Return values whose relative paths begin where the file is, not where the process runs."""
    url = data.get("database_url")
    for name in ("rules", "copy_folder", "archive"):
        if isinstance(path := data.get(name), str):
            data[name] = str(folder / path)
    relative = SQLITE.match(url) if isinstance(url, str) else None
    if relative:
        data["database_url"] = relative[0] + str(folder / relative.string[relative.end() :])
    return data


def _take_variables(
    data: dict[str, Any], given: Mapping[str, str], origins: dict[Steps, Origin]
) -> list[Problem]:
    """Put what variables say over what the file says; return what of it cannot be read."""
    problems: list[Problem] = []
    if not given:
        return problems
    from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsError

    class Settings(BaseSettings, Config):  # type: ignore[misc]  # each has a model_config
        pass

    source = EnvSettingsSource(Settings, env_prefix=PREFIX, env_nested_delimiter="__")
    for name, value in sorted(given.items()):
        steps = _steps(name)
        if steps is None:
            continue
        source.env_vars = {(PREFIX + "__".join(steps)).lower(): value}
        try:
            found = source()
        except SettingsError:
            wanted = """expected JSON, such as ["one", "two"] or {"name": "value"}"""
            problems.append(Problem(f"{wanted}, got other text", file=name, field=path(steps)))
            continue
        _merge(data, found)
        for place in toml.steps_of(found):
            if place[: len(steps)] == steps:
                origins[place] = Origin(name)
            else:
                origins.setdefault(place, Origin(name))
    return problems


def _steps(name: str) -> tuple[str, ...] | None:
    """Return the place that a variable names; None, and a warning, where there is none."""
    if name.startswith(f"{PREFIX}TEST_"):
        return None
    steps: tuple[str, ...] = ()
    for word in name.removeprefix(PREFIX).lower().split("__"):
        known = fields_at(Config, steps)
        if known and word not in known:
            names = ["__".join((*steps, one)).upper() for one in known]
            names.append(VARIABLE.removeprefix(PREFIX))
            hint = did_you_mean(name.removeprefix(PREFIX), names).replace(" '", f" '{PREFIX}")
            hint = hint or "; `riskmon config show` says what there is"
            log.warning("%s is not a variable of riskmon%s", name, hint)
            return None
        steps = (*steps, word if known else word.replace("_", "-"))
    return steps


def _merge(data: dict[str, Any], over: Mapping[str, Any]) -> None:
    for key, value in over.items():
        if isinstance(value, dict) and isinstance(data.get(key), dict):
            _merge(data[key], value)
        else:
            data[key] = value


def _misnamed(data: dict[str, Any]) -> list[Problem]:
    """Return the channels and sources that are named and that there are not."""
    channels = _inside(data, "channels")
    lists: list[Steps] = [("alerts", "to")]
    rules = _inside(data, "alerts").get("rules")
    lists += [("alerts", "rules", number, "to") for number in range(len(_list(rules)))]
    problems = [
        problem for steps in lists for problem in _unknown(data, steps, "channel", list(channels))
    ]
    jobs: list[Steps] = [("jobs", job, "fetch") for job in _inside(data, "jobs")]
    if any(_at(data, steps) for steps in [*jobs, ("fetch", "urls")]):
        known = sources.names()
        for steps in jobs:
            problems += _unknown(data, steps, "source", [*known, "all"])
        if isinstance(_at(data, ("fetch", "urls")), dict):  # else its values are no names
            problems += _unknown(data, ("fetch", "urls"), "source", known)
    return problems


def _unknown(
    data: dict[str, Any], steps: Steps, kind: str, known: Sequence[str]
) -> Iterator[Problem]:
    """Yield each name of a list, or key of a map, that is not known."""
    found = _at(data, steps)
    pairs = [(name, name) for name in found] if isinstance(found, dict) else enumerate(_list(found))
    for step, name in pairs:
        if isinstance(name, str) and name not in known:
            advice = "see `riskmon sources`" if kind == "source" else f"add [channels.{name}]"
            place = (*steps, step)
            hint = did_you_mean(name, known) or f": {advice}"
            yield Problem(f"there is no {kind} {shown(name)}{hint}", "", 0, path(place), place)


def _at(data: Any, steps: Steps) -> Any:
    """Return what stands at a place; None where there is nothing."""
    for step in steps:
        if isinstance(step, int):
            data = _list(data)[step] if step < len(_list(data)) else None
        else:
            data = data.get(step) if isinstance(data, dict) else None
    return data


def _inside(data: dict[str, Any], name: str) -> dict[str, Any]:
    found = data.get(name)
    return found if isinstance(found, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _placed(problem: Problem, origins: Mapping[Steps, Origin]) -> Problem:
    """Return a problem with where the value was given, or the table that it is in."""
    steps = problem.location
    while steps and steps not in origins:
        steps = steps[:-1]
    return replace(problem, **origins[steps]._asdict()) if steps else problem


def _said(problems: Sequence[Problem]) -> str:
    count = len(problems)
    heading = f"{count} problem{'s' * (count > 1)} in the configuration:"
    ordered = sorted(problems, key=lambda one: (one.file, one.line))
    return "\n  ".join([heading, *map(str, ordered)])


def engine_of(config: Config, engine: str | None, master: str | None) -> Config:
    """Return the configuration with another engine, where one is given."""
    asked = {"engine": engine, "master": master}
    given = {name: value for name, value in asked.items() if value is not None}
    if engine not in {None, *get_args(Engine)}:
        raise UsageError(f"expected an engine: {', '.join(get_args(Engine))}; got {engine!r}")
    return config.model_copy(update=given)
