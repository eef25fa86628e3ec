"""The engine against the model written a second time, on ledgers that hypothesis invents."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import riskmon
from riskmon.monitor import Monitor
from tests import reference
from tests.builders import event, write_rules
from tests.strategies import COMPANIES, START, companies, publishers, rules, told

OTHERS = [event(type="corporate.founded", ref=f"other-{number}") for number in range(60)]
"""Events of matters that no rule reads: one that is told touches few of all, as in a real log."""
days = st.integers(-5, 500).map(lambda number: START + timedelta(days=number))


class Told(NamedTuple):
    """A monitor, and the same log for the reference."""

    monitor: Monitor
    log: reference.Log
    rules: list[Any]
    publishers: list[Any]

    def expected(self, firm: str, as_of: datetime, known_at: datetime | None) -> dict[Any, float]:
        """Return h of each line, by the reference."""
        known = known_at or datetime.max.replace(tzinfo=as_of.tzinfo)
        return reference.lines(self.log, self.rules, self.publishers, firm, as_of, known)


@settings(max_examples=200, suppress_health_check=list(HealthCheck))
@given(data=st.data(), told=told, publishers=publishers)
def test_engine_equals_the_slow_reference(
    data: st.DataObject, told: list[Any], publishers: list[Any]
) -> None:
    """Every line, category, score and history, at any moment, as known at any, to 1e-9.

    Scores are asked for between the events too, so that the engine goes forward by what is new.
    """
    ruleset = [data.draw(rules(name)) for name in ("r", "s")]
    firms = [data.draw(companies(name)) for name in COMPANIES]
    now = [START]
    with (
        TemporaryDirectory() as folder,
        riskmon.open(
            "sqlite://",
            rules=write_rules(Path(folder) / "rules", *ruleset, publishers=publishers),
            clock=lambda: now[0],
        ) as monitor,
    ):
        assert not monitor.declare(firms).rejected
        assert not monitor.ingest(OTHERS).rejected
        both = Told(monitor, [(START, "company", firm) for firm in firms], ruleset, publishers)
        for wait, what, body in told:
            now[0] += timedelta(days=40 * wait)
            _tell(both, now[0], what, body, Path(folder) / "rejected.jsonl")
            if data.draw(st.booleans()):
                _compare_all(both, data.draw(days))
        for known_at in (None, data.draw(days), data.draw(days)):
            as_of = data.draw(days)
            for firm in COMPANIES:
                _compare(both, firm, as_of, known_at)
            for _ in range(2):  # the second may begin before the first ends
                _compare_histories(both, data.draw(days), known_at)


def _tell(both: Told, now: datetime, what: str, body: dict[str, Any], rejects: Path) -> None:
    withdrawn = {"source": body["source"], "ref": body["ref"], "withdrawn": True}
    row = withdrawn if what == "withdrawal" else body
    known = any(_key(row) == _key(other) for _, _, other in both.log)
    report = both.monitor.ingest([row], rejects=rejects)
    assert (what == "withdrawal" and not known) == len(report.rejected)
    if not report.rejected:
        both.log.append((now, what, body))


def _key(body: dict[str, Any]) -> tuple[Any, Any]:
    return body.get("source"), body.get("ref")


def _compare_all(both: Told, as_of: datetime) -> None:
    found = {one.company: one.value for one in both.monitor.scores(as_of=as_of)}
    expected = {one: reference.score(both.expected(one, as_of, None)) for one in COMPANIES}
    assert expected == pytest.approx(found, abs=1e-9)


def _compare_histories(both: Told, start: datetime, known_at: datetime | None) -> None:
    asked: dict[str, Any] = {"start": start, "end": start + timedelta(days=130), "step": "50d"}
    histories = both.monitor.histories(**asked, known_at=known_at)
    together = {one.company: list(one) for one in histories}
    for firm in COMPANIES:
        found = list(both.monitor.history(firm, **asked, known_at=known_at))
        assert [0, 50, 100, 130] == [(point.as_of - start).days for point in found]
        expected = [reference.score(both.expected(firm, point.as_of, known_at)) for point in found]
        assert expected == pytest.approx([point.value for point in found], abs=1e-9)
        if firm in together:
            assert expected == pytest.approx([one.value for one in together[firm]], abs=1e-9)
        else:
            assert [0.0] * 4 == expected


def _compare(both: Told, firm: str, as_of: datetime, known_at: datetime | None) -> None:
    expected = both.expected(firm, as_of, known_at)
    score = both.monitor.score(firm, as_of=as_of, known_at=known_at)
    assert math.isclose(reference.score(expected), score.value, abs_tol=1e-9)
    assert set(expected) == {(line.rule, line.matter) for line in score.lines}
    total = sum(expected.values())
    for line in score.lines:
        h = expected[line.rule, line.matter]
        share = reference.score(expected) * h / total
        assert math.isclose(share, line.points, abs_tol=1e-9)
        rest = 100 * (1 - math.exp(-(total - h)))
        assert math.isclose(rest, line.without, abs_tol=1e-9)
    assert math.isclose(score.value, math.fsum(ln.points for ln in score.lines), abs_tol=1e-9)
    for category in ("law", "press"):
        names = {one["id"] for one in both.rules if one["category"] == category}
        part = {key: h for key, h in expected.items() if key[0] in names}
        assert math.isclose(
            reference.score(part), score.categories.get(category, 0.0), abs_tol=1e-9
        )
    scores = both.monitor.scores(as_of=as_of, known_at=known_at)
    everybody = {one.company: one.value for one in scores}
    assert math.isclose(score.value, everybody.get(firm, 0.0), abs_tol=1e-9)
