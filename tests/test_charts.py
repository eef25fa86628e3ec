"""Charts: what a committee is shown. Each is drawn, without a browser and without the network."""

from __future__ import annotations

import json
import re
import shutil
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import riskmon
from riskmon import charts
from riskmon.errors import InputError, UsageError
from riskmon.frames import Frame
from riskmon.monitor import Monitor
from riskmon.results import Histories, History, Point, Scores
from tests.builders import ROOT, Clock, company

START = datetime(2016, 11, 22, tzinfo=UTC)
PNG = b"\x89PNG\r\n\x1a\n"


def drawn(frame: Frame, folder: Path) -> str:
    """Return the text of a frame's chart, as it is read: title, names, figures."""
    file = folder / "chart.svg"
    frame.plot(file)
    texts = re.findall(r"<text[^>]*>([^<]*)", file.read_text("utf-8"))
    return "\n".join(texts)


def layers(chart: Any) -> list[list[dict[str, Any]]]:
    """Return the rows that each layer of a chart draws."""
    told = chart.to_dict()
    data = [layer.get("data", told.get("data", {})) for layer in told["layer"]]
    return [json.loads(told["datasets"].get(one.get("name"), "[]")) for one in data]


def test_a_score_is_drawn_as_steps_to_its_value(scenario: Monitor, tmp_path: Path) -> None:
    """Each line begins where the one before it ends; the last ends at the score."""
    score = scenario.score("Baidu", as_of="2024-01-12")
    rows = layers(score.plot())[0]
    assert 0.0 == rows[0]["start"]
    assert [one["end"] for one in rows[:-1]] == [one["start"] for one in rows[1:]]
    assert score.value == pytest.approx(rows[-1]["end"])
    text = drawn(score, tmp_path)
    assert "Baidu, Inc.: 44.51 (moderate) as of 2024-01-12" in text
    assert {"0", "100", "44.51", *(line.category for line in score.lines)} <= {*text.split("\n")}


def test_of_many_lines_the_smaller_ones_are_drawn_as_one() -> None:
    """So that the steps still lead to the score."""
    row = dict.fromkeys(("rule", "category", "matter", "stage", "since", "via", "without"), "a")
    rows = [{**row, "matter": str(number), "points": 1.5} for number in range(40)]
    chart = charts.lines(rows, "A: 60.00", 60.0)
    shown = layers(chart)[0]
    assert (31, "10 smaller lines", 15.0) == (len(shown), shown[-1]["label"], shown[-1]["points"])
    assert 60.0 == shown[-1]["end"]
    below = "the greatest 30 of 40 lines, and the others together"
    assert below == chart.to_dict()["title"]["subtitle"]


def test_scores_are_drawn_highest_first_by_level(scenario: Monitor, tmp_path: Path) -> None:
    """With the name of each, and what it comes to."""
    scores = scenario.scores(as_of="2026-11-22")
    text = drawn(scores, tmp_path).split("\n")
    assert "Scores of 11 companies as of 2026-11-22" in text
    assert {"low", "moderate", "high", "severe"} <= {*text}
    assert {score.name for score in scores} <= {*text}
    assert [f"{one.value:.2f}" for one in scores] == [one for one in text if "." in one[-3:-2]]


def test_of_many_scores_the_first_are_drawn(clock: Clock, tmp_path: Path) -> None:
    """And what is not shown is said; two companies of one name are two bars."""
    with riskmon.open("sqlite://", clock=clock) as monitor:
        monitor.declare([company(f"c{number:04}", name="Same Ltd.") for number in range(1030)])
        text = drawn(monitor.scores(), tmp_path).split("\n")
    assert "the first 30 of 1,030; 1,000 more companies are not shown" in text
    assert 30 == len([one for one in text if one.startswith("Same Ltd. (c")])


def test_a_history_is_drawn_over_the_levels(tmp_path: Path) -> None:
    """Ten years of days, and of hours: no limit bites."""
    for count, step in ((3_653, timedelta(days=1)), (87_660, timedelta(hours=1))):
        points = [Point(START + number * step, number % 101) for number in range(count)]
        history = History("baidu", points)
        assert count == max(map(len, layers(history.plot())))
    text = drawn(History("baidu", points[:5000]), tmp_path).split("\n")
    assert {"low", "moderate", "high", "severe", "0", "100"} <= {*text}
    assert "baidu: score from 2016-11-22 to 2017-06-18 07:00Z" in text


def test_the_moments_of_a_history_are_utc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever the chart is drawn."""
    monkeypatch.setenv("TZ", "America/New_York")
    history = History("a", [Point(START, 1.0), Point(START + timedelta(days=2), 2.0)])
    assert {"Tue 22", "Thu 24"} <= {*drawn(history, tmp_path).split("\n")}


def test_histories_are_drawn_highest_at_the_end_first(scenario: Monitor, tmp_path: Path) -> None:
    """As many as can be told apart, and of how many they are."""
    histories = scenario.histories(start="2026-01-01", end="2026-11-22", step="4w")
    text = drawn(histories, tmp_path).split("\n")
    assert "the highest 8 of 11 at the end" in text
    last = scenario.scores(as_of="2026-11-22")
    shown = [one for one in text if one in histories.companies]
    assert [one.company for one in last][:8] == shown


def test_a_comparison_is_drawn_as_now_and_then(scenario: Monitor, tmp_path: Path) -> None:
    """For each company whose score would differ, with which ruleset is which."""
    draft = tmp_path / "draft"
    shutil.copytree(ROOT / "rules", draft)
    (draft / "section-1260h.yaml").unlink()
    found = scenario.what_if(draft, as_of="2026-11-22", step="52w")
    text = drawn(found, tmp_path).split("\n")
    assert {"in force", "draft", *(one.name for one in found)} <= {*text}
    rows = layers(found.plot())[1]
    assert [("in force", one.now) for one in found] + [("draft", one.then) for one in found] == (
        sorted(((one["rules"], one["value"]) for one in rows), key=lambda one: one[0] == "draft")
    )


def test_charts_of_nothing_are_drawn(clock: Clock, tmp_path: Path) -> None:
    """With their title: that there is nothing is an answer, too."""
    with riskmon.open("sqlite://", clock=clock) as monitor:
        monitor.declare([company("a", name="A")])
        nothing = monitor.what_if(ROOT / "rules")
        score = monitor.score("a")
    for frame in (score, Scores([]), History("a", []), Histories([], [], []), nothing):
        assert frame.heading in drawn(frame, tmp_path)


def test_a_name_cannot_act_in_a_chart(clock: Clock, tmp_path: Path) -> None:
    """It is text: no element, no escape, no change of direction."""
    with riskmon.open("sqlite://", clock=clock) as monitor:
        monitor.declare([company("a", name="<script>alert(1)</script>\x1b[2J\u202e")])
        for number, frame in enumerate((monitor.scores(), monitor.score("a"))):
            file = tmp_path / f"{number}.svg"
            frame.plot(file)
            shown = file.read_text("utf-8")
            assert "&lt;script&gt;" in shown
            assert [] == [bad for bad in ("<script>", "\x1b", "\u202e") if bad in shown]


def test_a_chart_is_written_without_the_network(
    scenario: Monitor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As svg or png, by what the file's name ends in; and it fetches nothing when it is shown."""

    def refused(*_: object) -> None:
        raise OSError("no network")

    monkeypatch.setattr(socket.socket, "connect", refused)
    scores = scenario.scores(as_of="2026-11-22")
    chart = scores.plot(tmp_path / "scores.png")
    scores.plot(str(tmp_path / "scores.SVG"))
    assert PNG == (tmp_path / "scores.png").read_bytes()[: len(PNG)]
    svg = (tmp_path / "scores.SVG").read_text("utf-8")
    assert svg.startswith("<svg")
    assert {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"} >= {
        *re.findall(r"https?://[^\"' ]+", svg)
    }
    assert "url" not in {key for row in layers(chart) for one in row for key in one}


def test_a_picture_that_cannot_be_written_is_an_error(scenario: Monitor, tmp_path: Path) -> None:
    """It says of which file, and what to do; no part of one stays."""
    scores = scenario.scores(as_of="2026-11-22")
    with pytest.raises(UsageError, match=r"expected a file that ends in \.svg or \.png"):
        scores.plot(tmp_path / "scores.pdf")
    with pytest.raises(InputError, match="cannot be written: No such file or directory"):
        scores.plot(tmp_path / "none" / "scores.svg")
    assert [] == list(tmp_path.iterdir())


def test_levels_are_told_apart_by_lightness() -> None:
    """As somebody sees them who sees no hue, and as they are printed: light to dark."""

    def lightness(told: str) -> float:
        red, green, blue = (int(told[place : place + 2], 16) / 255 for place in (1, 3, 5))
        return float(0.2126 * red**2.2 + 0.7152 * green**2.2 + 0.0722 * blue**2.2)

    severe, high, *rest = (lightness(one) for one in reversed(charts.LEVELS))
    assert severe < high / 2 < high < min(rest)
