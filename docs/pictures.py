"""The pictures of the documents, made by the code that they are about: `python docs/pictures.py`.

Scores are those of the scenario that ships; where a picture needs a case of its own, it is about a
company that does not exist. No picture depends on the day on which it is made.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import altair as alt

import riskmon
from riskmon import charts, demo
from riskmon.monitor import Monitor

FOLDER = Path(__file__).parent / "pictures"
WEEK = timedelta(days=7)

TOLD: tuple[tuple[str, dict[str, Any]], ...] = (
    ("Reuters (0.6)", {"source": "reuters", "type": "claim.alleged"}),
    ("a newspaper that cites Reuters", {"source": "a-newspaper", "origin": "reuters"}),
    ("AP, from its own source (0.6)", {"source": "ap"}),
    ("SCMP, from its own source (0.5)", {"source": "scmp"}),
    ("the company denies", {"source": "company", "type": "claim.denied"}),
)
"""What is told of a company that does not exist, a day after another."""


def finished(chart: Any, heading: str, below: str, height: Any) -> Any:
    """Return a chart with its heading, in the manner of those that `plot` draws."""
    title = {"text": heading, "subtitle": below, "anchor": "start", "subtitleColor": charts.FAINT}
    return (
        chart.properties(title=title, width=charts.WIDTH, height=height)
        .configure_view(stroke=None)
        .configure_axis(gridColor="#e6e9ed", labelFontSize=12, titleFontSize=12, labelLimit=340)
        .configure_legend(labelFontSize=12, labelLimit=400)
    )


def curves(rows: Iterable[tuple[datetime, str, float]], most: float, title: str) -> Any:
    """Return lines over time: a moment, the name of the line, and its value up to `most`."""
    shown = list(rows)
    data = [
        {"at": f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}", "line": line, "value": value}
        for at, line, value in shown
    ]
    names = list(dict.fromkeys(line for _, line, _ in shown))
    scale = alt.Scale(domain=names, range=[charts.OTHERS[0], charts.OTHERS[5]])
    legend = alt.Legend(orient="bottom", title=None, columns=1)
    dashes = alt.Scale(domain=names, range=[[1, 0], [6, 3]])
    return (
        alt.Chart(alt.InlineData(values=data))
        .mark_line(strokeWidth=2)
        .encode(
            x=alt.X(
                "at:T",
                scale=alt.Scale(type="utc"),
                title=None,
                axis=alt.Axis(grid=False, format="%b %Y", tickCount=8),
            ),
            y=alt.Y("value:Q", scale=alt.Scale(domain=[0, most]), title=title),
            stroke=alt.Stroke("line:N", scale=scale, legend=legend),
            strokeDash=alt.StrokeDash("line:N", scale=dashes, legend=legend),
        )
    )


def score(monitor: Monitor) -> Any:
    """Return three years of a score, over its levels."""
    return monitor.history("baidu", start="2023-11-01", end="2026-11-22", step="10d").plot()


def lines(monitor: Monitor) -> Any:
    """Return the lines of a score as steps to it."""
    return monitor.score("baidu", as_of="2024-01-12", known_at="2024-01-12").plot()


def decay(monitor: Monitor) -> Any:
    """Return what is left of a claim as time passes, beside a measure that stays in force."""
    first = datetime(2024, 1, 12, tzinfo=UTC)
    shown = {
        "ai-chip-export-controls": "a measure in force: it does not fade",
        "dual-use-product": "a claim that nobody proves: half of it every 180 days",
    }
    rows = [
        (first + WEEK * week, shown[line.rule], line.decay)
        for week in range(105)
        for line in monitor.score("baidu", as_of=first + WEEK * week, known_at="2024-01-12").lines
        if line.rule in shown
    ]
    rows.sort(key=lambda row: row[1], reverse=True)
    below = "Baidu: export controls on chips, and what a paper told on 12 January 2024"
    return finished(curves(rows, 1, "decay"), "What time takes away", below, 260)


def known(monitor: Monitor) -> Any:
    """Return a score as known on two days: before the denial and the correction, and after."""
    days = {"2024-01-12": "known on 12 January 2024", "2024-02-12": "known on 12 February 2024"}
    rows = [
        (point.as_of, told, point.value)
        for day, told in days.items()
        for point in monitor.history(
            "baidu", start="2024-01-01", end="2024-07-01", step="1d", known_at=day
        )
    ]
    below = "Baidu: on 15 January it denied the claim, on 16 January the paper corrected it"
    return finished(curves(rows, 60, "score"), "What was known when", below, 260)


def sources() -> Any:
    """Return how likely a claim is as one teller after another tells it."""
    rows = list(_likelihoods())
    base = alt.Chart(alt.InlineData(values=rows)).encode(
        y=alt.Y("told:N", sort=None, title=None, axis=alt.Axis(ticks=False, domain=False)),
        x=alt.X("likelihood:Q", scale=alt.Scale(domain=[0, 1])),
    )
    bars = base.mark_bar(height={"band": 0.7}, fill=charts.OTHERS[0])
    said = base.mark_text(align="left", dx=4, fontSize=12, fill=charts.INK).encode(
        text=alt.Text("likelihood:Q", format=".2f")
    )
    below = "after each teller, from the top down; tellers alone never make it more than 0.9"
    heading = "How likely a claim is, as more tell it"
    return finished(alt.layer(bars, said), heading, below, alt.Step(30))


def _likelihoods() -> Iterator[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as folder, _empty(folder) as monitor:
        monitor.declare([{"id": "acme", "name": "Acme Robotics Ltd."}])
        for number, (told, given) in enumerate(TOLD):
            event = {
                "ref": f"acme-{number}",
                "type": "claim.alleged",
                "matter": "acme-army",
                "title": told,
                "occurred_at": "2024-05-02",
                "topics": ["military-research"],
                "parties": [{"company": "acme"}],
            }
            monitor.ingest([event | given])
            (line,) = monitor.score("acme", as_of="2024-05-02").lines
            yield {"told": told, "likelihood": line.likelihood}


def _empty(folder: str) -> Monitor:
    return riskmon.open(f"sqlite:///{folder}/acme.db")


def drawn() -> dict[str, Any]:
    """Return every picture by its name."""
    with tempfile.TemporaryDirectory() as folder, demo.load(f"sqlite:///{folder}/d.db") as monitor:
        pictures = {one.__name__: one(monitor) for one in (score, lines, decay, known)}
    return pictures | {"sources": sources()}


def make(folder: Path) -> list[Path]:
    """Write the pictures into a folder, and return their files."""
    folder.mkdir(exist_ok=True)
    files = []
    for name, chart in drawn().items():
        files.append(folder / f"{name}.svg")
        charts.save(chart, files[-1])
    return files


if __name__ == "__main__":
    for file in make(FOLDER):
        sys.stdout.write(f"{file}\n")
