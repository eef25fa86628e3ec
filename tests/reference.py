"""The model a second time: slow, obvious, straight from docs/model.md, sharing no code with it.

Works on plain dicts: `log` is a list of (recorded_at, what, payload) in the ledger's order, with
`what` one of event, withdrawal, company; `rules` and `publishers` are as in their files.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

Log = list[tuple[datetime, str, dict[str, Any]]]


def day(text: str) -> datetime:
    parsed = datetime.fromisoformat(text)
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def number(value: Any, at: datetime) -> float:
    if not isinstance(value, dict):
        return float(value)
    past = [(day(since), one) for since, one in value.items() if day(since) <= at]
    return float(max(past)[1]) if past else 0.0


def half_life_days(value: Any) -> float:
    amount, unit = value.split()
    return float(amount) * (365.25 if unit.startswith("year") else 1)


def holds(edge: dict[str, Any], at: datetime) -> bool:
    since, until = edge.get("since"), edge.get("until")
    return (not since or day(since) <= at) and (not until or at < day(until))


def lines(
    log: Log,
    rules: list[dict[str, Any]],
    publishers: list[dict[str, Any]],
    company: str,
    as_of: datetime,
    known_at: datetime,
) -> dict[tuple[str, str], float]:
    """Return h of each (rule, matter) that stands for `company`."""
    known = [entry for entry in log if entry[0] <= known_at]
    companies = {body["id"]: body for _, what, body in known if what == "company"}
    if company not in companies:
        return {}
    first: dict[Any, int] = {}
    standing: dict[Any, dict[str, Any] | None] = {}
    for place, (_, what, body) in enumerate(known):
        if what != "company":
            key = (body["source"], body["ref"])
            first.setdefault(key, place)
            standing[key] = body if what == "event" else None
    events = sorted(
        (e for e in standing.values() if e is not None),
        key=lambda e: (day(e["occurred_at"]), first[e["source"], e["ref"]]),
    )
    matters: dict[str, list[dict[str, Any]]] = {}
    for event in events:
        name = event.get("matter") or f"{event['source']}:{event['ref']}"
        matters.setdefault(name, []).append(event)
    found = {}
    for rule in rules:
        if rule.get("status", "stable") != "stable":
            continue
        for name, members in matters.items():
            h = hazard(rule, members, companies, publishers, company, as_of)
            if h > 0:
                found[rule["id"], name] = h
    return found


def hazard(
    rule: dict[str, Any],
    members: list[dict[str, Any]],
    companies: dict[str, Any],
    publishers: list[dict[str, Any]],
    company: str,
    at: datetime,
) -> float:
    if rule.get("where"):
        members = [event for event in members if met(rule["where"], event, companies)]
    stages = rule["stages"]
    if not any(event["type"] in stages for event in members):
        return 0.0
    topics = {topic for event in members for topic in event.get("topics", [])}
    if rule.get("topics") and not topics & set(rule["topics"]):
        return 0.0
    likelihood, clock, official = stand(rule, members, publishers, company, at)
    if clock is None:
        return 0.0
    if official in rule.get("open", []):
        decay = 1.0
    else:
        age = (at - clock).total_seconds() / 86400
        decay = 2 ** (-age / half_life_days(rule["half_life"]))
    severity = -math.log(1 - number(rule["severity"], at) / 100)
    return severity * likelihood * weight(rule, members, companies, company, at) * decay


def met(where: dict[str, Any], event: dict[str, Any], companies: dict[str, Any]) -> bool:
    for field, test in where.items():
        if field == "party":
            none = "none" in test
            wanted = test["none"] if none else test
            one_of = wanted if isinstance(wanted, list) else [wanted]
            found = any(
                takes_part(one, party, companies)
                for one in one_of
                for party in event.get("parties", [])
            )
            if found == none:
                return False
        elif field.startswith("attributes."):
            if not passes(test, event.get("attributes", {}).get(field.split(".", 1)[1])):
                return False
        elif not passes(test, event.get(field)):
            return False
    return True


def takes_part(test: dict[str, Any], party: dict[str, Any], companies: dict[str, Any]) -> bool:
    """Whether a party, given by a company's id, meets the test of one."""
    firm = companies.get(party.get("company", ""), {})
    has = {
        "role": party.get("role", "subject"),
        "company": firm.get("id"),
        "jurisdiction": firm.get("jurisdiction"),
        "kind": party.get("kind"),
        "name": party.get("name"),
    }
    return all(passes(wanted, has[name]) for name, wanted in test.items())


def passes(test: Any, value: Any) -> bool:
    values = value if isinstance(value, list) else [] if value is None else [value]
    if isinstance(test, list):
        test = {"any": test}
    if not isinstance(test, dict):
        test = {"any": [test]}
    # 1 is 1.0, but not True.
    told = {(isinstance(one, bool), one) for one in values}
    for operator, wanted in test.items():
        if operator in {"gte", "lt"}:
            dated = isinstance(wanted, str)
            bound = day(wanted) if dated else wanted
            sides = [(day(one) if dated else one) >= bound for one in values]
            if (operator == "gte") not in sides:
                return False
        else:
            shared = any((isinstance(one, bool), one) in told for one in wanted)
            if shared == (operator in {"none", "not_in"}):
                return False
    return True


def weight(
    rule: dict[str, Any],
    members: list[dict[str, Any]],
    companies: dict[str, Any],
    company: str,
    at: datetime,
) -> float:
    roles = rule.get("roles", {"subject": 1.0})
    named: dict[str, float] = {}
    for event in members:
        for party in event.get("parties", []):
            one, role = party.get("company"), party.get("role", "subject")
            if one in companies and role in roles:
                named[one] = max(named.get(one, 0.0), number(roles[role], at))
    named = {one: value for one, value in named.items() if value > 0}
    best = named.get(company, 0.0)
    if rule.get("ownership"):
        best = max(best, owned(rule["ownership"], named, companies, company, at))
    scope = number(rule.get("scope", 0), at)
    for event in members:
        if event.get("scope"):
            product = 1.0
            for subject in event["scope"]:
                product *= exposure(companies[company], subject, at)
            best = max(best, scope * product)
    return best


def exposure(company: dict[str, Any], subject: str, at: datetime) -> float:
    weights = [
        edge["weight"]
        for edge in company.get("exposures", [])
        if edge["subject"] == subject and holds(edge, at)
    ]
    own = 1.0 if subject == f"country:{company.get('jurisdiction')}" else 0.0
    return float(max([own, *weights]))


def owned(
    ownership: dict[str, Any],
    named: dict[str, float],
    companies: dict[str, Any],
    company: str,
    at: datetime,
) -> float:
    control = number(ownership.get("control", 0), at)
    minority = number(ownership.get("minority", 0), at)
    threshold = number(ownership.get("threshold", 0.5), at)
    owners = {
        one: [(o["company"], o["share"]) for o in body.get("owners", []) if holds(o, at)]
        for one, body in companies.items()
    }
    carriers = set(named)
    changed = control > 0
    while changed:
        changed = False
        for one in companies:
            shares = [share for owner, share in owners[one] if owner in carriers]
            if one not in carriers and shares and sum(shares) >= threshold - 1e-9:
                carriers.add(one)
                changed = True
    value = {one: named.get(one, 0.0) for one in carriers}
    for _ in range(len(carriers)):
        for one in carriers:
            above = [value[owner] for owner, _ in owners[one] if owner in carriers]
            value[one] = max([value[one], *(control * v for v in above)])
    if company in carriers:
        return value[company]
    return minority * sum(
        float(s) * value[owner] for owner, s in owners[company] if owner in carriers
    )


def stand(
    rule: dict[str, Any],
    members: list[dict[str, Any]],
    publishers: list[dict[str, Any]],
    company: str,
    at: datetime,
) -> tuple[float, datetime | None, str | None]:
    listed = {publisher["id"]: publisher for publisher in publishers}
    best: dict[str, float] = {}
    official: str | None = None
    likelihood, clock = 0.0, None
    multiplied: dict[str, float] = {}
    for event in members:
        moment = day(event["occurred_at"])
        if event["type"] not in rule["stages"] or moment > at:
            continue
        stage = rule["stages"][event["type"]]
        if stage == "sources":
            teller = listed.get(event.get("origin") or event["source"], {})
            group = teller.get("group") or event.get("origin") or event["source"]
            evidence = event.get("credibility")
            if evidence is None:
                evidence = teller.get("credibility", 0.3)
            if company in teller.get("conflicts", []):
                evidence = evidence / 2
            if evidence > best.get(group, 0):
                best[group] = evidence
                if official is None:
                    clock = moment
        elif isinstance(stage, dict) and "times" in stage:
            multiplied[event["type"]] = number(stage["times"], at)
        else:
            official, likelihood, clock = event["type"], number(stage, at), moment
            multiplied = {}
    if official is None:
        disbelief = 1.0
        for evidence in best.values():
            disbelief *= 1 - evidence
        likelihood = min(number(rule.get("cap", 0.9), at), 1 - disbelief)
    for factor in multiplied.values():
        likelihood *= factor
    return likelihood, clock, official


def score(found: dict[tuple[str, str], float]) -> float:
    return 100 * (1 - math.exp(-sum(found.values())))
