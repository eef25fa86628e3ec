"""Pictures as SVG, drawn here: numbers in, markup out. Pure, and in colours of the style sheet."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from markupsafe import Markup

from riskmon.model import LEVELS
from riskmon.results import Point

WIDTH, HEIGHT = 760, 250
LEFT, RIGHT, TOP, BOTTOM = 30, 108, 22, 24
APART = 15
"""Between two marks; those that are nearer share one."""
MOST_TICKS = 8
MONTHS = (1, 2, 3, 6, 12, 24, 60, 120)


_Place = Callable[[datetime], float]
"""Where a moment stands."""


class Mark(NamedTuple):
    """Something that happened, to be marked on a line by its number."""

    at: datetime
    number: int
    title: str
    source: str = ""


class _Group(NamedTuple):
    """Marks that stand too near to each other to be told apart."""

    x: float
    marks: list[Mark]

    @property
    def label(self) -> str:
        numbers = [mark.number for mark in self.marks]
        first, last = min(numbers), max(numbers)
        return str(first) if first == last else f"{first}\N{EN DASH}{last}"


def spark(values: Sequence[float]) -> Markup:
    """Return a small line of scores, from 0 to 100, without words: the table beside it has them."""
    if len(values) < 2:  # noqa: PLR2004 (a line has two ends)
        return Markup()
    step = 100 / (len(values) - 1)
    path = " ".join(f"{step * n:.4g},{24 - value * 0.23:.3g}" for n, value in enumerate(values))
    return Markup(
        '<svg class="spark" viewBox="0 0 100 25" preserveAspectRatio="none" aria-hidden="true">'
        '<polyline points="{}"/></svg>'
    ).format(path)


def bar(start: float, length: float, kind: str = "") -> Markup:
    """Return a bar from `start`, in a box from 0 to 1 that is as wide as its cell."""
    left = min(max(start, 0.0), 1.0) * 100
    wide = max(min(length * 100, 100 - left), 0.4)
    return Markup(
        '<svg class="bar {}" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="rail" width="100" height="10"/>'
        '<rect class="fill" x="{:.2f}" width="{:.2f}" height="10"/></svg>'
    ).format(kind, min(left, 99.6), wide)


def history(points: Sequence[Point], marks: Iterable[Mark], told: str) -> Markup:
    """Return scores over time above the bounds of the levels, what happened marked on the line.

    `told`: what the picture shows, in a sentence, for those who do not see it.
    """
    if not points:
        return Markup()
    first, last = points[0].as_of, points[-1].as_of
    seconds = max((last - first).total_seconds(), 1.0)

    def x_of(at: datetime) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * ((at - first).total_seconds() / seconds)

    line = " ".join(f"{x_of(point.as_of):.1f},{_y(point.value):.1f}" for point in points)
    area = f"{LEFT},{_y(0):.1f} {line} {x_of(last):.1f},{_y(0):.1f}"
    end = Markup('<text class="end" x="{:.1f}" y="{:.1f}">{:.1f}</text>').format(
        x_of(last) + 24, _y(points[-1].value) + 4, points[-1].value
    )
    dots = Markup().join(
        _mark(group, _y(_at(points, group.marks[-1].at))) for group in _groups(marks, x_of)
    )
    return Markup(
        '<svg class="history" viewBox="0 0 {} {}" role="img" aria-label="{}">'
        '{}{}<polygon class="area" points="{}"/><polyline class="line" points="{}"/>{}{}</svg>'
    ).format(WIDTH, HEIGHT, told, _levels(), _ticks(first, last, x_of), area, line, end, dots)


def _y(value: float) -> float:
    return TOP + (HEIGHT - TOP - BOTTOM) * (1 - value / 100)


def _levels() -> Markup:
    """Return a line at each bound, and the name of each level at the right."""
    found, low = [], 0
    for name, bound in LEVELS.items():
        found.append(
            Markup(
                '<line class="rule" x1="{}" x2="{}" y1="{y:.1f}" y2="{y:.1f}"/>'
                '<text class="axis" x="{}" y="{:.1f}" text-anchor="end">{}</text>'
                '<text class="axis band" x="{}" y="{:.1f}" text-anchor="end">{}</text>'
            ).format(
                LEFT,
                WIDTH - RIGHT,
                LEFT - 6,
                _y(low) + 4,
                low,
                WIDTH,
                _y((low + min(bound, 100)) / 2) + 4,
                name,
                y=_y(low),
            )
        )
        low = bound
    return Markup().join(found)


def _ticks(first: datetime, last: datetime, x_of: _Place) -> Markup:
    """Return the beginnings of months or years, few enough to be read."""
    span = (last.year - first.year) * 12 + last.month - first.month
    every = next((one for one in MONTHS if span / one <= MOST_TICKS), MONTHS[-1])
    found = []
    for month in range(first.year * 12 + first.month, last.year * 12 + last.month):
        if month % every:
            continue
        at = datetime(month // 12, month % 12 + 1, 1, tzinfo=UTC)
        word = f"{at:%Y}" if every >= 12 or (every < 12 and at.month == 1) else f"{at:%b}"  # noqa: PLR2004
        found.append(
            Markup(
                '<line class="tick" x1="{x:.1f}" x2="{x:.1f}" y1="{}" y2="{}"/>'
                '<text class="axis" x="{x:.1f}" y="{}" text-anchor="middle">{}</text>'
            ).format(_y(0), _y(0) + 5, HEIGHT - 5, word, x=x_of(at))
        )
    return Markup().join(found)


def _groups(marks: Iterable[Mark], x_of: _Place) -> list[_Group]:
    found: list[_Group] = []
    for mark in sorted(marks, key=lambda one: one.at):
        x = x_of(mark.at)
        if found and x - found[-1].x < APART:
            found[-1].marks.append(mark)
        else:
            found.append(_Group(x, [mark]))
    return found


def _mark(group: _Group, y: float) -> Markup:
    titles = "\n".join(f"{one.number}: {one.at:%Y-%m-%d} {one.title}" for one in group.marks)
    return Markup(
        '<g class="mark"><title>{}</title><circle cx="{x:.1f}" cy="{y:.1f}" r="4"/>'
        '<text x="{x:.1f}" y="{:.1f}" text-anchor="middle">{}</text></g>'
    ).format(titles, y - 8, group.label, x=group.x, y=y)


def _at(points: Sequence[Point], at: datetime) -> float:
    """Return the value that a history has just after a moment."""
    return next((point.value for point in points if point.as_of >= at), points[-1].value)
