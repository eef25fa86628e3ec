"""What is told of scores that moved, when, to whom; and what is taken back."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

import riskmon
from riskmon import runs
from riskmon.database import reading
from riskmon.ledger import Fence
from riskmon.monitor import Monitor
from riskmon.outbox import Outcome
from riskmon.settings import Config
from riskmon.tables import snapshot
from tests.builders import RISKMON, Clock, company, event, rule, withdrawal, write_rules

LEVEL = {"level": "high"}
JUMP = {"jump": 10, "days": 7}
LISTING = {"listing": True}


def configured(
    *rules: dict[str, Any], channels: Sequence[str] = ("desk",), **alerts: Any
) -> Config:
    """Return a configuration with alert rules, and channels that are webhooks of this machine."""
    given = {"rules": rules, **alerts}
    hooks = {name: {"url": f"http://127.0.0.1:9/{name}"} for name in channels}
    found = {"timezone": "Europe/Berlin", "channels": hooks, "alerts": given}
    return Config.model_validate(found)


def claim(points: int, *companies: str, **fields: Any) -> dict[str, Any]:
    """Return an event that is worth so many points to some companies on its day."""
    parties = [{"company": one} for one in companies]
    fields = {"type": "claim.confirmed", "topics": [f"worth-{points}"], "parties": parties} | fields
    return event(**fields)


def listing(company: str, ref: str, **fields: Any) -> dict[str, Any]:
    """Return that a company is on a list."""
    fields = {"type": "listing.listed", "source": "ofac", "ref": ref} | fields
    return claim(30, company, **fields)


class Desk:
    """A monitor with alerts, and somebody who hears each message at the end of a run."""

    def __init__(self, url: str, rules: Path, clock: Clock, engine: str) -> None:
        self.clock = clock
        self._engine = engine
        self._url = url
        self._rules = rules
        self._monitor: Monitor | None = None

    @property
    def monitor(self) -> Monitor:
        """The monitor."""
        assert self._monitor is not None
        return self._monitor

    def close(self) -> None:
        """Close the monitor."""
        if self._monitor:
            self._monitor.close()

    def another(self, config: Config) -> Monitor:
        """Return another monitor on the same database."""
        config = config.model_copy(update={"engine": self._engine})
        return riskmon.open(self._url, rules=self._rules, clock=self.clock, config=config)

    def open(self, *rules: dict[str, Any], **alerts: Any) -> None:
        """Open the monitor, or open it again with another configuration."""
        self.close()
        self._monitor = self.another(configured(*rules, **alerts))

    def begin(
        self, *rules: dict[str, Any], firms: Sequence[str] = ("baidu",), **alerts: Any
    ) -> None:
        """Open it, declare companies and recalculate: from now on there is something to tell."""
        self.open(*rules, **alerts)
        assert not self.monitor.declare([company(one) for one in firms]).rejected
        assert [] == self.run()

    def run(self, day: str | None = None, *told: dict[str, Any]) -> list[str]:
        """Let it be `day`, tell events, recalculate; return what that tells, by company."""
        if day is not None:
            self.clock.turn(day)
        assert not self.monitor.ingest(told).rejected
        before = len(self.monitor.alerts())
        self.monitor.recalculate()
        return [shown(one) for one in self.monitor.alerts()[before:]]

    def hear(self, channel: str = "desk") -> list[dict[str, Any]]:
        """Take and settle the messages that are due, and return them."""
        outbox, now = self.monitor.outbox(), self.clock()
        due = outbox.take(channel, now, 1000, lambda _: timedelta(minutes=1))
        outbox.settle([Outcome(one) for one in due], now)
        return [json.loads(one.body) for one in due]

    def heard(self, day: str | None = None, *told: dict[str, Any]) -> list[str]:
        """Run, and hear what that tells."""
        found = self.run(day, *told)
        self.hear()
        return found


def shown(body: Any) -> str:
    """Return an alert in a line."""
    kind = "correction" if "corrects" in body else "alert"
    return f"{body['company']}: {kind}: " + "; ".join(one["why"] for one in body["grounds"])


REACHED = "baidu: alert: reached the level high"
LEFT = "baidu: alert: left the level high"
NOT_REACHED = "baidu: correction: it had not reached the level high"


@pytest.fixture(params=["memory", pytest.param("stream", marks=pytest.mark.soak)])
def desk(request: pytest.FixtureRequest, url: str, tmp_path: Path, clock: Clock) -> Iterator[Desk]:
    """Return a desk whose rules make an event worth 8, 30 or 60 points; they fade slowly."""
    stages = {"claim.confirmed": 1.0, "listing.listed": 1.0, "listing.amended": 1.0}
    rules = [
        rule(
            id=f"worth-{points}",
            severity=points,
            topics=[f"worth-{points}"],
            stages=stages | {"listing.delisted": 0.05},
            half_life="1000 days",
            scope=1.0,
        )
        for points in (8, 30, 60)
    ]
    found = Desk(url, write_rules(tmp_path / "rules", *rules), clock, request.param)
    yield found
    found.close()


def test_the_first_recalculation_tells_nothing(desk: Desk) -> None:
    """Where scores stand then is where it begins."""
    desk.open(LEVEL, JUMP, LISTING)
    desk.monitor.declare([company()])
    assert [] == desk.run("2024-01-02", claim(60, "baidu"), listing("baidu", "1"))
    assert [] == desk.run("2024-01-03")
    assert [] == desk.monitor.outbox().messages("waiting")


def test_a_rule_that_is_new_tells_nothing_of_before_it_was_there(desk: Desk) -> None:
    """Neither at once nor later; what moves from then on is told."""
    desk.begin(LISTING)
    assert [] == desk.run("2024-01-02", claim(60, "baidu"))
    desk.open(LISTING, LEVEL, JUMP)
    assert [[], []] == [desk.run("2024-01-03"), desk.run("2024-01-04")]
    found = desk.run("2024-01-05", claim(30, "baidu", occurred_at="2024-01-05"))
    assert ["baidu: alert: rose by 12.0 points within 7 days"] == found


def test_a_company_that_is_new_on_the_watchlist_is_told(desk: Desk) -> None:
    """It stands over the bound by what was told before it was declared."""
    desk.begin(LEVEL)
    named = claim(60, parties=[{"name": "Acme Robotics"}])
    assert [] == desk.run("2024-01-02", named)
    desk.monitor.declare([company("acme", name="Acme Robotics")])
    assert ["acme: alert: reached the level high"] == desk.run("2024-01-03")


def test_a_level_is_told_when_it_is_reached_and_when_it_is_left(desk: Desk) -> None:
    """Once each, though the score stays; it is left once it is the margin below the bound."""
    desk.begin(LEVEL)
    assert [REACHED] == desk.run("2024-01-02", claim(60, "baidu", matter="army"))
    assert [] == desk.run("2024-01-03")
    found = {}
    for number in range(20):
        told = desk.run(f"{date(2024, 2, 1) + timedelta(days=40 * number)}")
        found[desk.monitor.score("baidu").value] = told
    assert [LEFT] == found.pop(next(value for value in found if value <= 48))
    assert any(48 < value < 50 for value in found)
    assert {()} == {tuple(told) for told in found.values()}


def test_a_jump_is_told_up_and_down_within_its_days_and_not_beyond(desk: Desk) -> None:
    """Two moves of eight points are a jump of ten in a week, and none in nine days."""
    desk.begin(JUMP, firms=("baidu", "acme"))
    assert [] == desk.run("2024-01-02", claim(8, "baidu", "acme", occurred_at="2024-01-02"))
    assert [] == desk.run("2024-01-07T12:00Z")
    soon = claim(8, "baidu", occurred_at="2024-01-08")
    found = desk.run("2024-01-08", soon)
    assert ["baidu: alert: rose by 15.3 points within 7 days"] == found
    assert [] == desk.run("2024-01-11", claim(8, "acme", occurred_at="2024-01-11"))
    fact = claim(60, "acme", occurred_at="2024-01-20", matter="list", type="listing.listed")
    (rise,) = desk.run("2024-01-20", fact)
    assert rise.startswith("acme: alert: rose by 5")
    off = claim(60, "acme", occurred_at="2024-01-21", matter="list", type="listing.delisted")
    (fall,) = desk.run("2024-01-21", off)
    assert fall.startswith("acme: alert: fell by 4")


def test_a_jump_is_measured_from_what_was_told(desk: Desk) -> None:
    """After a jump of thirty, eight points more are none, and sixteen are."""
    desk.begin(JUMP)
    assert 1 == len(desk.run("2024-01-02", claim(30, "baidu", occurred_at="2024-01-02")))
    assert [] == desk.run("2024-01-03", claim(8, "baidu", occurred_at="2024-01-03"))
    found = desk.run("2024-01-04", claim(8, "baidu", occurred_at="2024-01-04"))
    assert ["baidu: alert: rose by 10.7 points within 7 days"] == found


def test_a_jump_over_a_pause_is_told(desk: Desk) -> None:
    """Nothing ran for longer than the days of the rule: it is measured from the last run."""
    desk.begin(JUMP)
    found = desk.run("2024-03-01", claim(30, "baidu", occurred_at="2024-03-01"))
    assert ["baidu: alert: rose by 30.0 points within 7 days"] == found


def test_a_daily_run_compares_with_the_day_before_whatever_the_second(desk: Desk) -> None:
    """One that is a second late has not forgotten what it is to be compared with."""
    desk.begin({"jump": 10, "days": 1})
    assert [] == desk.run("2024-01-02T02:30:01Z")
    found = desk.run("2024-01-03T02:30:02Z", claim(30, "baidu", occurred_at="2024-01-03"))
    assert ["baidu: alert: rose by 30.0 points within 1 day"] == found


def test_what_fades_is_no_jump(desk: Desk) -> None:
    """Sixty points, a hundred days, a run each day: the rise is told, and nothing after it."""
    desk.begin(JUMP)
    start = date(2024, 1, 2)
    assert 1 == len(desk.run(start.isoformat(), claim(60, "baidu", occurred_at="2024-01-02")))
    days = [start + timedelta(days=number) for number in range(1, 100)]
    assert [] == [told for day in days for told in desk.run(day.isoformat())]


def test_a_listing_is_told_once_whoever_tells_it(desk: Desk) -> None:
    """Another source, and an amendment, are of the same listing."""
    desk.begin(LISTING)
    matter = "ofac:1"
    assert ["baidu: alert: listed: ofac:1"] == desk.heard("2024-01-02", listing("baidu", "1"))
    assert [] == desk.heard("2024-01-03", listing("baidu", "1", title="Revised"))
    other = listing("baidu", "x", source="csl", matter=matter)
    assert [] == desk.heard("2024-01-04", other)
    amended = listing("baidu", "2", type="listing.amended", matter=matter)
    assert [] == desk.heard("2024-01-05", amended)
    unlike = listing("baidu", "y", source="un")
    assert ["baidu: alert: listed: un:y"] == desk.heard("2024-01-06", unlike)


def test_a_company_that_is_listed_again_is_told_again(desk: Desk) -> None:
    """After a delisting, and after the listing was taken back, which is a correction."""
    desk.begin(LISTING)
    first = listing("baidu", "1", matter="ofac")
    assert ["baidu: alert: listed: ofac:1"] == desk.heard("2024-01-02", first)
    delisted = {"type": "listing.delisted", "matter": "ofac", "occurred_at": "2024-01-03"}
    assert [] == desk.heard("2024-01-03", listing("baidu", "2", **delisted))
    again = listing("baidu", "3", matter="ofac", occurred_at="2024-01-04")
    assert ["baidu: alert: listed: ofac:3"] == desk.heard("2024-01-04", again)
    why = "the listing was taken back, or names another"
    assert [f"baidu: correction: {why}"] == desk.heard("2024-01-05", withdrawal(again))
    assert ["baidu: alert: listed: ofac:3"] == desk.heard("2024-01-06", again)


def test_a_name_that_is_matched_later_is_told_then_and_taken_back(desk: Desk) -> None:
    """Who accepts a name tells of the listing; who undoes it is corrected."""
    desk.begin(LEVEL, LISTING)
    named = listing("baidu", "1", topics=["worth-60"], parties=[{"name": "Bai Du Kabushiki"}])
    assert [] == desk.heard("2024-01-02", named)
    desk.monitor.accept("Bai Du Kabushiki", "baidu")
    told = ["baidu: alert: reached the level high; listed: ofac:1"]
    assert told == desk.heard("2024-01-03")
    desk.monitor.reject("Bai Du Kabushiki", "baidu")
    (found,) = desk.heard("2024-01-04")
    why = {"it had not reached the level high", "the listing was taken back, or names another"}
    assert why == set(found.removeprefix("baidu: correction: ").split("; "))
    assert [] == desk.heard("2024-01-05")


@pytest.mark.parametrize("how", ["withdrawn", "revised"])
def test_a_correction_goes_to_those_who_were_told_once(desk: Desk, how: str) -> None:
    """Later runs do not tell the reverse as something new."""
    desk.begin(LEVEL, JUMP, channels=("desk", "mail", "chat"), to=["desk", "mail"])
    wrong = claim(60, "baidu")
    assert ["baidu: alert: reached the level high; rose by 60.0 points within 7 days"] == (
        desk.run("2024-01-02", wrong)
    )
    heard = {one: desk.hear(one) for one in ("desk", "mail", "chat")}
    assert [1, 1, 0] == [len(found) for found in heard.values()]
    mended = withdrawal(wrong) if how == "withdrawn" else {**wrong, "topics": ["worth-8"]}
    (correction,) = desk.run("2024-01-03", mended)
    assert correction.startswith("baidu: correction: ")
    alert, body = desk.monitor.alerts()
    assert alert["entry"] == body["corrects"]
    assert alert["value"] == body["from"] == body["said"]["value"]
    heard = {one: desk.hear(one) for one in ("desk", "mail", "chat")}
    assert [["correction"], ["correction"], []] == [
        [one["kind"] for one in found] for found in heard.values()
    ]
    days = [f"2024-01-{day:02}" for day in range(4, 20)]
    assert [] == [told for day in days for told in desk.heard(day)]


def test_a_correction_for_a_channel_that_is_gone_is_not_lost(desk: Desk) -> None:
    """It waits for the channel that was told, until it is seen that there is none."""
    desk.begin(LEVEL)
    report = claim(60, "baidu")
    assert [REACHED] == desk.heard("2024-01-02", report)
    desk.open(LEVEL, channels=("mail",))
    assert [NOT_REACHED] == desk.run("2024-01-03", withdrawal(report))
    assert ["desk"] == [one.channel for one in desk.monitor.outbox().messages("waiting")]


def test_a_rule_that_is_gone_still_corrects_what_it_told(desk: Desk) -> None:
    """Whoever was told of a jump of ten is told that there was none, though twenty count now."""
    desk.begin(LEVEL, JUMP)
    report = claim(60, "baidu")
    assert 1 == len(desk.heard("2024-01-02", report))
    desk.open({"jump": 20, "days": 7})
    (found,) = desk.heard("2024-01-03", withdrawal(report))
    why = {"it had not reached the level high", "it had not moved by 10 points"}
    assert why == set(found.removeprefix("baidu: correction: ").split("; "))


def test_one_of_several_grounds_can_fall(desk: Desk) -> None:
    """The listing stands, the level does not: that alone is taken back, and the rest later."""
    desk.begin(LEVEL, LISTING)
    report, on_list = claim(60, "baidu"), listing("baidu", "1")
    told = ["baidu: alert: reached the level high; listed: ofac:1"]
    assert told == desk.heard("2024-01-02", report, on_list)
    assert [NOT_REACHED] == desk.heard("2024-01-03", withdrawal(report))
    assert ["baidu: correction: the listing was taken back, or names another"] == (
        desk.heard("2024-01-04", withdrawal(on_list))
    )
    assert [] == desk.heard("2024-01-05")


def test_what_happens_later_takes_nothing_back(desk: Desk) -> None:
    """A delisting lowers the score: the level is left, and it had been reached."""
    desk.begin(LEVEL)
    on_list = listing("baidu", "1", topics=["worth-60"], matter="ofac")
    assert [REACHED] == desk.heard("2024-01-02", on_list)
    delisted = {"type": "listing.delisted", "matter": "ofac", "topics": ["worth-60"]}
    found = desk.heard("2024-01-03", listing("baidu", "2", occurred_at="2024-01-03", **delisted))
    assert [LEFT] == found


def test_a_change_of_the_rules_takes_nothing_back(desk: Desk, tmp_path: Path) -> None:
    """The level is left by it; that the matter is told of once more corrects nothing."""
    desk.begin(LEVEL)
    report = claim(60, "baidu")
    assert [REACHED] == desk.heard("2024-01-02", report)
    file = tmp_path / "rules" / "worth-60.yaml"
    file.write_text(file.read_text("utf-8").replace('"severity": 60', '"severity": 40'), "utf-8")
    assert [LEFT] == desk.heard("2024-01-03")
    assert [] == desk.heard("2024-01-04", report | {"title": "Told once more"})


def test_what_was_taken_back_and_comes_again_is_told_again(desk: Desk) -> None:
    """By level and by jump."""
    desk.begin(LEVEL, JUMP)
    report = claim(60, "baidu", occurred_at="2024-01-02")
    first = desk.heard("2024-01-02", report)
    assert 1 == len(desk.heard("2024-01-02T12:00Z", withdrawal(report)))
    assert first == desk.heard("2024-01-02T18:00Z", report)


def test_a_company_is_told_once_a_run_however_many_rules_speak(desk: Desk) -> None:
    """To the channels of each rule that speaks; a rule for another channel reaches that alone."""
    desk.begin(
        LEVEL | {"to": ["desk"]},
        JUMP | {"to": ["mail"]},
        LISTING | {"to": ["chat"]},
        channels=("desk", "mail", "chat"),
    )
    desk.run("2024-01-02", claim(60, "baidu"))
    (alert,) = desk.monitor.alerts()
    assert ["level high", "jump 10 in 7d"] == [one["rule"] for one in alert["grounds"]]
    assert [1, 1, 0] == [len(desk.hear(one)) for one in ("desk", "mail", "chat")]


def test_without_a_channel_an_alert_is_an_entry_all_the_same(desk: Desk) -> None:
    """Nobody is told, and what was found can be looked up."""
    desk.begin(LEVEL, channels=())
    assert [REACHED] == desk.run("2024-01-02", claim(60, "baidu"))
    assert ["alert.sent"] == [one.kind for one in desk.monitor.entries()][-1:]
    assert [] == desk.monitor.outbox().messages("waiting")


def test_one_cause_is_one_message_and_another_is_another(desk: Desk) -> None:
    """A measure over 400 companies, a list that names 400 others, and a report on one."""
    by_scope = [f"scope{number}" for number in range(400)]
    by_list = [f"list{number}" for number in range(400)]
    desk.begin(JUMP, firms=["baidu"])
    chinese = [{"subject": "country:cn", "weight": 1.0}]
    desk.monitor.declare([company(one, exposures=chinese) for one in by_scope])
    desk.monitor.declare([company(one) for one in by_list])
    assert [] == desk.run("2024-01-02")
    measure = claim(60, scope=["country:cn"])
    desk.run("2024-01-03", measure, claim(8, "baidu"), claim(30, "baidu"))
    listings = [listing(one, one) for one in by_list]
    desk.run("2024-01-03T12:00Z", *listings)
    found = [(one["kind"], len(one["alerts"])) for one in desk.hear()]
    assert [("alert", 1), ("alert", 400), ("alert", 400)] == sorted(found)
    assert 801 == len(desk.monitor.alerts())


def test_an_alert_names_company_scores_lines_and_receipt(desk: Desk) -> None:
    """The receipt holds, also once the ground has fallen: then `changes` says what was belied."""
    desk.begin(LEVEL)
    report = claim(60, "baidu")
    desk.heard("2024-01-02", report, claim(8, "baidu"))
    (alert,) = desk.monitor.alerts()
    score = desk.monitor.score("baidu")
    assert ("Baidu", 0.0, score.value, "high") == tuple(
        alert[name] for name in ("name", "from", "value", "level")
    )
    assert [("worth-60", [f"reuters:{report['ref']}"]), ("worth-8", 1)] == [
        (one["rule"], one["events"] if one["rule"] == "worth-60" else len(one["events"]))
        for one in alert["lines"]
    ]
    receipt = desk.monitor.alert_receipt(alert["digest"][:12])
    assert [] == desk.monitor.check(receipt)
    since = desk.monitor.status().position
    desk.heard("2024-01-03", withdrawal(report))
    assert [] == desk.monitor.check(receipt)
    (wrong,) = desk.monitor.changes(since).contradicted
    assert ("alert.sent", alert["entry"], "baidu", alert["value"]) == (
        wrong.kind,
        wrong.position,
        wrong.company,
        wrong.said,
    )
    assert wrong.now == pytest.approx(8, abs=0.1)


def test_quiet_hours_hold_a_message_back_and_nobody_hears_what_fell_meanwhile(desk: Desk) -> None:
    """It is withdrawn, with what was to correct a part of it; the entries stay."""
    desk.begin(LEVEL, LISTING, quiet="22:00-06:00")
    report, on_list = claim(60, "baidu"), listing("baidu", "1")
    assert 1 == len(desk.heard("2024-01-02T21:30:00Z", report, on_list))
    (waiting,) = desk.monitor.outbox().messages("waiting")
    assert "2024-01-03T05:00:00+00:00" == waiting.due_at.isoformat()
    assert [NOT_REACHED] == desk.heard("2024-01-02T23:00:00Z", withdrawal(report))
    assert 2 == len(desk.monitor.outbox().messages("waiting"))
    assert 1 == len(desk.heard("2024-01-03T01:00:00Z", withdrawal(on_list)))
    assert [] == desk.monitor.outbox().messages("waiting")
    assert [] == desk.heard("2024-01-03T05:00:00Z")
    assert 2 == len(desk.monitor.outbox().messages("withdrawn"))
    assert 3 == len(desk.monitor.alerts())


def test_a_message_of_which_a_part_fell_is_sent_with_its_correction(desk: Desk) -> None:
    """Two companies by one cause wait for the morning; of one it was wrong."""
    desk.begin(LEVEL, firms=("baidu", "acme"), quiet="22:00-06:00")
    report = claim(60, "baidu")
    desk.run("2024-01-02T22:30:00Z", report, claim(60, "acme"))
    assert [NOT_REACHED] == desk.run("2024-01-02T23:00:00Z", withdrawal(report))
    desk.clock.turn("2024-01-03T05:00:00Z")
    found = [(one["kind"], [a["company"] for a in one["alerts"]]) for one in desk.hear()]
    assert [("alert", ["acme", "baidu"]), ("correction", ["baidu"])] == [
        (kind, sorted(companies)) for kind, companies in sorted(found)
    ]


def test_a_company_is_silent_until_its_day_and_nothing_old_is_told_then(desk: Desk) -> None:
    """By no rule; what moves from that day on is told, and other companies are all along."""
    silence = {"baidu": "2024-01-05"}
    desk.begin(LEVEL, JUMP, LISTING, firms=("baidu", "acme"), silence=silence)
    both = claim(60, "acme", "baidu", occurred_at="2024-01-03")
    found = desk.run("2024-01-03", both, listing("baidu", "1"))
    assert ["acme: alert: reached the level high; rose by 60.0 points within 7 days"] == found
    assert [] == desk.run("2024-01-04T22:59:00Z")
    assert [] == desk.run("2024-01-04T23:01:00Z")  # 00:01 in Berlin
    assert [] == desk.run("2024-01-06")
    fresh = claim(60, "baidu", occurred_at="2024-01-07")
    assert ["baidu: alert: rose by 16.8 points within 7 days"] == desk.run("2024-01-07", fresh)


def test_a_commit_that_fails_tells_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither entry nor message; the next run tells it."""
    desk.begin(LEVEL)
    desk.monitor.ingest([claim(60, "baidu")])

    def fail(*_: object) -> None:
        raise OSError("full")

    with monkeypatch.context() as patched:
        patched.setattr("riskmon.alerts.canonical", fail)
        with pytest.raises(OSError, match="full"):
            desk.monitor.recalculate()
    assert ([], []) == (desk.monitor.alerts(), desk.monitor.outbox().messages("waiting"))
    assert [REACHED] == desk.run()
    assert 1 == len(desk.hear())


def test_two_monitors_at_once_tell_each_thing_once(desk: Desk) -> None:
    """Both recalculate at the same moment, twelve times; each time one has something to tell."""
    firms = [f"firm{number}" for number in range(12)]
    desk.begin(LEVEL, JUMP, LISTING, firms=firms)
    others = [desk.another(configured(LEVEL, JUMP, LISTING)) for _ in range(2)]
    together = threading.Barrier(len(others))

    def recalculate(one: Monitor) -> None:
        together.wait()
        one.recalculate()

    for number, firm in enumerate(firms):
        desk.clock.turn(f"2024-01-{number + 2:02}")
        desk.monitor.ingest([listing(firm, firm, topics=["worth-60"])])
        threads = [threading.Thread(target=recalculate, args=[one]) for one in others]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    for one in others:
        one.close()
    assert firms == [one["company"] for one in desk.monitor.alerts()]
    assert 12 == len(desk.monitor.outbox().messages("waiting"))


def test_a_run_that_others_overtook_tells_nothing_twice(desk: Desk) -> None:
    """It was claimed before another began, and kept its scores after it."""
    desk.begin(LISTING)
    desk.clock.turn("2024-01-02")
    ticks = desk.monitor.ticks(30)
    claimed = ticks.claim("nightly", desk.clock(), None)
    assert claimed is not None
    assert [] == desk.run()
    desk.monitor.ingest([listing("baidu", "1")])
    with desk.monitor.claimed(claimed.fence, {}, {}):
        assert ["baidu: alert: listed: ofac:1"] == desk.run("2024-01-03")
    assert isinstance(claimed.fence, Fence)
    assert [] == desk.run("2024-01-04")
    assert ["recalculate", "nightly", "recalculate", "recalculate"] == [
        one.job for one in desk.monitor.runs()
    ]
    ticks.close()


def test_a_run_without_alert_rules_swallows_nothing(desk: Desk) -> None:
    """As somebody may recalculate without the configuration at hand."""
    desk.begin(LEVEL, LISTING)
    report, on_list = claim(60, "baidu"), listing("baidu", "1")
    assert [REACHED] == desk.heard("2024-01-02", report)
    with desk.another(configured()) as other:
        other.ingest([on_list, withdrawal(report)])
        other.recalculate()
    assert ["baidu: alert: listed: ofac:1", NOT_REACHED] == sorted(desk.heard("2024-01-03"))


def test_scores_are_kept_for_a_month_and_of_old_days_the_extremes(desk: Desk) -> None:
    """Eight runs a day: of days before yesterday a company keeps its lowest and its highest."""
    desk.begin(JUMP, firms=("baidu", "acme"))
    kept: dict[datetime, float] = {}
    for number in range(1, 8 * 40):
        at = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(hours=3 * number)
        fresh = [claim(8, "baidu", occurred_at=at.isoformat())] if number % 50 == 0 else []
        desk.run(at.isoformat(), *fresh)
        kept[at] = desk.monitor.score("baidu").value
    with reading(desk.monitor._ledger.engine) as connection:
        days = [day.date() for day in connection.scalars(sa.select(snapshot.c.as_of))]
        since = at - timedelta(days=31)
        low, high = runs.extremes(connection, since)["baidu"]
    assert (at - timedelta(days=31)).date() == min(days)
    assert 16 == days.count(at.date() - timedelta(days=1))
    assert max(days.count(day) for day in days if day < at.date() - timedelta(days=1)) <= 4
    inside = [value for moment, value in kept.items() if moment >= since]
    assert (min(inside), max(inside)) == (low, high)


TOML = """
[[alerts.rules]]
level = "high"
[channels.desk]
url = "http://127.0.0.1:9/desk"
"""


def test_two_processes_at_once_tell_a_thing_once(desk: Desk, url: str, tmp_path: Path) -> None:
    """`riskmon recalculate` by hand tells as the schedule does; both are started at once."""
    desk.clock.turn("2024-01-01")
    (tmp_path / "riskmon.toml").write_text(TOML, "utf-8")
    desk.begin(LEVEL)
    desk.monitor.ingest([claim(60, "baidu", occurred_at=f"{datetime.now(UTC):%Y-%m-%d}")])
    command = [RISKMON, "recalculate", "--database", url, "--rules", str(tmp_path / "rules")]
    both = [subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL) for _ in range(2)]
    assert [0, 0] == [one.wait() for one in both]
    assert [REACHED] == [shown(one) for one in desk.monitor.alerts()]
    assert 1 == len(desk.monitor.outbox().messages("waiting"))


def test_the_command_line_lists_alerts_and_gives_their_receipts(
    call: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    """`alerts list`, `receipt DIGEST`, which `receipt --check -` takes, and `waiting`."""
    (tmp_path / "riskmon.toml").write_text(TOML, "utf-8")
    rules = [rule(severity=60, half_life="1000 days")]
    folder = str(write_rules(tmp_path / "rules", *rules))
    (tmp_path / "companies.jsonl").write_text(json.dumps(company()), "utf-8")
    report = claim(60, "baidu", occurred_at=f"{datetime.now(UTC):%Y-%m-%d}")
    for command in (["declare", "companies.jsonl"], ["recalculate", "--rules", folder]):
        assert 0 == call(*command).returncode
    assert "nothing was told yet\n" == call("alerts", "list").stdout
    assert 0 == call("ingest", "-", given=json.dumps(report)).returncode
    assert 0 == call("recalculate", "--rules", folder).returncode
    (alert,) = json.loads(call("alerts", "list", "--json").stdout)
    printed = call("alerts", "list").stdout
    assert "reached the level high" in printed
    assert f"to desk; receipt {alert['digest'][:12]}\n" in printed
    receipt = call("alerts", "receipt", alert["digest"][:12]).stdout
    assert "the receipt holds\n" == call("receipt", "--check", "-", given=receipt).stdout
    assert "desk: waiting, 0 tried" in call("alerts", "waiting").stdout
