"""The JSON Schema of a rule: it is the one that ships, and it judges as riskmon does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from riskmon import schema
from riskmon.errors import RulesError
from riskmon.ruleset import PUBLISHERS, load_ruleset
from riskmon.vocabulary import ROLES, TOPICS, TYPES
from riskmon.yaml12 import Document
from tests.builders import ROOT, rule, write_rules

FOLDER = ROOT / "rules"
SHIPPED = sorted(file for file in FOLDER.glob("*.yaml") if file.name != PUBLISHERS)
VALIDATOR = Draft202012Validator(schema.rule_schema())


def found(one: dict[str, Any]) -> list[str]:
    """Return where the schema finds something wrong with a rule, each place once."""
    return sorted({".".join(map(str, error.path)) for error in VALIDATOR.iter_errors(one)})


def offered(field: str) -> frozenset[str]:
    """Return the words that an editor offers for a member of a list."""
    first = schema.rule_schema()["properties"][field]["items"]["anyOf"][0]
    return frozenset(first["enum"])


def test_the_shipped_schema_is_the_one_that_is_made() -> None:
    """`python -m riskmon.schema > rules/rule.schema.json` was not forgotten."""
    assert schema.text() == (FOLDER / "rule.schema.json").read_text("utf-8")


def test_the_schema_is_a_schema() -> None:
    """Of the draft that it names; what is broken in it would pass everything."""
    Draft202012Validator.check_schema(schema.rule_schema())
    assert schema.rule_schema()["$schema"] == Draft202012Validator.META_SCHEMA["$schema"]


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.stem)
def test_a_shipped_rule_says_where_its_schema_is(file: Path) -> None:
    """On its first line, where editors look; the file that it names is beside it."""
    first, _, _ = file.read_text("utf-8").partition("\n")
    assert schema.FIRST_LINE == first
    _, _, name = schema.FIRST_LINE.partition("$schema=")
    assert (file.parent / name).is_file()


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.stem)
def test_a_shipped_rule_is_valid(file: Path) -> None:
    """Nothing is underlined in what ships."""
    assert [] == found(Document(file.read_bytes(), file.name).value)


VALID: dict[str, dict[str, Any]] = {
    "as little as it may": {},
    "words of its own": {
        "stages": {"fire.confirmed": 1.0, "fire.denied": {"times": 0.5}},
        "roles": {"owner-of-the-site": 0.5},
        "topics": ["industrial-accident"],
        "open": ["fire.confirmed"],
    },
    "dated numbers": {
        "severity": {"2024-01-01": 40, "2025-01-01T12:00:00Z": 60},
        "stages": {"claim.denied": {"times": {"2024-01-01": 0.5}}, "case.fined": {"2024-01-01": 1}},
        "half_life": {"2024-01-01": "1 year", "2025-01-01": 90},
        "ownership": {"control": {"2025-09-29": 1.0}, "threshold": 0.25},
    },
    "where": {
        "where": {
            "type": "claim.alleged",
            "topics": {"any": ["entity-list"], "none": ["tariffs"]},
            "occurred_at": {"gte": "2024-01-01", "lt": "2025-01-01"},
            "attributes.amount_usd": {"gte": 1e8},
            "party": [{"role": "investor"}, {"jurisdiction": ["us", "gb"]}],
        }
    },
    "no party": {"where": {"party": {"none": {"role": "authority"}}}},
    "an evaluator": {"evaluator": "surge", "parameters": {"window": "30 days", "least": 4}},
    "examples": {
        "why": "Because.",
        "references": ["A law"],
        "examples": [
            {
                "name": "one",
                "as_of": "2024-01-01",
                "events": [{"type": "claim.confirmed", "occurred_at": "2024-01-01"}],
                "companies": [{"id": "acme", "name": "Acme", "jurisdiction": "cn"}],
                "scores": {"acme": 0},
            }
        ],
    },
}


@pytest.mark.parametrize("name", VALID)
def test_what_riskmon_takes_is_valid(name: str, tmp_path: Path) -> None:
    """The schema underlines nothing that loads; words of one's own are allowed."""
    one = rule(**VALID[name])
    load_ruleset(write_rules(tmp_path, one))
    assert [] == found(one)


EXAMPLE = {"name": "one", "as_of": "2024-01-01", "events": [], "scores": {}}
BROKEN: dict[str, tuple[dict[str, Any], str]] = {
    "a field that is none": ({"severty": 40}, ""),
    "no points": ({"severity": None}, "severity"),
    "100 points": ({"severity": 100}, "severity"),
    "points as text": ({"severity": "40"}, "severity"),
    "dated by no date": ({"severity": {"soon": 40}}, "severity"),
    "dated by nothing": ({"severity": {}}, "severity"),
    "no stage": ({"stages": {}}, "stages"),
    "a likelihood above 1": ({"stages": {"claim.alleged": 1.5}}, "stages.claim.alleged"),
    "a word that is no stage": ({"stages": {"claim.alleged": "source"}}, "stages.claim.alleged"),
    "a stage that divides": ({"stages": {"a.b": {"divided": 2}}}, "stages.a.b"),
    "a factor below 0": ({"stages": {"a.b": {"times": -1}}}, "stages.a.b"),
    "a half-life in weeks": ({"half_life": "2 weeks"}, "half_life"),
    "a half-life of nothing": ({"half_life": 0}, "half_life"),
    "a status": ({"status": "live"}, "status"),
    "an id in capitals": ({"id": "A-Rule"}, "id"),
    "topics as text": ({"topics": "entity-list"}, "topics"),
    "a topic in capitals": ({"topics": ["Entity-List"]}, "topics.0"),
    "a type as topic": ({"topics": ["listing.listed"]}, "topics.0"),
    "an open stage that is no type": ({"open": ["listed"]}, "open.0"),
    "a role above 1": ({"roles": {"subject": 2}}, "roles.subject"),
    "control as text": ({"ownership": {"control": "all"}}, "ownership"),
    "ownership of its own": ({"ownership": {"majority": 1}}, "ownership"),
    "a party that is a word": ({"where": {"party": "investor"}}, "where"),
    "a field of where that is none": ({"where": {"topicz": "entity-list"}}, "where"),
    "a bound that is none": ({"where": {"source": {"gt": 1}}}, "where"),
    "a list of nothing": ({"where": {"source": []}}, "where"),
    "an example without scores": (
        {"examples": [{name: EXAMPLE[name] for name in ("name", "as_of", "events")}]},
        "examples.0",
    ),
    "an example of 100": ({"examples": [EXAMPLE | {"scores": {"a": 100}}]}, "examples.0.scores.a"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_riskmon_refuses_is_not_valid(name: str, tmp_path: Path) -> None:
    """Typical slips are underlined where they stand."""
    fields, place = BROKEN[name]
    one = rule(**fields)
    with pytest.raises(RulesError):
        load_ruleset(write_rules(tmp_path, one))
    assert [place] == found(one)


@pytest.mark.parametrize("field", ["id", "title", "category", "severity", "stages", "half_life"])
def test_what_is_required_is_missed(field: str, tmp_path: Path) -> None:
    """The guide's list of required fields, by riskmon and by the schema."""
    one = {name: value for name, value in rule().items() if name != field}
    (tmp_path / "a-rule.yaml").write_text(json.dumps(one), "utf-8")
    with pytest.raises(RulesError, match=f"{field}: is required and missing"):
        load_ruleset(tmp_path)
    assert [f"'{field}' is a required property"] == [
        error.message for error in VALIDATOR.iter_errors(one)
    ]


def test_words_of_the_vocabulary_are_offered() -> None:
    """Types as stages and open stages, roles, topics; all of them."""
    fields = schema.rule_schema()["properties"]
    assert set(TYPES) == set(fields["stages"]["properties"])
    assert set(ROLES) == set(fields["roles"]["properties"])
    assert (TOPICS, TYPES) == (offered("topics"), offered("open"))
