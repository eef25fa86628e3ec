"""Which rule reads which event: the matching part of scoring, beside other engines.

An event matches a rule when its type is one of the rule's stages, and one of its topics is one of
the rule's topics; here per event, not per matter. Every engine gives, for each rule, the events
that match it. Events stand ready in the form that an engine takes; rules are compiled before, but
for riskmon, which makes its tables anew each time, as `riskmon.matters.read` does. Where an engine
has several ways to say it, the fastest found is measured.

By itself: `python -m benchmarks.matching [--events N]`.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Callable, Iterable, Sequence
from itertools import compress
from typing import Any, NamedTuple

import numpy as np

from benchmarks import workload
from benchmarks.measure import RUNS, cpu
from benchmarks.scores import COMPANIES
from riskmon.told import Told

SAMPLE = 10_000
"""Events for an engine that takes microseconds each; and for comparing answers one by one."""

Rows = list[dict[str, Any]]
Found = Sequence[Any]
"""Of each rule, the numbers of the events that match it, in order."""
Match = Callable[[], Found]


class Engine(NamedTuple):
    """What is measured."""

    name: str
    prepare: Callable[[Rows, Rows], Match]
    """From rules and events to the part that is measured; may raise ImportError."""
    what: str
    slow: bool = False


class Ready(NamedTuple):
    """An engine that is installed, on the events it is measured on."""

    engine: Engine
    match: Match
    size: int


def compare(events: int) -> None:
    """Match the workload's rules with that many events by each engine, and print a line each."""
    rules = list(workload.rules())
    rows = [
        {"type": event["type"], "topics": event["topics"]}
        for event in workload.events(events, COMPANIES)
    ]
    print(f"matching: {events:,} events, {len(rules)} rules", flush=True)
    ready = _prepared(rules, rows)
    _check(ready)
    costs: list[list[float]] = [[] for _ in ready]
    for _ in range(RUNS):
        for cost, one in zip(costs, ready, strict=True):
            cost.append(cpu(one.match))
    each = [
        statistics.median(cost) / one.size * 1e6 for cost, one in zip(costs, ready, strict=True)
    ]
    for cost_of_one, one in zip(each, ready, strict=True):
        _show(one, cost_of_one, cost_of_one / each[0], events)


def _prepared(rules: Rows, rows: Rows) -> list[Ready]:
    """Return the engines that are installed, and print why the others are skipped."""
    ready = []
    for engine in ENGINES:
        taken = rows[:SAMPLE] if engine.slow else rows
        try:
            ready.append(Ready(engine, engine.prepare(rules, taken), len(taken)))
        except ImportError as error:
            print(f"{engine.name:<28} skipped: not installed here ({error})", flush=True)
    return ready


def _check(ready: list[Ready]) -> None:
    """Assert that all engines give the same answer: one by one on a sample, in number on all."""
    first, *others = [(one, one.match()) for one in ready]
    expected, total = _sample(first[1]), _total(first[1])
    assert expected  # noqa: S101
    for one, found in others:
        assert _sample(found) == expected, f"{one.engine.name} matches others"  # noqa: S101
        number = total if one.size == first[0].size else len(expected)
        assert _total(found) == number, f"{one.engine.name} matches more or less"  # noqa: S101


def _sample(found: Found) -> set[tuple[int, int]]:
    """Return the (rule, event) pairs of the sample's events."""
    return {(rule, int(event)) for rule, one in enumerate(found) for event in one if event < SAMPLE}


def _total(found: Found) -> int:
    return sum(len(one) for one in found)


def _show(one: Ready, each: float, ratio: float, events: int) -> None:
    what = one.engine.what
    if one.size < events:
        what += f"; extrapolated linearly from {one.size:,} of {events:,} events"
    print(f"{one.engine.name:<28} {each:10.3f} us   ratio {ratio:8.1f}   ({what})", flush=True)


def riskmon_columns(rules: Rows, rows: Rows) -> Match:
    """Prepare riskmon's columns: codes of types and of sets of topics, a table of each a rule."""
    at = f"{workload.NOW:%Y-%m-%dT%H:%M:%SZ}"
    told = Told(lambda _: ())
    told.append(
        (number, "event.recorded", "wire", str(number), json.dumps(row | {"occurred_at": at}))
        for number, row in enumerate(rows, 1)
    )
    types, topics = told.rows["type"], told.rows["topics"]

    def one(rule: dict[str, Any]) -> Any:
        staged = np.zeros(len(told.types), bool)
        staged[[told.types[name] for name in rule["stages"] if name in told.types]] = True
        wanted = set(rule["topics"])
        topical = np.array([not wanted.isdisjoint(words) for words in told.topics.names], bool)
        return np.flatnonzero(staged[types] & topical[topics])

    return lambda: [one(rule) for rule in rules]


def polars_enums(rules: Rows, rows: Rows) -> Match:
    """Prepare a frame of enums, a type and a set of topics a row, and a lazy query a rule."""
    import polars as pl  # noqa: PLC0415 (may not be installed)

    sets = {"\n".join(row["topics"]): row["topics"] for row in rows}
    stages = [stage for rule in rules for stage in rule["stages"]]
    types = dict.fromkeys([row["type"] for row in rows] + stages)
    frame = pl.LazyFrame(
        {
            "type": [row["type"] for row in rows],
            "topics": ["\n".join(row["topics"]) for row in rows],
        },
        schema={"type": pl.Enum(list(types)), "topics": pl.Enum(list(sets))},
    )

    def within(column: str, words: Iterable[str]) -> pl.Expr:
        # Comparisons of codes, which take less than `is_in`.
        tests = [pl.col(column) == word for word in words]
        return pl.any_horizontal(tests) if tests else pl.lit(value=False)

    def query(rule: dict[str, Any]) -> pl.LazyFrame:
        wanted = set(rule["topics"])
        topical = [name for name, words in sets.items() if not wanted.isdisjoint(words)]
        matches = within("type", rule["stages"]) & within("topics", topical)
        return frame.select(matches.arg_true())

    queries = [query(rule) for rule in rules]
    return lambda: [found.to_series() for found in pl.collect_all(queries)]


def closures(rules: Rows, rows: Rows) -> Match:
    """Prepare a function a rule, in the style of durable-rules."""

    def closure(rule: dict[str, Any]) -> Callable[[dict[str, Any]], bool]:
        stages, topics = rule["stages"], frozenset(rule["topics"])
        return lambda row: row["type"] in stages and any(one in topics for one in row["topics"])

    tests = list(enumerate(closure(rule) for rule in rules))
    return _by_event(rules, rows, lambda row: [rule for rule, test in tests if test(row)])


def _by_event(
    rules: Rows, rows: Rows, matching: Callable[[dict[str, Any]], Iterable[int]]
) -> Match:
    """Return what asks for each event which rules it matches."""

    def match() -> Found:
        found: list[list[int]] = [[] for _ in rules]
        for number, row in enumerate(rows):
            for rule in matching(row):
                found[rule].append(number)
        return found

    return match


def cel_programs(rules: Rows, rows: Rows) -> Match:
    """Prepare a CEL program a rule; an event becomes a context once, for all of them."""
    import cel  # noqa: PLC0415 (may not be installed)

    programs = [
        cel.compile(
            f"type in {json.dumps(list(rule['stages']))}"
            f" && topics.exists(topic, topic in {json.dumps(rule['topics'])})"
        )
        for rule in rules
    ]

    def matching(row: dict[str, Any]) -> list[int]:
        context = cel.Context(row)
        return [rule for rule, program in enumerate(programs) if program.execute(context)]

    return _by_event(rules, rows, matching)


def zen_expression(rules: Rows, rows: Rows) -> Match:
    """Prepare one ZEN expression: a list of what is true, rule by rule."""
    import zen  # noqa: PLC0415 (may not be installed)

    tests = [
        f"type in {json.dumps(list(rule['stages']))} and {_topical(rule, 'topics')}"
        for rule in rules
    ]
    evaluate = zen.compile_expression(f"[{', '.join(tests)}]").evaluate
    numbers = range(len(rules))
    return _by_event(rules, rows, lambda row: compress(numbers, evaluate(row)))


def _topical(rule: dict[str, Any], topics: str) -> str:
    return f"some({topics}, # in {json.dumps(rule['topics'])})"


def zen_table(rules: Rows, rows: Rows) -> Match:
    """Prepare a ZEN decision table with a row a rule, which collects the rules that match."""
    import zen  # noqa: PLC0415 (may not be installed)

    cells = [
        {
            "_id": rule["id"],
            "type": ", ".join(json.dumps(stage) for stage in rule["stages"]),
            "topics": _topical(rule, "$"),
            "rule": str(number),
        }
        for number, rule in enumerate(rules)
    ]
    inputs = [{"id": field, "name": field, "field": field} for field in ("type", "topics")]
    table = {
        "hitPolicy": "collect",
        "inputs": inputs,
        "outputs": [{"id": "rule", "name": "rule", "field": "rule"}],
        "rules": cells,
    }
    nodes: list[dict[str, Any]] = [
        {"id": "in", "name": "in", "type": "inputNode"},
        {"id": "table", "name": "table", "type": "decisionTableNode", "content": table},
        {"id": "out", "name": "out", "type": "outputNode"},
    ]
    edges = [
        {"id": f"{source}-{target}", "sourceId": source, "targetId": target, "type": "edge"}
        for source, target in (("in", "table"), ("table", "out"))
    ]
    # Compiled once only by a static loader: a decision of `create_decision` takes 15 times as long.
    decisions = {"rules": {"nodes": nodes, "edges": edges}}
    evaluate = zen.ZenEngine({"loader": {"type": "static", "content": decisions}}).evaluate

    def matching(row: dict[str, Any]) -> list[int]:
        collected: Any = evaluate("rules", row)["result"]
        return [one["rule"] for one in collected]

    return _by_event(rules, rows, matching)


ENGINES = (
    Engine("riskmon", riskmon_columns, "numpy, codes and tables; the tables made each time"),
    Engine("polars", polars_enums, "enums, a lazy query a rule"),
    Engine("Python closures", closures, "a function a rule, as durable-rules has it"),
    Engine("zen-engine, expression", zen_expression, "one expression of all rules", slow=True),
    Engine("zen-engine, decision table", zen_table, "a row a rule, collected", slow=True),
    Engine("common-expression-language", cel_programs, "a program a rule", slow=True),
)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.matching", description=__doc__)
    parser.add_argument("--events", type=int, default=100_000, help="(default: 100,000)")
    compare(parser.parse_args().events)
