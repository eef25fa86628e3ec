"""What the monitor returns: what moved, histories, frames."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import polars as pl
import pytest

import riskmon
from riskmon import readmodel
from riskmon.errors import InputError, MissingExtraError, UnknownCompanyError
from riskmon.monitor import Monitor
from riskmon.results import Move
from tests.builders import ROOT, Clock, company, event

LISTED = {"type": "listing.listed", "topics": ["entity-list"], "parties": [{"company": "baidu"}]}


def test_recalculate_says_what_moved(monitor: Monitor, clock: Clock) -> None:
    """Since the last one: who, from what, to what; then nothing."""
    monitor.declare([company("baidu"), company("tencent")])
    first = monitor.recalculate()
    assert (2, [], None, False) == (first.companies, first.moved, first.since, first.published)
    clock.turn("2024-01-02")
    monitor.ingest([event(**LISTED)])
    second = monitor.recalculate()
    assert datetime(2024, 1, 1, tzinfo=UTC) == second.since
    assert [Move("baidu", 0.0, 70.0)] == [
        move._replace(after=round(move.after, 9)) for move in second.moved
    ]
    assert [] == monitor.recalculate().moved


def test_what_a_recalculation_kept_can_be_computed_again(monitor: Monitor, clock: Clock) -> None:
    """Each kept score equals the one asked for at its moment and position."""
    monitor.declare([company("baidu"), company("tencent", owners=[])])
    monitor.ingest([event(**LISTED)])
    run = monitor.recalculate()
    clock.turn("2025-01-01")
    monitor.ingest([event(**LISTED | {"type": "listing.delisted"})])
    as_of, kept = readmodel.last(monitor._ledger.engine)
    again = monitor.scores(as_of=as_of, known_at=run.position)
    assert {one.company: one.value for one in again} == kept


def test_a_history_has_its_start_its_steps_and_its_end(scenario: Monitor) -> None:
    """And each point is the score of its moment."""
    history = scenario.history("Baidu", start="2024-01-10", end="2024-01-17", step="3d")
    days = ["2024-01-10", "2024-01-13", "2024-01-16", "2024-01-17"]
    assert days == [f"{point.as_of:%Y-%m-%d}" for point in history]
    expected = [scenario.score("Baidu", as_of=day).value for day in days]
    assert expected == [point.value for point in history]


def test_a_history_follows_edges_that_begin_and_end(monitor: Monitor) -> None:
    """On the very day of `since` the owner carries, on that of `until` no more."""
    owner = {"company": "baidu", "share": 0.6, "since": "2024-01-03", "until": "2024-01-05"}
    monitor.declare([company("baidu"), company("owned", owners=[owner])])
    monitor.ingest([event(**LISTED | {"topics": ["section-1260h"]})])
    history = monitor.history("owned", start="2024-01-01", end="2024-01-06")
    assert [0, 0, 60, 60, 0, 0] == [round(point.value, 9) for point in history]


def test_a_history_as_it_was_known(scenario: Monitor) -> None:
    """The denial of the 15th is not in it."""
    history = scenario.history("Baidu", start="2024-02-12", end="2024-02-12", known_at="2024-01-12")
    assert [42.22] == [round(point.value, 2) for point in history]


@pytest.mark.parametrize("step", ["", "d", "0d", "1", "1m", "-1d", "1.5d", "999999d"])
def test_a_step_that_is_none_is_refused(step: str, scenario: Monitor) -> None:
    """With an example of one."""
    with pytest.raises(InputError, match="expected a step such as 1d, 12h or 1w"):
        scenario.history("Baidu", step=step)


def test_frames_have_the_same_rows_everywhere(scenario: Monitor) -> None:
    """Dicts, polars, pandas, and the Arrow stream that other libraries read."""
    scores = scenario.scores(as_of="2026-11-22")
    dicts = scores.to_dicts()
    assert {
        "company": "baidu",
        "name": "Baidu, Inc.",
        "value": scores[0].value,
        "level": "high",
        "rule": "section-1260h",
        "since": datetime(2026, 6, 8, tzinfo=UTC),
        "as_of": datetime(2026, 11, 22, tzinfo=UTC),
        "known_at": datetime(2026, 6, 8, tzinfo=UTC),
        "position": 39,
    } == dicts[0]
    assert dicts == scores.to_polars().to_dicts()
    assert dicts == pl.DataFrame(scores).to_dicts()
    frame = scores.to_pandas()
    assert isinstance(frame, pd.DataFrame)
    assert [one["value"] for one in dicts] == list(frame["value"])
    history = scenario.history("Baidu", start="2024-01-10", end="2024-01-17")
    assert history.to_dicts() == history.to_polars().to_dicts()
    assert 11 == len(scores) == len(list(scores))


def test_frames_as_html_escape_what_they_show(monitor: Monitor) -> None:
    """A name is text, whatever it looks like; an empty frame is an empty table."""
    assert "<tbody></tbody>" in monitor.scores()._repr_html_()
    monitor.declare([company("a", name="<script>alert(1)</script>")])
    shown = monitor.scores()._repr_html_()
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in shown
    assert "<script>" not in shown


def test_an_extra_that_is_missing_names_its_install_line(
    scenario: Monitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As pip takes it."""
    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'riskmon\[polars\]'"):
        scenario.scores().to_polars()


def test_companies_are_found_by_id_name_alias_in_any_script(scenario: Monitor) -> None:
    """Case, width and punctuation aside."""
    names = [
        "baidu",
        "BAIDU, INC",
        "百度",
        "Ｂａｉｄｕ",  # noqa: RUF001 (full width)
        "beijing baidu netcom science technology co ltd",
    ]
    assert ["baidu"] * 5 == [scenario.find(name).id for name in names]


@pytest.mark.parametrize("name", ["", " ", "...", "Bai", "Baidu Holdings", "x" * 10_000, "💥"])
def test_a_name_that_means_nobody_is_an_error(name: str, scenario: Monitor) -> None:
    """Never the nearest company instead."""
    with pytest.raises(UnknownCompanyError):
        scenario.score(name)


def test_a_name_of_two_companies_waits_for_a_person(monitor: Monitor) -> None:
    """It scores nobody, says why, and a query asks for the id."""
    monitor.declare([company("a", aliases=["Acme"]), company("b", aliases=["ACME."])])
    found = monitor.resolve("acme")
    assert (None, ["a", "b"]) == (found.company, [one.company for one in found.candidates])
    assert "more than one company fits" in found.reasons
    monitor.ingest([event(**LISTED | {"parties": [{"name": "Acme"}]})])
    assert [0, 0] == [score.value for score in monitor.scores()]
    assert {"Acme": 1} == monitor.status().unresolved
    with pytest.raises(UnknownCompanyError, match="'acme' is a name of a and b: ask by id"):
        monitor.score("acme")


def test_identifiers_decide(scenario: Monitor) -> None:
    """Whatever the name says."""
    found = scenario.resolve("Somebody", ticker="nasdaq:bidu")
    assert ("baidu", ()) == (found.company, found.candidates)
    assert ("ticker NASDAQ:BIDU is baidu's",) == found.reasons
    assert None is scenario.resolve("Somebody").company


def test_an_event_meets_a_company_that_is_declared_later(monitor: Monitor) -> None:
    """By its name, and not before it was declared."""
    monitor.ingest([event(**LISTED | {"parties": [{"name": "Late GmbH"}]})])
    position = monitor.status().position
    monitor.declare([company("late", name="Late GmbH")])
    assert 70 == pytest.approx(monitor.score("late").value)
    assert (0.0, ()) == (
        (before := monitor.score("late", known_at=position)).value,
        before.lines,
    )


def test_persons_are_no_companies(monitor: Monitor) -> None:
    """A person who is called like a company does not put it at risk."""
    monitor.declare([company("ford", name="Ford")])
    monitor.ingest([event(**LISTED | {"parties": [{"name": "Ford", "kind": "person"}]})])
    assert 0 == monitor.score("ford").value


def test_status_works_where_the_rules_do_not(tmp_path: Path) -> None:
    """It is what one asks when something is wrong."""
    rules = tmp_path / "rules"
    rules.mkdir()
    (rules / "a.yaml").write_text("id: a")
    with riskmon.open("sqlite://", rules=rules) as monitor:
        assert monitor.status().rules_changed is None
    with riskmon.open("sqlite://", rules=ROOT / "rules") as monitor:
        assert monitor.status().rules_changed is True
        monitor.recalculate()
        assert monitor.status().rules_changed is False
