"""From a recalculation to what is told of it: alerts as entries, messages in the outbox."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import numpy as np

from riskmon import alerts, messages, outbox, receipts, runs
from riskmon.alerts import MARGIN, Facts, Ground, Rule, Told
from riskmon.database import Connection, reading
from riskmon.evaluators import Ints
from riskmon.intake import OWN
from riskmon.ledger import Fact, Ledger
from riskmon.messages import Composed, Quiet
from riskmon.model import Score
from riskmon.replay import Replay
from riskmon.results import to_json
from riskmon.runs import ANYBODY, Scored
from riskmon.settings import Config
from riskmon.standing import Standing

KIND = "alert.sent"
LISTED = "listing.listed"
SUBJECT = "subject"


class Raised(NamedTuple):
    """What a run has to tell, to be stored with it."""

    alerts: list[dict[str, Any]]
    stances: dict[str, tuple[set[str], set[str]]]
    """Of each rule about levels, the companies over its bound before and now."""


NOTHING = Raised([], {})


class Alarm:
    """What the alert rules of a configuration make of each run."""

    def __init__(self, ledger: Ledger, replay: Replay, config: Config) -> None:
        self._ledger = ledger
        self._replay = replay
        self._config = config
        self._rules = {rule.name: rule for rule in _rules(config)}
        self._quiet = Quiet(*config.alerts.quiet, config.timezone) if config.alerts.quiet else None
        self._told: list[Told] = []
        self._bodies: list[Mapping[str, Any]] = []
        self._seen = 0

    def bodies(self) -> list[Mapping[str, Any]]:
        """Return the alerts told so far, oldest first, without their receipts."""
        for entry in self._ledger.entries(self._seen, kinds=(KIND,)):
            body = json.loads(entry.body) | {"told_at": to_json(entry.recorded_at)}
            body |= {"entry": entry.position}
            del body["receipt"]
            self._bodies.append(body)
            self._told += alerts.told(entry.position, body)
            self._seen = entry.position
        return self._bodies

    def _grounds(self) -> list[Told]:
        """Return the grounds of the alerts told so far."""
        self.bodies()
        return self._told

    def raised(
        self,
        standing: Standing,
        scores: Sequence[Score],
        before: Scored | None,
        values: Mapping[str, float],
    ) -> Raised:
        """Return what there is to tell of `scores`; `before` is the last run, and `values` its."""
        if not self._rules:
            return NOTHING
        as_of = scores[0].as_of if scores else None
        if as_of is None:
            return NOTHING
        found = {score.company: score.value for score in scores}
        levels = [rule for rule in self._rules.values() if rule.level is not None]
        with reading(self._ledger.engine) as connection:
            stances = runs.stances(connection, [rule.name for rule in levels])
        told = self._grounds()
        facts = Facts(as_of, found, values, self._extremes, stances, {}, told)
        stands = {
            rule.name: (stances.get(rule.name, set()), alerts.over(rule, facts) | {ANYBODY})
            for rule in levels
        }
        if before is None:
            return Raised([], stands)
        then = self._replay.standing(before.position)
        touched = _touched(standing, then)
        wrong = list(self._wrong(alerts.standing(told), standing, touched))
        gone = {(one.rule, one.company) for one, _, _ in wrong}
        facts = facts._replace(
            listings=_new_listings(standing, then, touched),
            told=[one for one in told if (one.rule, one.company) not in gone],
        )
        day = as_of.astimezone(self._config.timezone).date()
        fresh: dict[str, list[Ground]] = {}
        for one in alerts.grounds(self._rules.values(), facts):
            silent = alerts.silent(self._config.alerts.silence, one.company, day)
            if not silent and (one.rule, one.company) not in gone:
                fresh.setdefault(one.company, []).append(one)
        by_company = {score.company: score for score in scores}
        bodies = list(self._corrections(by_company, wrong))
        bodies += self._alerts(fresh, by_company, then, before)
        return Raised(bodies, stands)

    def _extremes(self, since: datetime) -> Mapping[str, tuple[float, float]]:
        with reading(self._ledger.engine) as connection:
            return runs.extremes(connection, since)

    def _wrong(
        self, told: Sequence[Told], standing: Standing, touched: Ints
    ) -> Iterator[tuple[Told, float, str]]:
        """Yield the grounds that would not be told by what is known now, the score, and why."""
        names = standing.told.matters.names
        changed = {names[one] for one in touched.tolist()}
        for one in told:
            rule = self._rules.get(one.rule)
            if rule is None or changed.isdisjoint(one.matters):
                continue
            value = self._replay.score(standing, one.as_of, one.company).value
            listings = {key for key in one.events if _names(standing, key, one.company)}
            why = alerts.unfounded(one, rule, value, listings)
            if why is not None:
                yield one, value, why

    def _corrections(
        self, scores: Mapping[str, Score], wrong: Sequence[tuple[Told, float, str]]
    ) -> Iterator[dict[str, Any]]:
        """Yield a correction for each alert of which something is wrong."""
        by_alert: dict[int, list[tuple[Told, float, str]]] = {}
        for one in wrong:
            by_alert.setdefault(one[0].position, []).append(one)
        for position, some in by_alert.items():
            told, value, _ = some[0]
            if told.company not in scores:
                continue  # merged into another, which has the corrected score
            grounds = [Ground(one.rule, one.company, one.value, why) for one, _, why in some]
            body = self._body(scores[told.company], grounds, [])
            was = f"on {told.as_of:%Y-%m-%d} the score was {value:.1f}, not {told.value:.1f}"
            said = {"as_of": to_json(told.as_of), "value": told.value, "known_now": value}
            body |= {"corrects": position, "said": said, "why": f"{was}: {body['why']}"}
            yield body | {"messages": dict(told.messages)}

    def _alerts(
        self,
        fresh: Mapping[str, Sequence[Ground]],
        scores: Mapping[str, Score],
        then: Standing,
        before: Scored,
    ) -> Iterator[dict[str, Any]]:
        """Yield an alert for each company, whatever number of rules tells of it."""
        if fresh:
            self._replay.view(then)  # whole, once: not a part for each company
        for company, grounds in fresh.items():
            score, rules = scores[company], [self._rules[one.rule] for one in grounds]
            days = max((rule.days for rule in rules if rule.jump is not None), default=None)
            at = before.as_of if days is None else score.as_of - timedelta(days=days)
            lines = alerts.moved_lines(self._replay.score(then, at, company), score)
            channels = dict.fromkeys(channel for rule in rules for channel in rule.to)
            yield self._body(score, grounds, lines) | {"messages": dict.fromkeys(channels, "")}

    def _body(
        self, score: Score, grounds: Sequence[Ground], lines: list[dict[str, Any]]
    ) -> dict[str, Any]:
        """Return an alert as it is kept: company, from, to, why, lines, receipt."""
        receipt = receipts.receipt(score, self._ledger.at(score.position))
        matters = {line["matter"] for line in lines} | {line.matter for line in score.hazards}
        return {
            "company": score.company,
            "name": score.name,
            "as_of": to_json(score.as_of),
            "position": score.position,
            "from": max((one.before for one in grounds), key=lambda one: abs(one - score.value)),
            "value": score.value,
            "level": score.level,
            "why": "; ".join(one.why for one in grounds),
            "grounds": [_shown(one) for one in grounds],
            "lines": lines,
            "matters": sorted(matters),
            "digest": receipts.digest(receipt),
            "receipt": receipt,
        }

    def store(self, connection: Connection, raised: Raised, at: datetime) -> list[Fact]:
        """Put messages into the outbox and keep stances; return the alerts as facts to append."""
        for rule, (before, after) in raised.stances.items():
            runs.stand(connection, rule, before, after)
        self._spare(connection, raised, at)
        made = []
        for channel in self._config.channels:
            mine = [one for one in raised.alerts if channel in one["messages"]]
            for group in messages.grouped(mine):
                told = messages.composed(channel, group, at)
                made.append(told)
                for one in group:
                    one["messages"][channel] = told.key
        self.put(connection, made, at, self._quiet.until(at) if self._quiet else at)
        return [Fact(KIND, OWN, alerts.ref(one), alerts.canonical(one)) for one in raised.alerts]

    @staticmethod
    def put(
        connection: Connection, told: Sequence[Composed], at: datetime, due_at: datetime
    ) -> list[Fact]:
        """Put messages into the outbox, to be sent from `due_at` on; they are no facts."""
        outbox.put(connection, [outbox.Message(*one, at, due_at) for one in told])
        return []

    def _spare(self, connection: Connection, raised: Raised, at: datetime) -> None:
        """Withdraw messages of which nothing holds and nobody was told, and their corrections."""
        corrected = {
            (one["corrects"], ground["rule"])
            for one in raised.alerts
            if "corrects" in one
            for ground in one["grounds"]
        }
        if not corrected:
            return
        about: dict[str, set[tuple[int, str]]] = {}
        for told in alerts.standing(self._grounds()):
            for key in told.messages.values():
                about.setdefault(key, set()).add((told.position, told.rule))
        void = [key for key, grounds in about.items() if grounds <= corrected]
        withdrawn = set(outbox.withdraw(connection, void, at))
        for one in raised.alerts:
            if "corrects" in one:
                keys = one["messages"]
                one["messages"] = {c: "" for c, key in keys.items() if key not in withdrawn}


def _rules(config: Config) -> Iterator[Rule]:
    """Yield the alert rules of a configuration, each with its channels."""
    everybody = tuple(config.channels) if config.alerts.to is None else config.alerts.to
    for one in config.alerts.rules:
        to = everybody if one.to is None else one.to
        margin = MARGIN if one.margin is None else one.margin
        yield Rule(one.level, margin, one.jump, one.days or 1, to)


def _shown(ground: Ground) -> dict[str, Any]:
    shown = {"rule": ground.rule, "from": ground.before, "why": ground.why}
    return shown | ({"events": list(ground.events)} if ground.events else {})


def _touched(standing: Standing, then: Standing) -> Ints:
    """Return the matters of which something was told since, or that name another company now."""
    touched: Ints = np.union1d(standing.told.changed(then.position), standing.renamed(then))
    return touched


def _new_listings(standing: Standing, then: Standing, touched: Ints) -> dict[str, tuple[str, ...]]:
    """Return the keys of listings that name a company now and did not then, by company."""
    rows = standing.told.rows_of(touched.tolist())
    old = {one[:2] for one in _listings(then, rows)}
    new = [one for one in _listings(standing, rows) if one[:2] not in old]
    events = standing.read(np.array([row for _, _, row in new], np.int64))
    found: dict[str, list[str]] = {}
    for (company, _, _), event in zip(new, events, strict=True):
        found.setdefault(company, []).append(event.key)
    return {company: tuple(keys) for company, keys in found.items()}


def _listings(standing: Standing, rows: Ints) -> list[tuple[str, int, int]]:
    """Return company, place of the key, and row of the listings among `rows` that stand."""
    told = standing.told
    stand = told.standing(standing.position, rows)
    code = told.types.get(LISTED)
    if code is None:
        return []
    stand = stand[told.rows["type"][stand] == code]
    companies, listed = standing.naming_pairs(stand, role=SUBJECT)
    ids = standing.roster.ids
    places = told.rows["place"][listed]
    pairs = zip(companies.tolist(), places.tolist(), listed.tolist(), strict=True)
    return [(ids[company], place, row) for company, place, row in pairs]


def _names(standing: Standing, key: str, company: str) -> bool:
    """Whether the event under a key stands, and still names a company."""
    source, _, ref = key.partition(":")
    row = standing.told.row_of(source, ref, standing.position)
    if row is None:
        return False
    found = _listings(standing, np.array([row], np.int64))
    return company in {one for one, _, _ in found}
