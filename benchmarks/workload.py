"""A seeded workload: events of about 600 bytes, in matters, over companies by a power law."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from riskmon import vocabulary
from riskmon.model import Publisher
from riskmon.rules import Rule
from riskmon.ruleset import Ruleset

NOW = datetime(2026, 1, 1, tzinfo=UTC)
DAYS = 3650
TOPICS = sorted(vocabulary.TOPICS)[:10]
TELLERS = [f"publisher-{number}" for number in range(30)]
SECTORS = [f"sector:s{number}" for number in range(20)]
PLACES = ["cn", "us", "de", "jp", "kr", "tw", "in", "sg"]
FAMILIES = {
    "claim": ["alleged", "denied", "corrected", "confirmed"],
    "case": ["investigated", "indicted", "convicted", "dismissed"],
    "listing": ["proposed", "listed", "delisted"],
    "measure": ["announced", "in-force", "suspended"],
}
WORDS = ["export", "control", "notice", "advanced", "equipment", "firm", "named", "by", "authority"]


def companies(count: int, owned: int = 10) -> Iterator[dict[str, Any]]:
    """Yield companies with exposures; one in `owned` is owned by another."""
    chance = random.Random(1)
    for number in range(count):
        owners = [{"company": f"c{chance.randrange(count)}", "share": chance.choice([0.3, 0.6])}]
        yield {
            "id": f"c{number}",
            "name": f"Company number {number}",
            "jurisdiction": chance.choice(PLACES),
            "exposures": [
                {"subject": sector, "weight": chance.randint(1, 10) / 10}
                for sector in chance.sample(SECTORS, 3)
            ],
            "owners": owners if number % owned == 0 else [],
        }


def events(count: int, company_count: int) -> Iterator[dict[str, Any]]:
    """Yield events in 0.7 matters each; one in fifty is a measure with a scope."""
    chance = random.Random(2)
    matters = max(1, count * 7 // 10)
    for number in range(count):
        matter = chance.randrange(matters)
        family = "measure" if matter % 50 == 0 else ["claim", "case", "listing"][matter % 3]
        scope = [f"country:{PLACES[matter % 8]}", SECTORS[matter % 20]]
        yield {
            "source": TELLERS[chance.randrange(30)],
            "ref": f"event-{number:09}",
            "type": f"{family}.{chance.choice(FAMILIES[family])}",
            "matter": f"matter-{matter}",
            "occurred_at": f"{NOW - timedelta(days=chance.randrange(DAYS)):%Y-%m-%d}",
            "title": " ".join(chance.choices(WORDS, k=8)),
            "topics": [TOPICS[matter % 10]],
            "parties": [
                {
                    "name": f"Company number {one}",
                    "company": f"c{one}",
                    "role": chance.choice(["subject", "victim", "investor"]),
                }
                for one in {_popular(chance, company_count) for _ in range(chance.randint(1, 3))}
            ],
            **({"scope": scope} if family == "measure" else {}),
            "url": f"https://example.com/{number}",
            "summary": " ".join(chance.choices(WORDS, k=32)),
        }


def _popular(chance: random.Random, count: int) -> int:
    return min(int(chance.paretovariate(0.8)) - 1, count - 1)


def rules(count: int = 20) -> Iterator[dict[str, Any]]:
    """Yield rules: of twenty four by scope, two by ownership, and a third of each family."""
    for place in range(count):
        number = place % 20
        family = "measure" if number < 4 else ["claim", "case", "listing"][number % 3]
        kinds = [f"{family}.{word}" for word in FAMILIES[family]]
        stages: dict[str, Any] = {kind: 0.2 + 0.2 * place for place, kind in enumerate(kinds)}
        if family == "claim":
            stages |= {kinds[0]: "sources", kinds[1]: {"times": 0.7}, kinds[2]: {"times": 0.3}}
        yield {
            "id": f"rule-{place}",
            "title": f"Rule {place}",
            "category": f"category-{number % 5}",
            "severity": 10 + 3 * number,
            "stages": stages,
            "topics": TOPICS[number % 5 :: 5] + TOPICS[:3],
            "half_life": f"{30 * (1 + number)} days",
            **({"scope": 1.0} if family == "measure" else {}),
            **({"ownership": {"control": 1.0, "minority": 0.3}} if number in {5, 6} else {}),
        }


def publishers() -> Iterator[dict[str, Any]]:
    """Yield the tellers, three to a group."""
    for number, teller in enumerate(TELLERS):
        yield {
            "id": teller,
            "group": f"group-{number // 3}",
            "credibility": round(0.2 + number % 7 / 10, 1),
        }


def ruleset(some: Iterable[Mapping[str, Any]]) -> Ruleset:
    """Return rules, and the publishers, as `load_ruleset` has them."""
    found = sorted(map(Rule.model_validate, some), key=lambda one: f"{one.id}.yaml")
    tellers = sorted(map(Publisher.model_validate, publishers()), key=lambda one: one.id)
    return Ruleset(tuple(found), tuple(tellers))


def write(
    folder: Path, event_count: int, company_count: int, rule_count: int = 20
) -> tuple[Path, Path, Path]:
    """Write events, companies and rules into `folder`; return the three paths."""
    paths = folder / "events.jsonl", folder / "companies.jsonl", folder / "rules"
    for path, rows in zip(
        paths, (events(event_count, company_count), companies(company_count)), strict=False
    ):
        with path.open("w", encoding="utf-8") as out:
            out.writelines(json.dumps(row) + "\n" for row in rows)
    paths[2].mkdir()
    for rule in rules(rule_count):
        (paths[2] / f"{rule['id']}.yaml").write_text(json.dumps(rule), "utf-8")
    (paths[2] / "publishers.yaml").write_text(json.dumps(list(publishers())), "utf-8")
    return paths
