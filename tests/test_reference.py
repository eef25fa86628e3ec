"""The engine against the model written a second time, on ledgers that hypothesis invents."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import riskmon
from tests import reference
from tests.builders import write_rules
from tests.strategies import COMPANIES, START, companies, publishers, rules, told


@settings(max_examples=200, suppress_health_check=list(HealthCheck))
@given(data=st.data(), told=told, publishers=publishers)
def test_engine_equals_the_slow_reference(
    data: st.DataObject, told: list[Any], publishers: list[Any]
) -> None:
    """Every line, category and score, at any moment, as known at any moment, to 1e-9."""
    ruleset = [data.draw(rules(name)) for name in ("r", "s")]
    firms = [data.draw(companies(name)) for name in COMPANIES]
    now = [START]
    log: reference.Log = []
    with (
        TemporaryDirectory() as folder,
        riskmon.open(
            "sqlite://",
            rules=write_rules(Path(folder) / "rules", *ruleset, publishers=publishers),
            clock=lambda: now[0],
        ) as monitor,
    ):
        assert not monitor.declare(firms).rejected
        log += [(now[0], "company", firm) for firm in firms]
        for wait, what, body in told:
            now[0] += timedelta(days=40 * wait)
            row = (
                {"source": body["source"], "ref": body["ref"], "withdrawn": True}
                if what == "withdrawal"
                else body
            )
            report = monitor.ingest([row], rejects=Path(folder) / "rejected.jsonl")
            assert len(report.rejected) == (
                what == "withdrawal" and not any(_key(row) == _key(b) for _, w, b in log)
            )
            if not report.rejected:
                log.append((now[0], what, body))
        for _ in range(4):
            as_of = START + timedelta(days=data.draw(st.integers(-5, 500)))
            known_at = START + timedelta(days=data.draw(st.integers(-5, 500)))
            for firm in COMPANIES:
                _compare(monitor, log, ruleset, publishers, firm, as_of, known_at)


def _key(body: dict[str, Any]) -> tuple[Any, Any]:
    return body.get("source"), body.get("ref")


def _compare(
    monitor: riskmon.Monitor,
    log: reference.Log,
    ruleset: list[Any],
    publishers: list[Any],
    firm: str,
    as_of: datetime,
    known_at: datetime,
) -> None:
    expected = reference.lines(log, ruleset, publishers, firm, as_of, known_at)
    score = monitor.score(firm, as_of=as_of, known_at=known_at)
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
        names = {one["id"] for one in ruleset if one["category"] == category}
        part = {key: h for key, h in expected.items() if key[0] in names}
        assert math.isclose(
            reference.score(part), score.categories.get(category, 0.0), abs_tol=1e-9
        )
    everybody = {one.company: one.value for one in monitor.scores(as_of=as_of, known_at=known_at)}
    assert math.isclose(score.value, everybody.get(firm, 0.0), abs_tol=1e-9)
