"""From a recalculation to what is told of it: alerts as entries, messages in the outbox."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from functools import cache
from typing import Any, NamedTuple

from riskmon import alerts, listed, messages, outbox, readmodel, receipts, runs
from riskmon.alerts import MARGIN, Facts, Ground, Rule
from riskmon.database import Connection, reading
from riskmon.evaluators import Ints
from riskmon.intake import OWN
from riskmon.ledger import Fact, Ledger
from riskmon.listed import still_listed
from riskmon.memory import Memory, Told, grounds_of
from riskmon.messages import Quiet
from riskmon.model import Score
from riskmon.replay import Replay
from riskmon.results import to_json
from riskmon.runs import ANYBODY, Scored
from riskmon.settings import Config
from riskmon.standing import Standing

KIND = "alert.sent"
CURSOR = "alerts"


class Raised(NamedTuple):
    """What a run has to tell, to be stored with it."""

    alerts: list[dict[str, Any]]
    stances: dict[str, tuple[AbstractSet[str], AbstractSet[str]]]
    """Of each rule, what `alerts.stand` said before and says now."""
    position: int = 0
    """What it stands on."""


NOTHING = Raised([], {})


class Alarm:
    """What the alert rules of a configuration make of each run."""

    def __init__(self, ledger: Ledger, replay: Replay, config: Config) -> None:
        self._ledger = ledger
        self._replay = replay
        self._config = config
        self._rules = {rule.name: rule for rule in _rules(config)}
        self._quiet = Quiet(*config.alerts.quiet, config.timezone) if config.alerts.quiet else None
        self._memory = Memory()
        self._bodies: list[Mapping[str, Any]] = []
        self._seen = 0

    def bodies(self) -> list[Mapping[str, Any]]:
        """Return the alerts told so far, oldest first, without their receipts."""
        for entry in self._ledger.entries(self._seen, kinds=(KIND,)):
            body = json.loads(entry.body) | {"told_at": to_json(entry.recorded_at)}
            body |= {"entry": entry.position}
            del body["receipt"]
            self._bodies.append(body)
            self._memory.add(grounds_of(entry.position, body))
            self._seen = entry.position
        return self._bodies

    def raised(
        self,
        standing: Standing,
        scores: Sequence[Score],
        before: Scored | None,
        values: Mapping[str, float],
    ) -> Raised:
        """Return what there is to tell of `scores`; `before` is the last run, and `values` its.

        Changes are told from where alerts were raised last; the first time, nothing is.
        """
        if not self._rules or not scores:
            return NOTHING
        rules, as_of = self._rules.values(), scores[0].as_of
        self.bodies()
        with reading(self._ledger.engine) as connection:
            stances = runs.stances(connection, self._rules)
        facts = Facts(
            as_of,
            {score.company: score.value for score in scores},
            values,
            cache(self._extremes),
            stances,
            self._memory.since(as_of - runs.KEPT),
            self._silent(as_of),
        )
        reached = readmodel.reached(self._ledger.engine, CURSOR)
        if before is None or not reached:
            return Raised([], _stances(rules, facts), standing.position)
        standing, then = self._replay.since(reached, self._memory.keys())
        touched = listed.touched(standing, then)
        wrong = list(self._wrong(standing, then, touched))
        gone = {(one.rule, one.company) for one, _, _ in wrong}
        facts = facts._replace(listings=listed.newly_listed(standing, then, touched))
        fresh: dict[str, list[Ground]] = {}
        for one in alerts.grounds(rules, facts):
            if (one.rule, one.company) not in gone:
                fresh.setdefault(one.company, []).append(one)
        by_company = {score.company: score for score in scores}
        bodies = list(self._corrections(by_company, wrong))
        bodies += self._alerts(fresh, by_company, then, before)
        return Raised(bodies, _stances(rules, facts), standing.position)

    def _silent(self, as_of: datetime) -> set[str]:
        day = as_of.astimezone(self._config.timezone).date()
        return {one for one, until in self._config.alerts.silence.items() if day < until}

    def _extremes(self, since: datetime) -> Mapping[str, tuple[float, float]]:
        with reading(self._ledger.engine) as connection:
            return runs.extremes(connection, since)

    def _wrong(
        self, standing: Standing, then: Standing, touched: Ints
    ) -> Iterator[tuple[Told, float, str]]:
        """Yield the grounds that would not be told by what is known now, the score, and why.

        Of those that held `then`: what the rules have changed since they were told is none.
        """
        names = standing.told.matters.names
        for one in self._memory.about(names[number] for number in touched.tolist()):
            value, why = self._judged(one, standing)
            if why is not None:
                self._replay.view(then)  # whole, once: not a part for each company
                if self._judged(one, then)[1] is None:
                    yield one, value, why

    def _judged(self, told: Told, standing: Standing) -> tuple[float, str | None]:
        """Return the score at the moment of a ground, as known by `standing`, and what is wrong."""
        value = self._replay.score(standing, told.as_of, told.company).value
        rule = self._rules.get(told.rule) or alerts.named(told.rule)
        listings = {key for key in told.events if still_listed(standing, key, told.company)}
        return value, alerts.unfounded(told, rule, value, listings)

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
            grounds = [Ground(one.rule, one.company, told.value, why) for one, _, why in some]
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
            days = max((rule.days for rule in rules if rule.jump is not None), default=0)
            at = min(before.as_of, score.as_of - timedelta(days=days))
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
        if raised.position:
            readmodel.advance(connection, CURSOR, raised.position)
        self._spare(connection, raised, at)
        made = []
        # One that has left the configuration among them: who was told is told, or seen not to be.
        for channel in dict.fromkeys(name for one in raised.alerts for name in one["messages"]):
            mine = [one for one in raised.alerts if channel in one["messages"]]
            for group in messages.grouped(mine):
                told = messages.composed(channel, group, at)
                made.append(told)
                for one in group:
                    one["messages"][channel] = told.key
        due_at = self._quiet.until(at) if self._quiet else at
        outbox.put(connection, [outbox.Message(*one, at, due_at) for one in made])
        return [Fact(KIND, OWN, alerts.ref(one), alerts.canonical(one)) for one in raised.alerts]

    def _spare(self, connection: Connection, raised: Raised, at: datetime) -> None:
        """Withdraw messages of which nothing holds and nobody was told, and their corrections."""
        takes_back = [one for one in raised.alerts if "corrects" in one]
        corrected = {
            (one["corrects"], ground["rule"]) for one in takes_back for ground in one["grounds"]
        }
        keys = {key for one in takes_back for key in one["messages"].values()}
        void = [key for key in keys if self._memory.void(key, corrected)]
        withdrawn = set(outbox.withdraw(connection, void, at))
        outbox.withdraw(connection, self._memory.corrections(withdrawn), at)
        for one in takes_back:
            heard = [c for c, key in one["messages"].items() if key not in withdrawn]
            one["messages"] = dict.fromkeys(heard, "")


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


def _stances(
    rules: Iterable[Rule], facts: Facts
) -> dict[str, tuple[AbstractSet[str], AbstractSet[str]]]:
    return {
        rule.name: (
            facts.stances.get(rule.name, frozenset()),
            alerts.stand(rule, facts) | {ANYBODY},
        )
        for rule in rules
    }
