"""What the monitor returns: what moved, histories, frames."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import riskmon
from riskmon import runs
from riskmon.database import reading
from riskmon.errors import InputError, MissingExtraError, UnknownCompanyError
from riskmon.frames import Frame
from riskmon.monitor import Monitor
from riskmon.results import Histories, History, Move, Point, Scores
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
    with reading(monitor._ledger.engine) as connection:
        last = runs.last(connection)
        assert last is not None
        kept = runs.values(connection, last)
    again = monitor.scores(as_of=last.as_of, known_at=run.position)
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


def of_each_kind(monitor: Monitor, draft: Path) -> list[Frame]:
    """Return a frame of each kind, as of 22 November 2026."""
    day = "2026-11-22"
    return [
        monitor.score("baidu", as_of=day),
        monitor.scores(as_of=day),
        monitor.history("baidu", start="2026-11-01", end=day),
        monitor.histories(start="2026-11-01", end=day, step="1w"),
        monitor.what_if(draft, as_of=day, step="52w"),
    ]


@pytest.fixture(scope="session")
def frames(scenario: Monitor, tmp_path_factory: pytest.TempPathFactory) -> list[Frame]:
    """Return a frame of each kind, each with rows."""
    draft = tmp_path_factory.mktemp("draft") / "rules"
    shutil.copytree(ROOT / "rules", draft)
    (draft / "section-1260h.yaml").unlink()
    return of_each_kind(scenario, draft)


@pytest.fixture
def empty(clock: Clock) -> Iterator[list[Frame]]:
    """Return a frame of each kind without rows, but for a history, which always has an end."""
    with riskmon.open("sqlite://", clock=clock) as monitor:
        monitor.declare([company("baidu")])
        (score, _, history, _, comparison) = of_each_kind(monitor, ROOT / "rules")
        yield [score, Scores([]), history, Histories([], [], []), comparison]


def schemas(frame: Frame) -> list[dict[str, str]]:
    """Return the types of a frame's columns in polars, pandas and Arrow."""
    return [
        {name: str(kind) for name, kind in frame.to_polars().schema.items()},
        {name: str(kind) for name, kind in frame.to_pandas().dtypes.items()},
        {one.name: str(one.type) for one in pa.table(frame).schema},
    ]


def test_a_frame_has_the_same_columns_and_types_whatever_its_size(
    frames: list[Frame], empty: list[Frame]
) -> None:
    """Without rows as with many: what reads it need not ask."""
    assert [True] * 5 == [frame.size() > 1 for frame in frames]
    assert [0, 0, 1, 0, 0] == [min(frame.size(), 1) for frame in empty]
    for many, none in zip(frames, empty, strict=True):
        assert schemas(many) == schemas(none)
        assert list(many.kinds) == list(schemas(many)[0])
    as_of = frames[1].to_polars()[:0].schema
    assert (pl.Float64, pl.Datetime("us", "UTC")) == (as_of["value"], as_of["as_of"])


def test_a_frame_is_the_same_in_every_library(frames: list[Frame], tmp_path: Path) -> None:
    """Dicts, polars, pandas, Arrow, and a Parquet file that was written and read again."""
    for frame in frames:
        dicts = frame.to_dicts()
        file = tmp_path / "frame.parquet"
        frame.to_polars().write_parquet(file)
        pandas = frame.to_pandas().astype(object)
        assert [dicts] * 4 == [
            frame.to_polars().to_dicts(),
            pa.table(frame).to_pylist(),
            pandas.where(pandas.notna(), None).to_dict("records"),
            pl.read_parquet(file).to_dicts(),
        ]


def test_a_score_as_a_frame_has_a_row_for_each_line(scenario: Monitor) -> None:
    """With whose it is, as of when, and the keys of the events it stands on."""
    score = scenario.score("Baidu", as_of="2024-01-12")
    rows = score.to_dicts()
    assert [line.points for line in score.lines] == [row["points"] for row in rows]
    assert score.value == pytest.approx(sum(row["points"] for row in rows))
    line = score.lines[0]
    assert {
        "company": "baidu",
        "name": "Baidu, Inc.",
        "as_of": datetime(2024, 1, 12, tzinfo=UTC),
        "rule": line.rule,
        "category": line.category,
        "matter": line.matter,
        "stage": line.stage,
        "since": line.since,
        "via": line.via,
        "severity": line.severity,
        "likelihood": line.likelihood,
        "weight": line.weight,
        "decay": line.decay,
        "points": line.points,
        "without": line.without,
        "events": [event.key for event in line.events],
    } == rows[0]


def test_a_score_is_never_falsy(empty: list[Frame]) -> None:
    """Nor is one without lines: `if score` asks whether there is one."""
    assert 0 == empty[0].size()
    assert bool(empty[0]) is True


def test_frames_as_html_say_what_they_are(frames: list[Frame]) -> None:
    """In a caption: of whom, as of when."""
    captions = [re.findall("<caption>(.*?)</caption>", frame._repr_html_()) for frame in frames]
    now, then = (digest[:12] for digest in frames[4].digests)  # type: ignore[attr-defined]
    assert [
        ["Baidu, Inc.: 68.31 (high) as of 2026-11-22"],
        ["Scores of 11 companies as of 2026-11-22"],
        ["Baidu, Inc.: score from 2026-11-01 to 2026-11-22"],
        ["Scores of 11 companies from 2026-11-01 to 2026-11-22"],
        [f"Rules in force {now} and draft {then} as of 2026-11-22"],
    ] == captions


def test_frames_as_html_escape_what_they_show(clock: Clock) -> None:
    """A name is text, whatever it looks like; an empty frame is an empty table."""
    with riskmon.open("sqlite://", clock=clock) as monitor:
        assert "<tbody></tbody>" in monitor.scores()._repr_html_()
        monitor.declare([company("a", name="<script>alert(1)</script>\x1b[2J\u202e")])
        for frame in (monitor.scores(), monitor.score("a")):
            shown = frame._repr_html_()
            assert "&lt;script&gt;alert(1)&lt;/script&gt;" in shown
            assert [] == [bad for bad in ("<script>", "\x1b", "\u202e") if bad in shown]


@pytest.mark.parametrize(
    ("count", "more"),
    [(1, []), (50, []), (51, ["and 1 more row"]), (1234, ["and 1,184 more rows"])],
)
def test_frames_as_html_have_at_most_fifty_rows(count: int, more: list[str]) -> None:
    """And say how many more there are."""
    day = datetime(2024, 1, 1, tzinfo=UTC)
    shown = History("a", [Point(day, 1.0)] * count)._repr_html_()
    assert min(count, 50) == shown.count("<tr><td>")
    assert more == re.findall("<p>(.*?)</p>", shown)


def test_an_extra_that_is_missing_names_its_install_line(
    scenario: Monitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As pip takes it."""
    scores = scenario.scores()
    for library, extra, use in (
        ("polars", "polars", scores.to_polars),
        ("pandas", "pandas", scores.to_pandas),
        ("altair", "plot", scores.plot),
        ("vl_convert", "plot", lambda: scores.plot("scores.svg")),
    ):
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, library, None)
            with pytest.raises(MissingExtraError, match=rf"pip install 'riskmon\[{extra}\]'"):
                use()


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
