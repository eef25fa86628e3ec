"""Natural persons: sealed in the ledger, readable to its user, forgotten for ever when asked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

import riskmon
from riskmon import receipts
from riskmon.errors import BusyError, DatabaseError, RiskmonError, VerificationError
from riskmon.monitor import Monitor
from tests.builders import ROOT, company, event, forge, lines

DING = {
    "name": "Linwei Ding",
    "kind": "person",
    "aliases": ["Leon Ding"],
    "identifiers": {"passport": "E123"},
}
SECRETS = ("Linwei", "Leon Ding", "E123", "for a start-up of his own")


def case(**fields: Any) -> dict[str, Any]:
    return event(
        source="us-doj",
        type="case.indicted",
        title="Linwei Ding charged",
        summary="Linwei Ding took files for a start-up of his own",
        url="https://example.com/linwei-ding",
        attributes={"defendant": "Linwei Ding"},
        topics=["trade-secrets"],
        matter="m",
        parties=[DING, {"company": "google", "role": "victim"}],
        **fields,
    )


@pytest.fixture
def told(monitor: Monitor) -> dict[str, Any]:
    """Tell of one case, and return it."""
    monitor.declare([company("google")])
    indictment = case(ref="ding-1")
    monitor.ingest([indictment])
    return indictment


def test_the_ledger_holds_nothing_that_names_a_person(
    monitor: Monitor, told: dict[str, Any]
) -> None:
    """Neither name, alias and identifier nor free text; what scores need stays in the clear."""
    del told
    (body,) = [json.loads(entry.body) for entry in monitor.entries() if entry.source == "us-doj"]
    text = json.dumps(body)
    assert [] == [secret for secret in SECRETS if secret in text]
    person, firm = body["parties"]
    assert {"kind", "person", "sealed"} == set(person)
    assert {"company": "google", "role": "victim"} == firm
    assert {"source", "ref", "type", "occurred_at", "matter", "topics", "parties", "sealed"} == (
        set(body)
    )


def test_a_query_reads_what_was_told(monitor: Monitor, told: dict[str, Any]) -> None:
    """As if it had never been sealed, field by field."""
    (found,) = monitor.events("google")
    assert riskmon.Event.model_validate(told) == found


def test_a_repeat_is_a_repeat_though_it_is_sealed(monitor: Monitor, told: dict[str, Any]) -> None:
    """The same text under the same key is the same ciphertext; a change is a revision."""
    assert 1 == monitor.ingest([told]).duplicates
    assert 1 == monitor.ingest([told | {"summary": "Linwei Ding pleads"}]).revised
    assert 1 == monitor.ingest([told]).revised


def test_a_person_is_forgotten_and_everything_else_holds(
    monitor: Monitor, told: dict[str, Any], url: str
) -> None:
    """Name and free text are gone, for this process and for others; chain, proofs, scores stay."""
    del told
    other = case(ref="other") | {"parties": [{"name": "Jo Doe", "kind": "person"}], "matter": "x"}
    both = case(ref="both", occurred_at="2024-01-02")
    both["parties"] = [*both["parties"], {"name": "Jo Doe", "kind": "person", "role": "mentioned"}]
    monitor.ingest([other, both])
    before = monitor.score("google", as_of="2024-06-01")
    proof = monitor.verify(proof=3).proof
    made = monitor.receipt(before)
    token = monitor.forget("LINWEI  Ding")
    assert "person.forgotten" == list(monitor.entries())[-1].kind
    assert token == list(monitor.entries())[-1].ref
    after = monitor.score("google", as_of="2024-06-01")
    assert before.value == after.value
    with riskmon.open(url) as fresh:
        for opened in (monitor, fresh):
            first, second = opened.events("google", as_of="2024-06-01")
            assert ("[forgotten]", None, None, {}) == (
                first.title,
                first.summary,
                first.url,
                first.attributes,
            )
            names = [(party.name, party.role) for party in second.parties]
            assert [("[forgotten]", "subject"), (None, "victim"), ("Jo Doe", "mentioned")] == names
            assert "[forgotten]" == second.title
            assert opened.verify().head.position == 7
            assert [] == opened.check(made)
    found = monitor.verify(proof=3).proof
    assert proof is not None
    assert found is not None
    assert proof["entry"] == found["entry"]


def test_the_forgotten_stay_forgotten(monitor: Monitor, told: dict[str, Any]) -> None:
    """Told again, the event has one more revision, without the name; then repeats vanish."""
    monitor.forget("Linwei Ding")
    assert 1 == monitor.ingest([told]).revised
    assert 1 == monitor.ingest([told]).duplicates
    assert ["[forgotten]"] == [one.title for one in monitor.events("google")]


def test_a_key_is_gone_from_the_files(monitor: Monitor, told: dict[str, Any], url: str) -> None:
    """Its bytes are nowhere in the database any more: not in a page, not in the log ahead."""
    del told
    with monitor._ledger.engine.connect() as connection:
        key = connection.scalar(sa.text("SELECT key FROM person"))
    monitor.forget("Linwei Ding")
    with monitor._ledger.engine.connect() as connection:
        assert [None] == list(connection.scalars(sa.text("SELECT key FROM person")))
    if url.startswith("sqlite"):
        file = Path(url.removeprefix("sqlite:///"))
        for one in file.parent.glob(f"{file.name}*"):
            assert key.encode() not in one.read_bytes(), one


def test_a_query_about_the_past_forgets_too(
    monitor: Monitor, told: dict[str, Any], url: str
) -> None:
    """What was read before, as of whatever position, by whatever process, is let go."""
    del told
    with riskmon.open(url) as other:
        for opened in (monitor, other):
            (found,) = opened.events("google", known_at=3)
            assert "Linwei Ding charged" == found.title
        other.forget("Linwei Ding")
        for opened in (other, monitor):
            (found,) = opened.events("google", known_at=3)
            assert "[forgotten]" == found.title


def test_persons_without_a_name_share_nothing(monitor: Monitor) -> None:
    """Each has a key of its own, and no name by which all could be forgotten at once."""
    nameless = [{"company": "google", "kind": "person"}, {"name": "***", "kind": "person"}]
    monitor.declare([company("google")])
    monitor.ingest([case(ref="a") | {"parties": nameless}])
    (body,) = [json.loads(entry.body) for entry in monitor.entries() if entry.ref == "a"]
    assert 2 == len({party["person"] for party in body["parties"]})
    for name in ("", "***"):
        with pytest.raises(RiskmonError, match="no event names a person called"):
            monitor.forget(name)


@pytest.mark.parametrize("change", ["key = '00' || substr(key, 3)", "key = NULL"])
def test_a_key_that_was_touched_is_found(
    monitor: Monitor, told: dict[str, Any], change: str
) -> None:
    """The ledger knows a person by a digest of the key: queries go on, verify says so."""
    del told
    with monitor._ledger.engine.connect() as connection:
        connection.exec_driver_sql(f"UPDATE person SET {change}")
        connection.commit()
    with pytest.raises(VerificationError, match="the key of the person") as caught:
        monitor.verify()
    assert "changed" == caught.value.finding
    assert ["[forgotten]"] == [found.title for found in monitor.events("google")]


def test_forgetting_is_not_done_while_somebody_reads(tmp_path: Path) -> None:
    """Of SQLite's log ahead, which then still has the key; it is said, and can be done again."""
    url = f"sqlite:///{tmp_path / 'risk.db'}"
    with riskmon.open(url) as monitor, riskmon.open(url) as other:
        monitor.ingest([case(ref="a") | {"parties": [DING]}])
        reader = other._ledger.engine.connect()
        reader.exec_driver_sql("SELECT * FROM entry").fetchone()
        with monitor._ledger.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA busy_timeout = 10")
            key = connection.exec_driver_sql("SELECT key FROM person").scalar()
        assert key
        with pytest.raises(BusyError, match="somebody reads the database"):
            monitor.forget("Linwei Ding")
        reader.close()
        monitor.forget("Linwei Ding")
        files = list(tmp_path.glob("risk.db*"))
        assert [] == [file for file in files if key.encode() in file.read_bytes()]


def test_nobody_unknown_is_forgotten(monitor: Monitor, told: dict[str, Any]) -> None:
    """A misspelt name is refused: else one would believe it was done."""
    del told
    for name in ("Google", "Lin Wei Ding", ""):
        with pytest.raises(RiskmonError, match="no event names a person called"):
            monitor.forget(name)


def test_a_ciphertext_moved_elsewhere_does_not_open(monitor: Monitor) -> None:
    """It is bound to its event and party; nobody's words can be put into another's mouth."""
    monitor.declare([company("google")])
    monitor.ingest([case(ref="a"), case(ref="b")])
    entries = list(monitor.entries())
    first, second = (json.loads(entry.body) for entry in entries[-2:])
    assert first["sealed"] != second["sealed"]
    moved = entries[-1]._replace(body=receipts.text(second | {"sealed": first["sealed"]}))
    with pytest.raises(DatabaseError, match=r"is damaged .*does not open with its key"):
        list(monitor._persons.open([moved]))


def test_a_damaged_sealed_entry_is_named(monitor: Monitor, told: dict[str, Any]) -> None:
    """By its position, as any other; the rest of the program ends in order."""
    del told
    cut = "UPDATE entry SET body = substr(body, 1, 400) WHERE position = 3"
    forge(monitor._ledger.engine, cut)
    with pytest.raises(DatabaseError, match="entry 3 of the ledger is damaged"):
        monitor.scores()


def test_one_batch_may_name_very_many_persons(monitor: Monitor) -> None:
    """More than a statement has room for variables."""
    events = [
        event(parties=[{"name": f"Jo Doe {one}", "kind": "person"} for one in range(first, last)])
        for first, last in ((start, start + 1000) for start in range(0, 34_000, 1000))
    ]
    assert len(events) == monitor.ingest(events).appended
    assert len(events) == monitor.ingest(events).duplicates


def test_no_shipped_rule_names_a_person() -> None:
    """Rules are published into the ledger as they stand: what they name could not be forgotten."""
    told = list(lines(ROOT / "scenario" / "events.jsonl"))
    names = {
        party["name"]
        for one in told
        for party in one.get("parties", ())
        if party.get("kind") == "person"
    }
    assert names
    for file in (ROOT / "rules").glob("*.yaml"):
        assert [] == [name for name in names if name in file.read_text("utf-8")], file
