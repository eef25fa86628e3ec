"""Whatever the API's description allows, and much that it does not: no mistake of riskmon's own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode

import riskmon
from riskmon.web import app
from riskmon.web.doors import Doors
from tests.builders import ROOT, listed

NAMED = {"company": "baidu", "name": "us-1260h:baidu", "rule": "section-1260h"}
"""What there is, where a path names something: what is drawn is hardly ever there."""

CHECKS = {
    "negative_data_rejection": {"expected-statuses": ["4xx"]},  # 414, where there is too much
    "positive_data_acceptance": {"enabled": False},  # no schema says which days there are
}


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Return the description of the API of a ledger with a scenario, and a name that waits."""
    folder = ROOT / "scenario"
    with riskmon.open(f"sqlite:///{tmp_path_factory.mktemp('api') / 'risk.db'}") as monitor:
        monitor.declare(folder / "companies.jsonl")
        monitor.ingest(folder / "events.jsonl")
        monitor.ingest([listed("Baidu Netcom Technology Syria")])
        monitor.recalculate()
        served = app(monitor, doors=Doors(names=frozenset({"testserver"})))
        config = schemathesis.Config.from_dict({"checks": CHECKS})
        yield schemathesis.openapi.from_asgi("/api/v1/openapi.json", served, config=config)


def asked(described: Any, mode: GenerationMode, examples: int) -> list[str]:
    """Ask each address so many times, and compare with the description; return the addresses.

    Compared are status, type and fields; what must be refused is, and nothing is a 5xx.
    """
    found = []
    for one in described.get_all_operations():
        operation = one.ok()
        found.append(operation.label)
        paths: list[dict[str, str] | None] = [None]
        if named := {name: NAMED[name] for name in NAMED if f"{{{name}}}" in operation.path}:
            paths.append(named)
        for path in paths:

            @given(case=operation.as_strategy(mode, path_parameters=path))
            @settings(max_examples=examples, suppress_health_check=list(HealthCheck))
            def holds(case: Any) -> None:
                case.call_and_validate()

            with suppress(Unsatisfiable):  # nothing that is asked here can be wrong
                holds()
    return found


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_the_api_answers_as_it_is_described(described: Any, mode: GenerationMode) -> None:
    """Whatever is asked, allowed or not."""
    assert len(asked(described, mode, 10)) == 24


@pytest.mark.soak
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_the_api_answers_as_it_is_described_for_long(described: Any, mode: GenerationMode) -> None:
    """The same, five hundred times each."""
    assert asked(described, mode, 500)
