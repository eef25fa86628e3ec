"""Lines to scores: of one company or of all, at any moment. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta

from riskmon.errors import UsageError
from riskmon.evaluators import matter as evaluator
from riskmon.model import Line, Score
from riskmon.ruleset import Ruleset
from riskmon.standing import Standing
from riskmon.world import worlds

COUNTED, SHOWN = "stable", "experimental"
"""Statuses of the rules that are computed; the others are not."""

MOST_STEPS = 100_000


class View:
    """What bears on one company, or on all, as one prefix of the log has it."""

    def __init__(self, standing: Standing, ruleset: Ruleset, company: str | None = None) -> None:
        self._standing = standing
        self._ruleset = ruleset
        self._companies = sorted(standing.companies) if company is None else [company]
        if company is None:
            around, matters = list(standing.companies.values()), standing.matters()
        else:
            around, matters = standing.reach(company)
        self._world = worlds(around, {one.id: one for one in ruleset.publishers})
        self._rules = [rule for rule in ruleset.rules if rule.status in {COUNTED, SHOWN}]
        readers: dict[str, set[int]] = {}
        for index, rule in enumerate(self._rules):
            for name in rule.stages:
                readers.setdefault(name, set()).add(index)
        self._read = [
            (matter, sorted(set().union(*(readers.get(e.type, ()) for e in matter.events))))
            for matter in matters
        ]

    def lines(self, at: datetime) -> Iterator[Line]:
        """Yield every line that stands at `at`, of experimental rules too, in no order."""
        world = self._world(at)
        terms = [rule.at(at) for rule in self._rules]
        for matter, readers in self._read:
            for index in readers:
                yield from evaluator.lines(terms[index], matter, world, at)

    def scores(self, at: datetime) -> list[Score]:
        """Return the score of each company at `at`, by company."""
        counted: dict[str, list[Line]] = {company: [] for company in self._companies}
        shadow: dict[str, list[Line]] = {company: [] for company in self._companies}
        experimental = {rule.id for rule in self._rules if rule.status == SHOWN}
        for line in self.lines(at):
            lines = shadow if line.rule in experimental else counted
            if line.company in lines:
                lines[line.company].append(line)
        return [
            Score(
                company=company,
                name=self._standing.companies[company].name,
                as_of=at,
                known_at=self._standing.recorded_at,
                position=self._standing.position,
                ruleset=self._ruleset.digest,
                hazards=_ordered(counted[company]),
                shadow=_ordered(shadow[company]),
            )
            for company in self._companies
        ]


def _ordered(lines: list[Line]) -> tuple[Line, ...]:
    return tuple(sorted(lines, key=lambda line: (-line.hazard, line.rule, line.matter)))


def steps(start: datetime, end: datetime, step: str) -> list[datetime]:
    """Return `start` and every `step` (`1d`, `12h`, `1w`) after it, and `end` last.

    Raises UsageError for another step, for an end before the start, for over 100,000 steps.
    """
    match = re.fullmatch(r"([1-9]\d{0,4})([hdw])", step)
    if not match:
        raise UsageError(f"expected a step such as 1d, 12h or 1w, got {step!r}")
    if end < start:
        raise UsageError(f"expected a start before the end, got {start:%Y-%m-%d} to {end:%Y-%m-%d}")
    width = timedelta(hours=int(match[1]) * {"h": 1, "d": 24, "w": 168}[match[2]])
    count = -(-(end - start) // width)  # rounded up: the end is a step of its own
    if count > MOST_STEPS:
        raise UsageError(f"expected at most {MOST_STEPS:,} steps, got {count:,}: take longer ones")
    return [*(start + width * index for index in range(count)), end]
