"""Charts of scores for people who decide: rows in, an altair chart out (extra `plot`). Pure.

Levels and sides are told apart by lightness as well as by hue, so that they are for whoever sees
colours otherwise, and in print. Data is inside the chart: nothing limits it, nothing is fetched.
"""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib import import_module
from os import PathLike
from pathlib import Path
from typing import Any

from riskmon.errors import MissingExtraError, UsageError, safe
from riskmon.extras import library
from riskmon.written import written

MOST_BARS = 30
MOST_HISTORIES = 8
MOST_HOVERED = 5_000
"""Points of a history that can each be pointed at."""

WIDTH, STEP = 640, 22
"""Of a chart, and of one bar of it, in pixels."""

INK, FAINT = "#1c2b3a", "#6b7785"
LEVELS = ("#a9bfd3", "#f2cc5c", "#e0803b", "#86203f")
"""From the lowest to the highest, each darker than the last but one."""
OTHERS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#1c2b3a", "#8a8a8a")
"""Okabe and Ito, 2008, without yellow, which is lost on paper: everybody can tell them apart."""

Rows = Sequence[Mapping[str, Any]]


def day(moment: datetime) -> str:
    """Return a moment as its date, with its time where that is not 00:00 UTC."""
    moment = moment.astimezone(UTC)
    form = "%Y-%m-%d" if moment.time() == datetime.min.time() else "%Y-%m-%d %H:%MZ"
    return f"{moment:{form}}"


def save(chart: Any, file: str | PathLike[str]) -> None:
    """Write a chart as the picture that the name of `file` asks for, .svg or .png."""
    ending = Path(file).suffix.lower()
    if ending not in {".svg", ".png"}:
        raise UsageError(f"{file}: expected a file that ends in .svg or .png, got {ending!r}")
    try:
        import_module("vl_convert")
    except ImportError:
        raise MissingExtraError("vl-convert-python", "plot") from None
    picture: Any = io.StringIO() if ending == ".svg" else io.BytesIO()
    chart.save(picture, format=ending[1:], **({"scale_factor": 2} if ending == ".png" else {}))
    found = picture.getvalue()
    with written(file) as stream:
        stream.write(found.encode() if isinstance(found, str) else found)


def _plain(rows: Rows) -> list[dict[str, Any]]:
    """Return rows as a chart takes them: moments as text, and text with nothing that acts."""
    return [{name: _value(value) for name, value in row.items()} for row in rows]


def _value(value: Any) -> Any:
    if isinstance(value, datetime):
        return day(value)
    if isinstance(value, list):
        return ", ".join(map(safe, value))
    return safe(value) if isinstance(value, str) else value


def _data(altair: Any, rows: Rows) -> Any:
    # As text: altair would copy, and check against its schema, each row of a list, for seconds.
    text = json.dumps(list(rows), ensure_ascii=False)
    return altair.InlineData(values=text, format=altair.DataFormat(type="json"))


def _tooltip(altair: Any, *names: str, **numbers: str) -> list[Any]:
    """Return what is told of a row: columns as they are, and numbers in a form."""
    plain = [altair.Tooltip(f"{name}:N") for name in names]
    return plain + [altair.Tooltip(f"{name}:Q", format=form) for name, form in numbers.items()]


def _finished(chart: Any, heading: str, below: str = "", height: Any = None) -> Any:
    title = {"text": safe(heading), "subtitle": safe(below)} if below else safe(heading)
    size = {} if height is None else {"height": height}
    return (
        chart.properties(title=title, width=WIDTH, **size)
        .configure_view(stroke=None)
        .configure_title(
            anchor="start", fontSize=16, subtitleFontSize=12, offset=14, subtitleColor=FAINT
        )
        .configure_axis(
            labelFontSize=12, titleFontSize=12, gridColor="#e6e9ed", labelLimit=340, labelPadding=6
        )
        .configure_legend(labelFontSize=12, titleFontSize=12)
    )


def _points(altair: Any, name: str = "value", title: str = "score") -> Any:
    """Return the axis of points, from 0 to 100."""
    scale = altair.Scale(domain=[0, 100])
    return altair.X(f"{name}:Q", scale=scale, title=title, axis=altair.Axis(tickCount=10))


def _names(altair: Any) -> Any:
    """Return the axis of names, in the order of the rows."""
    return altair.Y("label:N", sort=None, title=None, axis=altair.Axis(ticks=False, domain=False))


def _left_out(count: int, noun: str) -> str:
    """Return how many are not shown, in words; nothing for none."""
    if count <= MOST_BARS:
        return ""
    return f"the first {MOST_BARS} of {count:,}; {count - MOST_BARS:,} more {noun} are not shown"


def _labelled(rows: Rows) -> list[dict[str, Any]]:
    """Return rows that each have a label of their own: the name, with the id where two share it."""
    shared = Counter(row["name"] for row in rows)
    return [
        {
            **row,
            "label": f"{row['name']} ({row['company']})"
            if shared[row["name"]] > 1
            else row["name"],
        }
        for row in _plain(rows)
    ]


def lines(rows: Rows, heading: str, value: float) -> Any:
    """Return the lines of a score as steps from 0 to it, greatest first."""
    altair = library("altair", "plot")
    shown, below = list(_plain(rows[:MOST_BARS])), ""
    start = 0.0
    for row in shown:
        row |= {"start": start, "end": start + row["points"], "label": _label(row)}
        start = row["end"]
    if left := len(rows) - len(shown):
        label = f"{left:,} smaller line{'s' * (left != 1)}"
        rest = {"label": label, "start": start, "end": value, "points": value - start}
        shown.append({**rest, "category": "others"})
        below = f"the greatest {MOST_BARS} of {len(rows):,} lines, and the others together"
    categories = list(dict.fromkeys(row["category"] for row in shown))
    total = {"label": "score", "start": 0.0, "end": value, "points": value}
    tooltip = _tooltip(
        altair,
        *("rule", "category", "matter", "stage", "since", "via"),
        severity=".4g",
        likelihood=".3f",
        weight=".3f",
        decay=".3f",
        points=".2f",
        without=".2f",
    )
    scale = altair.Scale(domain=categories, range=[*_repeated(len(categories))])
    legend = altair.Legend(orient="bottom", columns=3, title=None, symbolType="square")
    base = altair.Chart(_data(altair, shown)).encode(y=_names(altair))
    bars = base.mark_bar(height={"band": 0.7}).encode(
        x=_points(altair, "start", "points"),
        x2="end:Q",
        fill=altair.Fill("category:N", scale=scale, legend=legend if shown else None),
        tooltip=tooltip,
    )
    last = altair.Chart(_data(altair, [total])).encode(y=_names(altair))
    whole = last.mark_bar(height={"band": 0.7}, fill=INK).encode(
        x=_points(altair, "start", "points"), x2="end:Q", tooltip=_tooltip(altair, points=".2f")
    )
    texts = altair.Chart(_data(altair, [*shown, total])).encode(y=_names(altair))
    said = texts.mark_text(align="left", dx=4, fontSize=12, fill=INK).encode(
        x="end:Q", text=altair.Text("points:Q", format=".2f")
    )
    return _finished(altair.layer(bars, whole, said), heading, below, altair.Step(STEP))


def _label(row: Mapping[str, Any]) -> str:
    """Return what a line is called: its rule, and the matter that it is about."""
    return f"{row['rule']} · {row['matter']}"


def _repeated(count: int) -> list[str]:
    return [OTHERS[number % len(OTHERS)] for number in range(count)]


def _level(altair: Any, bounds: Mapping[str, float]) -> Any:
    scale = altair.Scale(domain=list(bounds), range=list(LEVELS))
    return altair.Fill("level:N", scale=scale, title="level", legend=altair.Legend(orient="top"))


def ranked(rows: Rows, heading: str, count: int, bounds: Mapping[str, float]) -> Any:
    """Return scores as bars, highest first.

    `rows`: the first of `count`. `bounds`: each level, and where the next one begins.
    """
    altair = library("altair", "plot")
    shown = _labelled(rows[:MOST_BARS])
    base = altair.Chart(_data(altair, shown)).encode(y=_names(altair))
    bars = base.mark_bar(height={"band": 0.7}, stroke=FAINT, strokeWidth=0.5).encode(
        x=_points(altair),
        fill=_level(altair, bounds),
        tooltip=_tooltip(altair, "company", "name", "level", "rule", "since", value=".2f"),
    )
    said = base.mark_text(align="left", dx=4, fontSize=12, fill=INK).encode(
        x="value:Q", text=altair.Text("value:Q", format=".2f")
    )
    below = _left_out(count, "companies")
    return _finished(altair.layer(bars, said), heading, below, altair.Step(STEP))


def _over_time(altair: Any, rows: Rows) -> Any:
    """Return the two axes: moments in UTC, and points."""
    x = altair.X(
        "as_of:T", scale=altair.Scale(type="utc"), title=None, axis=altair.Axis(grid=False)
    )
    scale = altair.Scale(domain=[0, 100])
    return altair.Chart(_data(altair, rows)).encode(
        x=x, y=altair.Y("value:Q", scale=scale, title="score")
    )


def _bands(altair: Any, bounds: Mapping[str, float], opacity: float = 0.28) -> Any:
    """Return the levels as bands across, each with its name."""
    rows, least = [], 0.0
    for name, bound in bounds.items():
        most = min(bound, 100)
        rows.append({"level": name, "least": least, "most": most, "middle": (least + most) / 2})
        least = most
    base = altair.Chart(_data(altair, rows))
    scale = altair.Scale(domain=list(bounds), range=list(LEVELS))
    bands = base.mark_rect(opacity=opacity).encode(
        y=altair.Y("least:Q", scale=altair.Scale(domain=[0, 100]), title="score"),
        y2="most:Q",
        fill=altair.Fill("level:N", scale=scale, legend=None),
    )
    names = base.mark_text(align="left", dx=6, fontSize=12, fill=FAINT).encode(
        x=altair.value(WIDTH), y="middle:Q", text="level:N"
    )
    return altair.layer(bands, names)


def _moments(rows: Rows) -> list[dict[str, Any]]:
    """Return rows whose moments an axis can read, and a person."""
    return [
        {**_plain([row])[0], "as_of": f"{row['as_of'].astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"}
        | {"at": day(row["as_of"])}
        for row in rows
    ]


def history(rows: Rows, heading: str, bounds: Mapping[str, float]) -> Any:
    """Return a score over time, over the bands of the levels (`bounds`: where the next begins)."""
    altair = library("altair", "plot")
    shown = _moments(rows)
    base = _over_time(altair, shown)
    drawn = base.mark_line(stroke=INK, strokeWidth=1.8)
    layers = [_bands(altair, bounds), drawn]
    if len(shown) <= MOST_HOVERED:
        tooltip = _tooltip(altair, "at", "level", value=".2f")
        layers.append(base.mark_point(opacity=0, size=60).encode(tooltip=tooltip))
    return _finished(altair.layer(*layers), heading, height=320)


def histories(rows: Rows, heading: str, count: int, bounds: Mapping[str, float]) -> Any:
    """Return the scores of some companies over time, of `count`, the highest at the end first."""
    altair = library("altair", "plot")
    shown = _moments(rows)
    companies = list(dict.fromkeys(row["company"] for row in shown))
    scale = altair.Scale(domain=companies, range=_repeated(len(companies)))
    stroke = altair.Stroke(
        "company:N", scale=scale, legend=altair.Legend(orient="bottom", columns=4)
    )
    drawn = _over_time(altair, shown).mark_line(strokeWidth=1.8).encode(stroke=stroke)
    more = count - len(companies)
    below = f"the highest {len(companies)} of {count:,} at the end" if more > 0 else ""
    return _finished(
        altair.layer(_bands(altair, bounds, opacity=0.14), drawn), heading, below, height=320
    )


def comparison(rows: Rows, heading: str) -> Any:
    """Return each company's score now, under the rules in force, and then, under the draft."""
    altair = library("altair", "plot")
    shown = _labelled(rows[:MOST_BARS])
    sides = ("in force", "draft")
    points = [
        {**row, "rules": side, "value": row[name]}
        for row in shown
        for side, name in zip(sides, ("now", "then"), strict=True)
    ]
    tooltip = _tooltip(altair, "company", "name", "level_now", "level_then", now=".2f", then=".2f")
    base = altair.Chart(_data(altair, shown)).encode(y=_names(altair))
    between = base.mark_rule(stroke=FAINT, strokeWidth=3, opacity=0.5).encode(
        x=_points(altair, "now"), x2="then:Q", tooltip=tooltip
    )
    legend = altair.Legend(title="rules", orient="top")
    scale = {"domain": list(sides)}
    ends = (
        altair.Chart(_data(altair, points))
        .mark_point(size=110, filled=True, opacity=1)
        .encode(
            y=_names(altair),
            x=_points(altair),
            fill=altair.Fill(
                "rules:N", scale=altair.Scale(**scale, range=[OTHERS[4], OTHERS[5]]), legend=legend
            ),
            shape=altair.Shape(
                "rules:N", scale=altair.Scale(**scale, range=["circle", "diamond"]), legend=legend
            ),
            tooltip=tooltip,
        )
    )
    below = _left_out(len(rows), "companies")
    return _finished(altair.layer(between, ends), heading, below, altair.Step(STEP))
