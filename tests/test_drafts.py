"""Drafts of events: nothing scores before a person, or a bound on confidence, accepts it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from riskmon import sources
from riskmon.errors import UsageError
from riskmon.monitor import Monitor
from tests.builders import company

EXTRACTOR = '''"""Stories as a model reads them."""

import json

from riskmon.model import Draft, Event, Row
from riskmon.validation import check


def read(stream, day=None):
    """Yield a draft for each line of JSON."""
    for number, line in enumerate(stream, 1):
        told = check(Event, {"source": "my-model", "occurred_at": day, **json.loads(line)})
        yield Row(number, line.decode(), Draft(told) if isinstance(told, Event) else told)
'''


def draft(ref: str, confidence: float, **fields: object) -> str:
    """Return a line from which the extractor makes a draft."""
    attributes = {"sentence": f"Sentence {ref}.", "confidence": confidence}
    data = {
        "ref": ref,
        "type": "case.indicted",
        "title": f"Charged {ref}",
        "topics": ["trade-secrets"],
        "parties": [{"name": "Example AG"}],
        "attributes": attributes,
    }
    return json.dumps(data | fields)


@pytest.fixture
def plugged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Install an extractor that comes from outside, as `my-model`."""
    (tmp_path / "my_extractor.py").write_text(EXTRACTOR, "utf-8")
    info = tmp_path / "my_extractor-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: my-extractor\nVersion: 1\n", "utf-8"
    )
    (info / "entry_points.txt").write_text("[riskmon.sources]\nmy-model = my_extractor\n", "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    sources.plugged.cache_clear()
    yield "my-model"
    sys.modules.pop("my_extractor", None)
    sources.plugged.cache_clear()


@pytest.fixture
def told(plugged: str, monitor: Monitor, tmp_path: Path) -> Monitor:
    """Give drafts of three stories, one of them about a person, to a monitor that watches one."""
    monitor.declare([company("example", name="Example AG")])
    person = [{"name": "Jane Doe", "kind": "person"}, {"name": "Example AG", "role": "beneficiary"}]
    lines = [draft("aa1", 0.95, parties=person), draft("ab2", 0.6), draft("b3", 0.2)]
    (tmp_path / "stories.jsonl").write_text("\n".join(lines), "utf-8")
    report = monitor.ingest(tmp_path / "stories.jsonl", source=plugged, dated="2024-03-06")
    assert (3, 0) == (report.drafts, report.appended)
    assert "3 drafts to review" in str(report)
    return monitor


def test_a_draft_scores_once_it_is_accepted(told: Monitor) -> None:
    """And not before; a rejected one never does, and does not wait again when it is told again."""
    assert 0 == told.score("example", as_of="2024-03-06").value
    assert 0 == told.status().events
    assert ["aa1", "ab2", "b3"] == [one.event.ref for one in told.drafts()]
    told.accept_draft("ab2", by="Ada", why="read the indictment")
    (line,) = told.score("example", as_of="2024-03-06").lines
    assert ("trade-secret-case", "my-model:ab2") == (line.rule, line.matter)
    told.reject_draft("b3")
    assert ["aa1"] == [one.event.ref for one in told.drafts()]


def test_all_drafts_above_a_bound_can_be_accepted(told: Monitor) -> None:
    """The bound is kept with the decision."""
    assert ["aa1", "ab2"] == [one.ref for one in told.accept_drafts(0.6)]
    rulings = [json.loads(one.body) for one in told.entries() if one.kind == "ruling.made"]
    assert [0.6, 0.6] == [one["confidence"] for one in rulings]
    with pytest.raises(UsageError, match="expected a confidence from 0 to 1, got 60"):
        told.accept_drafts(60)


def test_told_again_a_draft_waits_once(told: Monitor, tmp_path: Path) -> None:
    """Whatever was decided of it stands."""
    told.reject_draft("aa1")
    report = told.ingest(tmp_path / "stories.jsonl", source="my-model", dated="2024-03-06")
    assert (0, 0) == (report.drafts, report.appended)
    assert ["ab2", "b3"] == [one.event.ref for one in told.drafts()]


def test_a_draft_is_named_so_that_it_is_one(told: Monitor) -> None:
    """The beginning of a ref that is several, or none, is said."""
    for key, reason in (
        ("a", "several drafts that wait begin with"),
        ("zz", "no draft that waits"),
    ):
        with pytest.raises(UsageError, match=reason):
            told.accept_draft(key)


def test_a_person_in_a_draft_is_sealed_and_can_be_forgotten(told: Monitor) -> None:
    """The ledger never holds the name in clear, neither before nor after it is accepted."""
    told.accept_draft("aa1")
    bodies = [one.body for one in told.entries()]
    assert "Jane Doe" not in "".join(bodies)
    named = [
        party.name for one in told.events("example", as_of="2024-03-06") for party in one.parties
    ]
    assert ["Jane Doe", "Example AG"] == named
    told.forget("Jane Doe")
    named = [
        party.name for one in told.events("example", as_of="2024-03-06") for party in one.parties
    ]
    assert ["[forgotten]", "Example AG"] == named


def test_what_is_plugged_in_and_broken_is_said(plugged: str, tmp_path: Path) -> None:
    """The source by its name, with the reason; the others are still there."""
    (tmp_path / "my_extractor.py").write_text("1 / 0", "utf-8")
    with pytest.raises(
        UsageError, match="'my-model' that is plugged in cannot be loaded: division"
    ):
        sources.reader(plugged)
    assert "jsonl" in sources.names()
