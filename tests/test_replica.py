"""A read replica: it answers by the prefix that it has, as its primary would, and only reads."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

import riskmon
from riskmon.errors import DatabaseError, ReplicaError, RiskmonError, VerificationError
from riskmon.monitor import Monitor
from riskmon.tables import REVISION
from tests.builders import ROOT, Clock, company, event, listed, withdrawal
from tests.clusters import Replica, replica
from tests.pages import asking, send
from tests.workers import of_server

soak = pytest.mark.soak
NOW = "2024-06-01"
TAKES_NO_WRITES = "is a read replica: it answers, and takes no writes. Expected the URL of its prim"


@pytest.fixture(scope="module")
def standby(postgresql_server: str) -> Iterator[Replica]:
    """Give a streaming replica of the server."""
    with replica(postgresql_server) as found:
        yield found


class Pair:
    """A database on a primary, and the same on its replica."""

    def __init__(self, url: str, standby: Replica) -> None:
        self.name = str(sa.make_url(url).database)
        self.urls = {"primary": url, "replica": standby.url(self.name)}
        self.standby = standby

    def open(self, where: str) -> Monitor:
        """Open a monitor on one of the two."""
        return riskmon.open(self.urls[where], clock=Clock(NOW))

    def both(self, standby: Replica, which: str) -> str:
        """Return one URL of the primary and a replica, of which libpq takes one that is so."""
        found = [sa.make_url(one) for one in (standby.url(self.name), self.urls["primary"])]
        hosts = "&".join(f"host={one.query['host']}:5432" for one in found)
        named = f"postgresql+psycopg://postgres@/{self.name}?{hosts}"
        return f"{named}&target_session_attrs={which}"


@pytest.fixture
def pair(postgresql_url: str, standby: Replica) -> Iterator[Pair]:
    """Give a database of the scenario, which the replica has in full."""
    found = Pair(postgresql_url, standby)
    with found.open("primary") as monitor:
        monitor.declare(ROOT / "scenario" / "companies.jsonl")
        monitor.ingest(ROOT / "scenario" / "events.jsonl")
        monitor.recalculate()
    standby.catch_up()
    yield found
    standby.resume()
    standby.catch_up()


def answers(monitor: Monitor, known_at: int) -> dict[str, Any]:
    """Return what a monitor says of everything, as known at a position."""
    names = [one.company for one in monitor.scores(known_at=known_at)][:5]
    matters = {line.matter for one in monitor.scores(known_at=known_at) for line in one.lines}
    return {
        "scores": monitor.scores(known_at=known_at).to_dicts(),
        "score": [monitor.score(name, known_at=known_at) for name in names],
        "history": [monitor.history(name, known_at=known_at).to_dicts() for name in names],
        "events": [monitor.events(name, known_at=known_at) for name in names],
        "overview": monitor.overview(known_at=known_at).to_dicts(),
        "timeline": [list(monitor.timeline(name, known_at=known_at)) for name in names],
        "matters": [monitor.matter(name, known_at=known_at) for name in sorted(matters)],
        "rules": monitor.rule_moves(known_at=known_at),
        "found": monitor.search("chip", known_at=known_at),
    }


def test_a_replica_answers_everything(pair: Pair) -> None:
    """With the same digits as its primary; what is no query of a moment, too."""
    with pair.open("primary") as primary, pair.open("replica") as monitor:
        position = primary.position
        assert answers(primary, position) == answers(monitor, position)
        assert position == monitor.score("baidu").position
        assert primary.verify().head == monitor.verify().head
        assert list(primary.entries()) == list(monitor.entries())
        assert list(primary.runs()) == list(monitor.runs())
        assert primary.unresolved() == monitor.unresolved()
        assert primary.review() == monitor.review()
        assert primary.resolve("Baidu Inc") == monitor.resolve("Baidu Inc")
        assert primary.changes(10) == monitor.changes(10)
        receipt = monitor.receipt(monitor.score("baidu"), keep=False)
        assert [] == primary.check(receipt)


def test_a_replica_that_lags_answers_by_its_prefix(pair: Pair) -> None:
    """As its primary does with `known_at` at that position, which the score names."""
    with pair.open("replica") as monitor, pair.open("primary") as primary:
        before = monitor.position
        pair.standby.pause()
        primary.declare([company("acme", name="Acme GmbH")])
        primary.ingest([listed("Baidu", company="baidu"), event(ref="late")])
        told = next(one for one in primary.entries() if one.kind == "event.recorded")
        primary.ingest([withdrawal({"source": told.source, "ref": told.ref})])
        after = primary.position
        assert (before, before) == (monitor.position, monitor.score("baidu").position)
        assert answers(primary, before) == answers(monitor, before)
        assert primary.score("baidu", known_at=before) == monitor.score("baidu")
        assert primary.score("baidu").value > monitor.score("baidu").value
        with pytest.raises(RiskmonError, match=f"a position from 0 to {before}, got {after}"):
            monitor.score("baidu", known_at=after)
        pair.standby.resume()
        pair.standby.catch_up()
        assert (after, after) == (monitor.position, monitor.score("baidu").position)
        assert answers(primary, after) == answers(monitor, after)
        assert primary.score("baidu") == monitor.score("baidu")


WRITES: dict[str, Callable[[Monitor], object]] = {
    "ingest": lambda monitor: monitor.ingest([event(ref="more")]),
    "declare": lambda monitor: monitor.declare([company("acme")]),
    "recalculate": lambda monitor: monitor.recalculate(),
    "accept": lambda monitor: monitor.accept("Baidu Holdings", "baidu"),
    "forget": lambda monitor: monitor.forget("Jane Roe"),
    "receipt": lambda monitor: monitor.receipt(monitor.score("baidu")),
    "hello": lambda monitor: monitor.say_hello(["desk"]),
    "ticks": lambda monitor: monitor.ticks(60),
    "person": lambda monitor: monitor.ingest(
        [event(ref="p", parties=[{"name": "John Doe", "kind": "person"}])]
    ),
}


def test_what_writes_is_refused_in_words(pair: Pair) -> None:
    """Each says where, what that is, and what was expected; nothing was stored."""
    with pair.open("replica") as monitor:
        before = monitor.position
        for name, write in WRITES.items():
            with pytest.raises(ReplicaError) as raised:
                write(monitor)
            where = f"{pair.name} at {sa.make_url(pair.urls['replica']).query['host']}:5432 "
            assert (name, True) == (name, str(raised.value).startswith(where + TAKES_NO_WRITES))
        assert before == monitor.position
        assert monitor.score("baidu").value > 0


def test_a_replica_is_well(pair: Pair) -> None:
    """`riskmon status` says what it is, and fails not."""
    with riskmon.open(pair.urls["replica"]) as monitor:
        found = {one.name: (one.state, one.told) for one in monitor.status().checks}
    told = "can be read: it is a read replica, and what is written goes to its primary"
    assert ("ok", told) == found["database"]
    assert "warn" == found["head"][0]
    assert not [name for name, (state, _) in found.items() if state == "fail"]


def test_commands_on_a_replica(pair: Pair, run: Any) -> None:
    """A query answers with the digits of the primary; what writes ends with 1 and says why."""
    asked = ("score", "baidu", "--as-of", "2024-02-12", "--json", "--database")
    told, found = (run(*asked, pair.urls[one]) for one in ("primary", "replica"))
    assert (0, json.loads(told.stdout)) == (found.returncode, json.loads(found.stdout))
    refused = run("recalculate", "--database", pair.urls["replica"])
    assert (1, True) == (refused.returncode, TAKES_NO_WRITES in refused.stderr)
    refused = run("run", "--database", pair.urls["replica"])
    assert (1, True) == (refused.returncode, TAKES_NO_WRITES in refused.stderr)


def test_the_page_and_the_api_answer_from_a_replica(pair: Pair) -> None:
    """A decision is refused by both, and it is said what was expected."""
    name, signed = "Huawei Technologies Syria", {"by": "Ada", "why": "I asked them"}
    with pair.open("primary") as primary:
        primary.declare([company("huawei", name="Huawei Technologies Co., Ltd.")])
        primary.ingest([listed(name)])
    pair.standby.catch_up()
    with pair.open("replica") as monitor:
        browser = asking(monitor)
        for path in ("/", "/company/baidu", "/review", "/api/v1/companies/baidu/score"):
            assert (path, 200) == (path, browser.get(path).status_code)
        row = json.dumps(["accept", name, "huawei"])
        answer = send(browser, "/review/names", {"row-0": row, **signed})
        assert (409, True) == (answer.status_code, TAKES_NO_WRITES in answer.text)
        told = {"name": name, "company": "huawei", "verdict": "accept", **signed}
        refused = browser.post("/api/v1/review/names", json=told)
        assert (503, True) == (refused.status_code, TAKES_NO_WRITES in refused.json()["detail"])


def test_an_older_schema_on_a_replica_is_refused(postgresql_url: str, standby: Replica) -> None:
    """Or none at all: it cannot be brought to the newest there."""
    pair = Pair(postgresql_url, standby)
    standby.catch_up()
    with pytest.raises(ReplicaError, match=f"with schema none, .* is {REVISION}: open"):
        pair.open("replica")
    pair.open("primary").close()
    with psycopg.connect(of_server(postgresql_url), autocommit=True) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0001'")
    standby.catch_up()
    with pytest.raises(ReplicaError, match=r"with schema 0001, .*: open the primary"):
        pair.open("replica")


def test_a_server_made_read_only_is_no_replica(postgresql_url: str) -> None:
    """It is said so: there is no primary to go to."""
    riskmon.open(postgresql_url).close()
    with psycopg.connect(of_server(postgresql_url), autocommit=True) as connection:
        name = connection.info.dbname
        connection.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on".encode())
    with riskmon.open(postgresql_url) as monitor:
        with pytest.raises(DatabaseError, match="takes no writes: default_transaction_read_only"):
            monitor.ingest([event()])
        assert "fail" == monitor.status().checks[0].state


def test_one_url_of_both_servers_finds_the_primary(pair: Pair) -> None:
    """By `target_session_attrs` of libpq; the head is kept under that one URL."""
    with riskmon.open(pair.both(pair.standby, "read-write"), clock=Clock(NOW)) as monitor:
        assert 1 == monitor.ingest([event(ref="more")]).appended
    with (
        riskmon.open(pair.both(pair.standby, "prefer-standby"), clock=Clock(NOW)) as monitor,
        pytest.raises(ReplicaError),
    ):
        monitor.ingest([event(ref="and more")])


@pytest.fixture
def impatient(standby: Replica) -> Iterator[None]:
    """Let the replica end every query that its replay would have to wait for."""
    for value, _ in (("0", "begins"), ("DEFAULT", "ends")):
        standby.ask(f"ALTER SYSTEM SET max_standby_streaming_delay = {value}")
        standby.ask("SELECT pg_reload_conf()")
        if value == "0":
            yield


@pytest.mark.usefixtures("impatient")
def test_an_answer_that_the_replay_cuts_off_says_so(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says what to do, and asked again it comes."""
    monkeypatch.setattr("riskmon.postgresql.PIECE", 1)
    with pair.open("replica") as monitor:
        expected = [one[0] for one in monitor._ledger.told(0)]
        told = monitor._ledger.told(0)
        assert 1 == next(told)[0]
        with psycopg.connect(of_server(pair.urls["primary"]), autocommit=True) as server:
            for query in ("UPDATE cursor SET position = position", "VACUUM cursor") * 2:
                server.execute(query)
        pair.standby.catch_up()
        with pytest.raises(DatabaseError, match=r"(?s)with recovery.* or set hot_standby_fee"):
            list(told)
        assert expected == [one[0] for one in monitor._ledger.told(0)]


@soak
def test_what_a_failover_lost_is_seen(postgresql_server: str, pair: Pair) -> None:
    """A replica is promoted that lacks what its primary had acknowledged: the head kept says so.

    A monitor of the replica, open before, takes writes from then on.
    """
    with replica(postgresql_server) as other, ExitStack() as stack:
        other.catch_up()
        both = pair.both(other, "read-write")
        monitor = stack.enter_context(riskmon.open(other.url(pair.name), clock=Clock(NOW)))
        with riskmon.open(both, clock=Clock(NOW)) as primary:
            primary.ingest([event(ref="kept")])
            other.catch_up()
            other.cut_off()
            primary.ingest([event(ref="lost")])
            lost = primary.position
        with pytest.raises(ReplicaError):
            monitor.ingest([event(ref="more")])
        other.promote()
        with riskmon.open(both, clock=Clock(NOW)) as promoted:
            assert lost - 1 == promoted.position
            for refused in (promoted.verify, lambda: promoted.ingest([event(ref="more")])):
                with pytest.raises(VerificationError, match=f"at {lost}: its tail was cut"):
                    refused()
        assert 1 == monitor.ingest([event(ref="more")]).appended
        assert lost == monitor.verify().head.position
