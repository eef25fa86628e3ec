"""The generator of large columnar copies: what a ledger would tell, and the same each time."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

import riskmon
from benchmarks import bulk, columnar, workload
from riskmon.bulk.copy import Copy
from riskmon.bulk.following import follow
from riskmon.monitor import Monitor

EVENTS, COMPANIES = 20_000, 200


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    """Write a copy of 20,000 events about 200 companies."""
    folder = tmp_path_factory.mktemp("copy")
    columnar.write(folder, EVENTS, COMPANIES, seed=1)
    return Copy(folder)


@pytest.fixture(scope="module")
def monitor(copy: Copy, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Monitor]:
    """Tell the same events to a ledger, one after another."""
    folder = tmp_path_factory.mktemp("ledger")
    rules = folder / "rules"
    rules.mkdir()
    for rule in workload.rules():
        (rules / f"{rule['id']}.yaml").write_text(json.dumps(rule), "utf-8")
    (rules / "publishers.yaml").write_text(json.dumps(list(workload.publishers())), "utf-8")
    url = f"sqlite:///{folder / 'risk.db'}"
    with riskmon.open(url, rules=rules, clock=lambda: workload.NOW) as opened:
        opened.recalculate()  # publishes the rules
        opened.declare(workload.companies(COMPANIES))
        opened.ingest(told(copy))
        yield opened


def told(copy: Copy) -> list[dict[str, Any]]:
    """Return what a copy tells, as a source would give it."""
    events = {row["position"]: row for row in all_of(copy, "events").to_pylist()}
    given = {
        position: {
            "source": row["teller"],
            "ref": f"event-{row['place']}",
            "type": row["type"],
            "matter": row["matter"],
            "occurred_at": f"{row['occurred']:%Y-%m-%d}",
            "title": "Something happened",
            "topics": row["topics"].split(),
            "scope": row["scope"].split(),
            "parties": [
                {"company": f"c{party}", "role": role}
                for party, role in zip(row["party"], row["role"], strict=True)
            ],
        }
        for position, row in events.items()
    }
    for row in copy.read("ended").to_pylist():
        if row["until"] not in events:
            taken_back = given[row["position"]]
            one = {"source": taken_back["source"], "ref": taken_back["ref"], "withdrawn": True}
            given[row["until"]] = one
    return [given[position] for position in sorted(given)]


def all_of(copy: Copy, kind: str) -> pa.Table:
    """Return the events, or the pairs, of all buckets."""
    numbers = range(copy.buckets)
    return pa.concat_tables([one for number in numbers for one in copy.bucket(number, kind=kind)])


def test_the_copy_is_the_one_that_a_ledger_would_have(copy: Copy, monitor: Monitor) -> None:
    """Every table but for the numbers of names: these are as events first come."""
    made = follow(monitor._ledger, copy.folder.parent / "followed")
    assert (made.position, made.events) == (copy.position, copy.events)
    assert list(made.rest()) == list(copy.rest())
    for name in ("ended", "scoped"):
        assert rows_of(made, made.read(name)) == rows_of(copy, copy.read(name))
    for kind in ("events", "pairs"):
        assert rows_of(made, all_of(made, kind)) == rows_of(copy, all_of(copy, kind))


def rows_of(copy: Copy, table: pa.Table) -> list[dict[str, Any]]:
    """Return rows with companies in place of their numbers, in an order that is no matter."""
    ids = [one.company for one in copy.named()]
    rows = table.to_pylist()
    for row in rows:
        if isinstance(row.get("party"), int):
            row["party"] = ids[row["party"]]
        elif "party" in row:
            row["party"] = [ids[one] for one in row["party"]]
    return sorted(rows, key=lambda row: tuple(map(str, row.values())))


def test_scores_are_those_of_the_ledger(copy: Copy, monitor: Monitor) -> None:
    """Every company's, from the copy as from the ledger, to 1e-9; and one by itself."""
    replay = bulk.opened(copy.folder)
    standing = replay.standing()
    found = replay.scores(standing, workload.NOW)
    expected = {score.company: score.hazard for score in monitor.scores()}
    assert min(expected.values()) > 0
    assert expected == pytest.approx({score.company: score.hazard for score in found}, abs=1e-9)
    one = replay.score(standing, workload.NOW, "c7")
    assert expected["c7"] == pytest.approx(one.hazard, abs=1e-9)
    assert [line.matter for line in monitor.score("c7").lines] == [ln.matter for ln in one.lines]


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    """And another one other events."""

    def written(name: str, seed: int) -> dict[str, bytes]:
        folder = tmp_path / name
        columnar.write(folder, 2_000, 20, seed)
        files = [one for one in folder.rglob("*") if one.is_file()]
        return {str(one.relative_to(folder)): one.read_bytes() for one in files}

    first = written("first", 1)
    assert first == written("again", 1)
    assert first.keys() == (other := written("other", 2)).keys()
    assert {name for name in first if other[name] != first[name]} > {
        name for name in first if "events/" in name
    }


def test_the_news_has_the_shape_that_is_told(copy: Copy) -> None:
    """0.7 matters an event, of one in fifty a scope; 1 in 1,000 revised, 1 in 2,000 withdrawn."""
    events = all_of(copy, "events")
    assert Counter({True: EVENTS, False: EVENTS // 1000}) == Counter(
        pc.equal(events["position"], events["place"]).to_pylist()
    )
    assert len(copy.read("ended")) == EVENTS // 1000 + EVENTS // 2000
    drawn = EVENTS * 0.7 * (1 - np.exp(-1 / 0.7))  # of some matters nothing is told
    assert drawn == pytest.approx(pc.count_distinct(events["matter"]).as_py(), rel=0.02)
    scoped = EVENTS * 0.7 / 49 * (1 - np.exp(-1 / 0.7))
    assert scoped == pytest.approx(len(copy.scoped()), rel=0.1)


@pytest.mark.parametrize("companies", [10_000, 1_000_000])
def test_no_company_has_an_enormous_share(companies: int) -> None:
    """Half a per cent of events at most, each of which draws two on average; the last have some."""
    lots = np.linspace(0, 1, 4_000_000, endpoint=False)
    drawn = np.bincount(columnar.drawn(lots, companies), minlength=companies) / len(lots)
    assert drawn.argmax() == 0
    assert 0.001 < drawn[0] < 0.0025
    assert drawn[-10:].sum() > 0
