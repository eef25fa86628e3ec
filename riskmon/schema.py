"""The JSON Schema of a rule, for editors: `python -m riskmon.schema > rules/rule.schema.json`."""

from __future__ import annotations

import json
from typing import Any

from riskmon.rules import STAGE, Rule
from riskmon.vocabulary import ROLES, TOPICS, TYPES

FIRST_LINE = "# yaml-language-server: $schema=rule.schema.json"
"""By this an editor finds the schema, which lies beside the rules."""


def rule_schema() -> dict[str, Any]:
    """Return the JSON Schema of a rule file, made from the model that checks it.

    Words of the vocabulary are offered; others are allowed.
    """
    schema: dict[str, Any] = _without_formats(Rule.model_json_schema())
    fields = schema["properties"]
    fields["stages"]["properties"] = dict.fromkeys(sorted(TYPES), STAGE)
    fields["roles"]["properties"] = dict.fromkeys(
        sorted(ROLES), next(iter(fields["roles"]["patternProperties"].values()))
    )
    for name, words in (("topics", TOPICS), ("open", TYPES)):
        fields[name]["items"] = {"anyOf": [{"enum": sorted(words)}, fields[name]["items"]]}
    where = schema["$defs"]["Where"]
    where["patternProperties"] = {r"^attributes\..+": where.pop("additionalProperties")}
    where["additionalProperties"] = False
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "A rule of riskmon",
    }


def _without_formats(value: Any) -> Any:
    """Return a schema that takes 2024-01-12 for a moment, as riskmon does."""
    if isinstance(value, dict):
        return {name: _without_formats(one) for name, one in value.items() if name != "format"}
    return [_without_formats(one) for one in value] if isinstance(value, list) else value


def text() -> str:
    """Return the schema as the file has it."""
    return json.dumps(rule_schema(), indent=1, sort_keys=True) + "\n"


if __name__ == "__main__":
    print(text(), end="")
