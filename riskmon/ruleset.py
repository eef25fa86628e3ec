"""A ruleset: every rule and publisher of a folder, checked whole, named by its digest."""

from __future__ import annotations

import hashlib
import json
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel

from riskmon.errors import Problem, RulesError
from riskmon.evaluators import BUILT_IN, Broken, evaluators
from riskmon.model import Event, Noun, Publisher
from riskmon.rules import Rule, Times
from riskmon.validation import check, did_you_mean, path, shown
from riskmon.vocabulary import Word
from riskmon.where import roles_of, words_of
from riskmon.yaml12 import MOST_BYTES, Document

PUBLISHERS = "publishers.yaml"


class Unusual(NamedTuple):
    """A word of a rule that no vocabulary has, and where it stands."""

    word: Word
    problem: Problem


@dataclass(frozen=True)
class Ruleset:
    """All rules in force, by id, with the publishers they weigh."""

    rules: tuple[Rule, ...]
    publishers: tuple[Publisher, ...]
    unusual: tuple[Unusual, ...] = ()
    """Words of the rules that the vocabulary does not have; the ledger may."""
    published: Mapping[str, str] | None = None
    """Versions of the evaluators by which it was published; None where it was not yet."""

    @cached_property
    def versions(self) -> Mapping[str, str]:
        """The versions of the evaluators that its rules use, by name."""
        if self.published is not None:
            return self.published
        used = sorted({rule.evaluator for rule in self.rules})
        return {name: evaluators()[name].VERSION for name in used if name in evaluators()}

    @cached_property
    def outdated(self) -> dict[str, str]:
        """Rules that cannot be computed as they were published, each with the reason."""
        found = {}
        for rule in self.rules:
            name, asked = rule.evaluator, self.versions.get(rule.evaluator)
            one = evaluators().get(name)
            has = one.VERSION if one is not None else None
            if has is None:
                found[rule.id] = f"there is no evaluator called {name!r}: install what has it"
            elif isinstance(one, Broken):
                found[rule.id] = f"{name}: {one.reason}"
            elif has != asked:
                found[rule.id] = (
                    f"published with version {asked} of the evaluator {name}, which is {has} here"
                )
        return found

    @cached_property
    def cannot_fail(self) -> bool:
        """Whether no rule can fail: no evaluator from outside, no factor above 1."""
        return all(
            rule.evaluator in BUILT_IN
            and all(
                max(one.times.values() if isinstance(one.times, dict) else [one.times]) <= 1
                for one in rule.stages.values()
                if isinstance(one, Times)
            )
            for rule in self.rules
        )

    @cached_property
    def body(self) -> str:
        """Canonical JSON of all that can move or explain a score: what publishing records."""
        value = {
            "evaluators": dict(self.versions),
            "publishers": [_bare(publisher) for publisher in self.publishers],
            "rules": [_bare(rule, "examples") for rule in self.rules],
        }
        return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of `body`, in hexadecimal: the ruleset's name."""
        return hashlib.sha256(self.body.encode()).hexdigest()

    @cached_property
    def by_id(self) -> dict[str, Rule]:
        """The rules by their ids."""
        return {rule.id: rule for rule in self.rules}

    def differences(self, other: Ruleset | None) -> dict[str, list[str]]:
        """Return the ids of rules that are new here against `other`, gone, and changed.

        Publishers are one of them, `publishers`.
        """
        old = other.by_id if other else {}
        parts = {name: _bare(rule, "examples") for name, rule in self.by_id.items()}
        before = {name: _bare(rule, "examples") for name, rule in old.items()}
        changed = [name for name in parts if name in before and parts[name] != before[name]]
        if other and self.publishers != other.publishers:
            changed.append("publishers")
        return {
            "added": sorted(parts.keys() - before.keys()),
            "removed": sorted(before.keys() - parts.keys()),
            "changed": sorted(changed),
        }

    @classmethod
    def from_body(cls, body: str) -> Ruleset:
        """Return the ruleset that an entry recorded."""
        value = json.loads(body)
        return cls(
            tuple(Rule.model_validate(rule) for rule in value["rules"]),
            tuple(Publisher.model_validate(publisher) for publisher in value["publishers"]),
            published=value["evaluators"],
        )


def _bare(noun: Noun, *without: str) -> dict[str, Any]:
    # Defaults are written out: should the code's change, what was published stays what it was.
    return noun.model_dump(mode="json", exclude_none=True, exclude=set(without))


def load_ruleset(folder: Path) -> Ruleset:
    """Return the rules and publishers of `folder`.

    Raises RulesError with every problem of every file: file, line, field, what was expected.
    """
    if folder.is_file():
        raise RulesError([Problem("is a file: give the folder that it is in", str(folder))])
    if not folder.is_dir():
        raise RulesError([Problem("expected a folder of rule files; there is none", str(folder))])
    problems: list[Problem] = []
    files: list[_File] = []
    for file in _files(folder):
        if file.suffix != ".yaml":
            problems.append(Problem("expected the ending .yaml: rename the file", str(file)))
            continue
        try:
            files.append(_checked_file(file, _read(file)))
        except OSError as error:
            message = f"cannot be read: {error.strerror or error}"
            problems.append(Problem(message, str(file)))
            continue
        problems += files[-1].problems
    if not (files or problems):
        problems.append(Problem("expected at least one rule file, *.yaml", str(folder)))
    if problems:
        raise RulesError(problems)
    publishers = sorted((one for file in files for one in file.publishers), key=lambda one: one.id)
    rules = tuple(file.rule for file in files if file.rule is not None)
    if not rules:
        raise RulesError([Problem("expected at least one rule file, *.yaml", str(folder))])
    return Ruleset(rules, tuple(publishers), tuple(one for file in files for one in file.unusual))


class _File(NamedTuple):
    """What a file of the folder says, and what is wrong with it."""

    rule: Rule | None
    publishers: tuple[Publisher, ...]
    problems: tuple[Problem, ...]
    unusual: tuple[Unusual, ...]


@lru_cache(maxsize=500)  # a folder is read again and again; most of it did not change
def _checked_file(file: Path, raw: bytes) -> _File:
    document = Document(raw, str(file))
    problems = [replace(one, field=path(one.location)) for one in document.problems]
    rule: Noun | None = None
    publishers: list[Publisher] = []
    unusual: list[Unusual] = []
    if problems:
        pass
    elif file.name == PUBLISHERS:
        publishers = list(_publishers(document, problems))
    elif not isinstance(document.value, dict):
        empty = "the file is empty" if document.value is None else "write each as NAME: VALUE"
        message = f"expected an object of fields, got {shown(document.value)}: {empty}"
        problems.append(Problem(message, document.file, 1))
    elif isinstance(rule := _checked(Rule, document, (), problems), Rule):
        if rule.id != file.stem:
            message = f"expected {file.stem!r}, the file's name, got {rule.id!r}"
            problems.append(Problem(message, str(file), document.line(("id",)), "id"))
        problems += _more(rule, document)
        unusual += _unusual(rule, document)
    found = rule if isinstance(rule, Rule) else None
    return _File(found, tuple(publishers), tuple(problems), tuple(unusual))


def _files(folder: Path) -> list[Path]:
    try:
        return sorted(one for one in folder.iterdir() if one.suffix.lower() in {".yaml", ".yml"})
    except OSError as error:
        raise RulesError([Problem(f"cannot be read: {error.strerror}", str(folder))]) from None


def _read(file: Path) -> bytes:
    if not stat.S_ISREG(file.stat().st_mode):  # a folder; a pipe that nobody writes to
        raise OSError("it is no file")
    with file.open("rb") as stream:
        return stream.read(MOST_BYTES + 1)


def _publishers(document: Document, problems: list[Problem]) -> Iterator[Publisher]:
    if not isinstance(document.value, list):
        got = "nothing" if document.value is None else shown(document.value)
        message = f"expected a list of publishers, each such as - id: reuters, got {got}"
        problems.append(Problem(message, document.file, 1))
        return
    seen: dict[str, int] = {}
    for index in range(len(document.value)):
        one = _checked(Publisher, document, (index,), problems)
        if isinstance(one, Publisher):
            if one.id in seen:
                before = document.line((seen[one.id], "id"))
                message = f"{one.id!r} is given twice: keep one (the first is on line {before})"
                line = document.line((index, "id"))
                problems.append(Problem(message, document.file, line, "id"))
            seen.setdefault(one.id, index)
            yield one


def _checked(
    model: type[Noun], document: Document, location: tuple[int, ...], problems: list[Problem]
) -> Noun | None:
    value = document.value
    for step in location:
        value = value[step]
    found = check(model, value)
    if isinstance(found, Noun):
        return found
    said = [
        replace(one, file=document.file, line=document.line((*location, *one.location)))
        for one in found
    ]
    problems += sorted(said, key=lambda one: one.line)
    return None


def _more(rule: Rule, document: Document) -> Iterator[Problem]:
    """Yield what is wrong with a rule that its own form does not show."""

    def problem(message: str, *location: str | int) -> Problem:
        return Problem(message, document.file, document.line(location), path(location))

    def inside(found: Problem, *location: str | int) -> Problem:
        line = document.line((*location, *found.location))
        field = path((*location, found.field) if found.field else location)
        return Problem(found.message, document.file, line, field)

    evaluator = evaluators().get(rule.evaluator)
    if evaluator is None:
        hint = (
            did_you_mean(rule.evaluator, evaluators()) or f"; there are {', '.join(evaluators())}"
        )
        yield problem(f"{rule.evaluator!r} is no evaluator{hint}", "evaluator")
    else:
        none = f"the evaluator {rule.evaluator} takes none: remove it"
        for found in _problems(evaluator.Parameters, rule.parameters):
            said = found if evaluator.Parameters.model_fields else replace(found, message=none)
            yield inside(said, "parameters")
        if evaluator.UNIT == "company" and (rule.scope or rule.ownership):
            field = "scope" if rule.scope else "ownership"
            message = f"{rule.evaluator} reaches companies by their names alone: remove `{field}`"
            yield problem(message, field)
    for number, example in enumerate(rule.examples):
        for place, event in enumerate(example.events):
            given = {"source": "example", "ref": "1", "title": "Example", **event}
            for found in _problems(Event, given):
                yield inside(found, "examples", number, "events", place)


def _problems(model: type[BaseModel], value: object) -> list[Problem]:
    found = check(model, value)
    return found if isinstance(found, list) else []


def _unusual(rule: Rule, document: Document) -> Iterator[Unusual]:
    """Yield each word of a rule that the vocabulary does not have."""
    for word, location in _words(rule):
        if not word.known():
            line = document.line(location)
            field = path(location if location[0] == "where" else location[:-1])
            yield Unusual(word, Problem(word.unusual(), document.file, line, field))


def _words(rule: Rule) -> Iterator[tuple[Word, tuple[str | int, ...]]]:
    """Yield each word of a rule, and where it stands."""
    yield from ((Word("event type", one), ("stages", one)) for one in rule.stages)
    yield from ((Word("role", one), ("roles", one)) for one in rule.roles)
    for number, one in enumerate(rule.topics):
        yield Word("topic", one), ("topics", number)
    if rule.where is not None:
        kinds = {"type": "event type", "topics": "topic", "scope": "subject"}
        for name, test in rule.where.tests():
            if name in kinds:
                for one, steps in words_of(test, "where", name):
                    yield Word(kinds[name], one), steps
            elif name == "party":
                for one, steps in roles_of(test, "where", name):
                    yield Word("role", one), steps
