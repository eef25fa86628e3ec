"""What hypothesis draws ledgers from: companies, events, rules, publishers, in all their forms."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

COMPANIES = ["ant", "bee", "cat", "dog", "elk"]
TYPES = ["claim.alleged", "claim.denied", "case.indicted", "case.acquitted", "measure.in-force"]
TOPICS = ["chips", "theft"]
ROLES = ["subject", "victim", "investor"]
TELLERS = ["herald", "gazette", "wire", "blog"]
SUBJECTS = ["country:cn", "sector:ai", "technology:chips"]
START = datetime(2024, 1, 1, tzinfo=UTC)

dates = st.integers(0, 40).map(lambda n: f"{START + timedelta(days=10 * n):%Y-%m-%d}")
hundredths = st.integers(0, 100).map(lambda n: n / 100)
shares = hundredths | st.sampled_from([0.1, 0.2, 0.25, 0.3, 0.5])


def maybe_dated(numbers: st.SearchStrategy[float]) -> st.SearchStrategy[Any]:
    return numbers | st.dictionaries(dates, numbers, min_size=1, max_size=3)


def optional(**fields: Any) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=fields)


@st.composite
def edges(draw: st.DrawFn) -> dict[str, str]:
    """Draw an edge that always holds, or from, until, or between dates."""
    found = sorted(draw(st.sets(dates, min_size=2, max_size=2)))
    shape = draw(st.sampled_from(["always", "since", "until", "between"]))
    since = {"since": found[0]} if shape in {"since", "between"} else {}
    return since | ({"until": found[1]} if shape in {"until", "between"} else {})


@st.composite
def companies(draw: st.DrawFn, name: str) -> dict[str, Any]:
    exposures = draw(
        st.lists(st.tuples(st.sampled_from(SUBJECTS), hundredths, edges()), max_size=3)
    )
    owners = draw(st.lists(st.tuples(st.sampled_from(COMPANIES), shares, edges()), max_size=3))
    return {
        "id": name,
        "name": name.title(),
        **draw(optional(jurisdiction=st.sampled_from(["cn", "us"]))),
        "exposures": [{"subject": s, "weight": w, **edge} for s, w, edge in exposures],
        "owners": [{"company": o, "share": s, **edge} for o, s, edge in owners],
    }


events = st.builds(
    lambda required, more: required | more,
    st.fixed_dictionaries(
        {
            "source": st.sampled_from(TELLERS),
            "ref": st.sampled_from(["1", "2"]),
            "type": st.sampled_from(TYPES),
            "occurred_at": dates,
            "title": st.just("Told"),
            "matter": st.sampled_from(["m", "m", "n", None]),
            "topics": st.lists(st.sampled_from(TOPICS), min_size=1, max_size=2),
            "parties": st.lists(
                st.fixed_dictionaries(
                    {"company": st.sampled_from(COMPANIES), "role": st.sampled_from(ROLES)}
                ),
                min_size=1,
                max_size=3,
            ),
        }
    ),
    optional(
        origin=st.sampled_from(TELLERS),
        credibility=hundredths,
        scope=st.lists(st.sampled_from(SUBJECTS), max_size=2, unique=True),
        attributes=optional(size=st.integers(0, 9), final=st.booleans()),
    ),
)


def listed(words: list[Any], *operators: str) -> st.SearchStrategy[Any]:
    """Draw a value, a list of values, or an operator that takes one."""
    some = st.lists(st.sampled_from(words), min_size=1, max_size=2)
    denied = st.builds(lambda name, one: {name: one}, st.sampled_from(operators), some)
    return st.sampled_from(words) | some | denied


def bounded(values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Draw a bound, or two."""
    return optional(gte=values, lt=values).filter(bool)


party_tests = optional(
    role=listed(ROLES, "not_in"),
    company=listed(COMPANIES, "in", "none"),
    jurisdiction=listed(["cn", "us"], "not_in"),
).filter(bool)
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "type": listed(TYPES, "not_in"),
    "source": listed(TELLERS, "in", "not_in"),
    "topics": listed(TOPICS, "any", "none"),
    "scope": listed(SUBJECTS, "none"),
    "occurred_at": bounded(dates),
    "credibility": bounded(hundredths),
    "attributes.size": bounded(st.integers(0, 9)) | listed([0, 1, 2.0], "not_in"),
    "attributes.final": st.booleans() | listed([True, 1], "none"),
    "party": party_tests
    | st.lists(party_tests, min_size=1, max_size=2)
    | st.builds(lambda test: {"none": test}, party_tests),
}


@st.composite
def wheres(draw: st.DrawFn) -> dict[str, Any]:
    """Draw which events a rule reads."""
    names = st.lists(st.sampled_from(sorted(FIELDS)), min_size=1, max_size=2, unique=True)
    return {name: draw(FIELDS[name]) for name in draw(names)}


stages = (
    st.just("sources")
    | maybe_dated(hundredths)
    | st.fixed_dictionaries({"times": maybe_dated(hundredths)})
)


@st.composite
def rules(draw: st.DrawFn, name: str) -> dict[str, Any]:
    found = draw(st.dictionaries(st.sampled_from(TYPES), stages, min_size=3))
    official = [
        kind
        for kind, stage in found.items()
        if not (stage == "sources" or (isinstance(stage, dict) and "times" in stage))
    ]
    return {
        "id": name,
        "title": name,
        "category": draw(st.sampled_from(["law", "press"])),
        "severity": draw(maybe_dated(st.integers(0, 99).map(float))),
        "stages": found,
        "half_life": draw(st.sampled_from(["30 days", "180 days", "2 years"])),
        "open": draw(st.lists(st.sampled_from(official), unique=True)) if official else [],
        **draw(
            optional(
                status=st.sampled_from(["stable", "stable", "stable", "experimental", "draft"]),
                topics=st.lists(st.sampled_from(TOPICS), max_size=1),
                roles=st.dictionaries(st.sampled_from(ROLES), maybe_dated(hundredths), min_size=2),
                cap=maybe_dated(hundredths),
                scope=maybe_dated(hundredths),
                where=wheres(),
                ownership=optional(
                    control=maybe_dated(hundredths),
                    minority=maybe_dated(hundredths),
                    threshold=hundredths,
                ),
            )
        ),
    }


publishers = st.lists(
    st.builds(
        lambda name, more: {"id": name} | more,
        st.sampled_from(TELLERS),
        optional(
            group=st.sampled_from(["house", "other"]),
            credibility=hundredths,
            conflicts=st.lists(st.sampled_from(COMPANIES), max_size=2),
        ),
    ),
    max_size=4,
    unique_by=lambda publisher: str(publisher["id"]),
)

told = st.lists(
    st.tuples(st.integers(0, 3), st.sampled_from(["event"] * 4 + ["withdrawal"]), events),
    min_size=3,
    max_size=16,
)
