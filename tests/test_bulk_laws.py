"""The engine of one machine beside the memory, on invented ledgers; and what befalls its copy."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import riskmon
from riskmon.bulk import copy, following, stream
from riskmon.bulk.copy import Copy
from riskmon.errors import DatabaseError, RiskmonError, UsageError
from riskmon.monitor import Monitor
from riskmon.settings import Config
from tests.builders import Clock, company, event, rule, values, write_rules
from tests.strategies import (
    COMPANIES,
    ROLES,
    START,
    companies,
    dates,
    events,
    hundredths,
    publishers,
    rules,
)
from tests.test_layers import drawn, near

OTHERS = [event(type="corporate.founded", ref=f"other-{number}") for number in range(15)]
SURGES = rule(
    id="z",
    severity=10,
    evaluator="surge",
    parameters={"window": "60 days", "baseline": "1 year", "least": 1},
)
LISTED = rule(id="y", category="law", stages={"listing.listed": 0.6, "claim.alleged": "sources"})
PEOPLE = ["Ann Bell", "Carl Dent"]
STRANGERS = ["Ant Holdings", "Beetle", "The Elks Ltd"]
CALLED = [*STRANGERS, *(one.title() for one in COMPANIES)]
days = st.integers(-5, 500).map(lambda number: START + timedelta(days=number))
firm = st.sampled_from(COMPANIES)


@st.composite
def told(draw: st.DrawFn) -> dict[str, Any]:
    """Draw an event, whose parties may be names, identifiers and persons, or its withdrawal."""
    found = dict(draw(events))
    if draw(st.integers(0, 5)) == 0:
        return {"source": found["source"], "ref": found["ref"], "withdrawn": True}
    if draw(st.integers(0, 3)) == 0:
        found |= {"type": "listing.listed", "topics": ["entity-list"]}
    more: list[dict[str, Any]] = draw(
        st.lists(
            st.fixed_dictionaries(
                {"name": st.sampled_from(CALLED), "role": st.sampled_from(ROLES)},
                optional={"identifiers": st.sampled_from([{"cik": "12"}, {"cik": "34"}])},
            )
            | st.builds(lambda name: {"name": name, "kind": "person"}, st.sampled_from(PEOPLE)),
            max_size=2,
        )
    )
    found["parties"] = [*found["parties"][: draw(st.integers(0, 3))], *more]
    if draw(st.booleans()):
        found["published_at"] = draw(dates)
    return found


def declared(one: st.SearchStrategy[str] = firm) -> st.SearchStrategy[dict[str, Any]]:
    """Draw a company, which may have been declared before by another name."""
    more = st.fixed_dictionaries(
        {},
        optional={
            "aliases": st.lists(st.sampled_from(STRANGERS), max_size=1),
            "identifiers": st.sampled_from([{"cik": "12"}, {"cik": "34"}]),
        },
    )
    return st.builds(lambda firm, more: firm | more, one.flatmap(companies), more)


acts = st.one_of(
    st.tuples(st.just("ingest"), st.lists(told(), min_size=2, max_size=8)),
    st.tuples(st.just("ingest"), st.lists(told(), min_size=2, max_size=8)),
    st.tuples(st.just("declare"), st.lists(declared(), min_size=1, max_size=2)),
    st.tuples(st.sampled_from(["accept", "reject"]), st.sampled_from(STRANGERS), firm),
    st.tuples(st.just("merge"), firm, firm),
    st.tuples(st.just("split"), firm),
    st.tuples(st.just("hold"), firm, firm, hundredths),
    st.tuples(st.just("forget"), st.sampled_from(PEOPLE)),
    st.tuples(st.just("rules"), st.sampled_from("rs").flatmap(rules)),
    st.tuples(st.just("receipt"), firm),
)


class Both(NamedTuple):
    """One ledger, opened by either engine; what was said of it, and where it stood between."""

    memory: Monitor
    streamed: Monitor
    rules: Path
    receipts: list[Any]
    positions: list[int]

    def same(self, what: Any) -> None:
        """Compare an answer of both."""
        expected, found = what(self.memory), what(self.streamed)
        assert expected == found


@contextmanager
def both(folder: Path, now: list[datetime], *written: Any, publishers: Any) -> Iterator[Both]:
    """Open a new ledger twice; the copy has a few files, and parts of a few events."""
    place = write_rules(folder / "rules", *written, publishers=publishers)
    url = f"sqlite:///{folder / 'risk.db'}"
    asked: dict[str, Any] = {"rules": place, "clock": lambda: now[0]}
    with (
        pytest.MonkeyPatch.context() as patch,
        riskmon.open(url, **asked) as memory,
        riskmon.open(url, **asked, engine="stream") as streamed,
    ):
        patch.setattr(copy, "BUCKETS", 3)
        patch.setattr(following, "BATCH", 3)
        patch.setattr(stream, "PART_ROWS", 5)
        yield Both(memory, streamed, place, [], [])


def act(both: Both, what: str, *given: Any) -> None:
    """Do one thing to the ledger; what cannot be done at that moment is not."""
    monitor = both.memory
    try:
        if what == "rules":
            write_rules(both.rules, *given)
            monitor.recalculate()
        elif what == "receipt":
            both.receipts.append(monitor.receipt(monitor.score(*given)))
        else:
            getattr(monitor, what)(*given)
    except RiskmonError:
        assert what not in {"ingest", "declare", "rules"}


def compare(both: Both, as_of: datetime, **known: Any) -> None:
    """Compare scores of all companies, with their lines, and of each that is asked for."""
    asked: dict[str, Any] = {"as_of": as_of, **known}
    memory, streamed = (
        {score.company: score for score in one.scores(**asked)}
        for one in (both.memory, both.streamed)
    )
    assert {name: near(one.value) for name, one in memory.items()} == {
        name: one.value for name, one in streamed.items()
    }
    for name, expected in memory.items():
        found = both.streamed.score(name, **asked)
        assert near(drawn(expected)) == drawn(found)
        assert near(expected.value) == found.value
        assert (expected.failed, expected.ruleset, expected.position, expected.known_at) == (
            found.failed, found.ruleset, found.position, found.known_at
        )  # fmt: skip
        assert near(expected.categories) == found.categories
        assert [list(one.events) for one in expected.lines] == [
            list(one.events) for one in found.lines
        ]


def compare_more(both: Both, as_of: datetime, since: int) -> None:
    """Compare histories, changes, receipts, and what there is."""
    asked: dict[str, Any] = {"end": as_of, "start": as_of - timedelta(days=200), "step": "50d"}
    for name in [one.id for one in both.memory.companies()][:2]:
        expected, found = (one.history(name, **asked) for one in (both.memory, both.streamed))
        assert near([one.value for one in expected]) == [one.value for one in found]
        both.same(lambda monitor, name=name: monitor.events(name, as_of=as_of))
    known, now = (one.changes(since) for one in (both.memory, both.streamed))
    assert (known.since, known.as_of) == (now.since, now.as_of)
    for some, others in ((known.moved, now.moved), (known.contradicted, now.contradicted)):
        assert [rounded(one) for one in some] == [rounded(one) for one in others]
    for receipt in both.receipts:
        both.same(lambda monitor, receipt=receipt: monitor.check(receipt))
    both.same(lambda monitor: (monitor.status().events, monitor.status().matters))
    both.same(lambda monitor: monitor.status().unresolved)
    both.same(lambda monitor: monitor.companies())


def rounded(one: Any) -> list[Any]:
    return [round(value, 7) if isinstance(value, float) else value for value in one]


def hold(data: st.DataObject, steps: int) -> None:
    """Tell a ledger this and that, and ask both engines between."""
    written = [data.draw(rules("r")), data.draw(rules("s")), LISTED, SURGES]
    now = [START]
    with (
        TemporaryDirectory() as folder,
        both(Path(folder), now, *written, publishers=data.draw(publishers)) as two,
    ):
        act(two, "declare", data.draw(st.lists(declared(), min_size=1, max_size=5)))
        act(two, "ingest", OTHERS)
        for _ in range(steps):
            now[0] += timedelta(days=40 * data.draw(st.integers(0, 3)))
            act(two, *data.draw(acts))
            if data.draw(st.integers(0, 3)) == 0:
                two.positions.append(two.memory.position)
                compare(two, data.draw(days))
        compare(two, data.draw(days))
        compare(two, data.draw(days), known_at=data.draw(days))
        known_at = data.draw(st.integers(0, two.memory.position))
        compare(two, data.draw(days), known_at=known_at)
        for position in two.positions[:1]:
            compare(two, data.draw(days), known_at=position)
        compare_more(two, data.draw(days), data.draw(st.integers(1, two.memory.position)))


QUIET: Any = {"suppress_health_check": list(HealthCheck), "deadline": None}


@settings(max_examples=6, **QUIET)
@given(data=st.data())
def test_streamed_is_what_the_memory_says(data: st.DataObject) -> None:
    """Scores, lines, histories, changes, receipts, counts; now and in the past; to 1e-9."""
    hold(data, steps=10)


@pytest.mark.soak
@settings(max_examples=250, **QUIET)
@given(data=st.data())
def test_streamed_is_what_the_memory_says_of_long_ledgers(data: st.DataObject) -> None:
    """The same, of more steps and more often."""
    hold(data, steps=20)


def test_a_merge_is_among_what_moved_a_score(tmp_path: Path) -> None:
    """Nothing was told of the matter since; but whom it names is another company now."""
    with both(tmp_path, [START], rule(), publishers=[]) as two:
        two.memory.declare([company("ant"), company("bee")])
        two.memory.ingest([event(parties=[{"company": "ant"}])])
        since = two.memory.position
        two.memory.merge("ant", "bee")
        (expected,), (found,) = (one.changes(since).moved for one in (two.memory, two.streamed))
        assert ("bee", (since + 1,)) == (expected.company, expected.entries)
        assert rounded(expected) == rounded(found)


# What befalls a copy


@pytest.fixture
def ledger(tmp_path: Path) -> Monitor:
    """Return a monitor that streams: two companies, some events; its copy has been made."""
    monitor = opened(tmp_path)
    monitor.declare([company(), company("acme")])
    tell(monitor, 20)
    values(monitor)
    return monitor


def opened(folder: Path, **more: Any) -> Monitor:
    rules = write_rules(folder / "rules", rule(), SURGES)
    asked: dict[str, Any] = {"rules": rules, "clock": Clock("2024-06-01"), "engine": "stream"}
    return riskmon.open(f"sqlite:///{folder / 'risk.db'}", **asked, **more)


def tell(monitor: Monitor, count: int) -> None:
    monitor.ingest([event(parties=[{"company": "baidu"}]) for _ in range(count)])


def test_what_is_being_weighed_stays_while_others_follow(ledger: Monitor, tmp_path: Path) -> None:
    """And what a process left that died is removed."""
    left = tmp_path / "risk.db.copy" / ".slices-left"
    left.mkdir()
    with stream._folder(Copy(left.parent)) as slices:
        tell(ledger, 1)
        values(ledger)
        assert (True, False) == (slices.exists(), left.exists())
    assert not slices.exists()


@pytest.mark.parametrize(
    "ask",
    [
        lambda monitor: monitor.matter("m"),
        lambda monitor: monitor.matter("surges:baidu"),
        lambda monitor: monitor.search("happened"),
        lambda monitor: monitor.rule_moves(),
        lambda monitor: monitor.export("events", BytesIO()),
    ],
)
def test_what_is_not_in_the_copy_is_not_taken_for_nothing(ledger: Monitor, ask: Any) -> None:
    """No empty answer where the memory has one."""
    with pytest.raises(UsageError, match="every event at once"):
        ask(ledger)


MARKS = [
    "[]",
    "null",
    '{"format": 2}',
    '{"format": 1}',
    '{"format": 1, "buckets": 1, "segments": [{}]}',
]


@pytest.mark.parametrize("mark", MARKS)
def test_a_mark_that_is_none_says_what_to_do(ledger: Monitor, tmp_path: Path, mark: str) -> None:
    """Such as one by a newer version."""
    (tmp_path / "risk.db.copy" / "copy.json").write_text(mark)
    with pytest.raises(DatabaseError, match="remove the copy's folder"):
        values(ledger)


def test_a_flipped_bit_of_the_events_is_found(ledger: Monitor, tmp_path: Path) -> None:
    """Columns are checked by the page: of what is refused, no score is made."""
    values(ledger)
    place = next((tmp_path / "risk.db.copy").glob("*/events/*.parquet"))
    whole = place.read_bytes()
    (chunk,) = [
        one
        for one in map(
            copy.arrow("pyarrow.parquet").ParquetFile(place).metadata.row_group(0).column, range(13)
        )
        if one.path_in_schema == "position"
    ]
    last = chunk.data_page_offset + chunk.total_compressed_size - 1
    place.write_bytes(whole[:last] + bytes([whole[last] ^ 1]) + whole[last + 1 :])
    with pytest.raises(DatabaseError, match=r"cannot be read .* made anew"):
        values(opened(tmp_path))


def test_where_no_copy_can_be_written_it_says_so(tmp_path: Path) -> None:
    """And names the setting."""
    config = Config(engine="stream", copy_folder=Path("/proc/none"))
    with opened(tmp_path, config=config) as monitor:
        tell(monitor, 1)
        with pytest.raises(DatabaseError, match="copy_folder"):
            values(monitor)


def test_a_ledger_in_memory_is_refused(tmp_path: Path) -> None:
    """Its copy would outlive it."""
    with pytest.raises(UsageError, match="give the database a file"):
        riskmon.open("sqlite://", rules=write_rules(tmp_path, rule()), engine="stream")


FULL = """
import resource, sys
from pathlib import Path
from riskmon.bulk.following import follow
from riskmon.errors import DatabaseError
from riskmon.ledger import Ledger
ledger = Ledger(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (1500, 1500))
try:
    follow(ledger, Path(sys.argv[2]))
except DatabaseError as error:
    sys.exit(f"refused: {error}")
"""


def test_a_full_disk_leaves_the_copy_as_it_was(ledger: Monitor, tmp_path: Path) -> None:
    """Files may not grow any more: that is said, and with room again it goes on."""
    folder = tmp_path / "risk.db.copy"
    before = Copy(folder).segments
    memory = riskmon.open(f"sqlite:///{tmp_path / 'risk.db'}", clock=Clock("2024-06-01"))
    tell(memory, 30)
    found = subprocess.run(
        [sys.executable, "-c", FULL, f"sqlite:///{tmp_path / 'risk.db'}", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert re.match(r"refused: .* cannot be written .*File too large.*: make room", found.stderr)
    assert before == Copy(folder).segments
    assert near(values(memory)) == values(ledger)


FOLLOW = """
import sys
from pathlib import Path
from riskmon.bulk.copy import Copy
from riskmon.bulk.following import follow
from riskmon.ledger import Ledger
ledger, folder = Ledger(sys.argv[1]), Path(sys.argv[2])
for _ in range(int(sys.argv[3])):
    copy = follow(ledger, folder)
    assert copy.events == sum(map(len, copy.parts(100)))
    other = Copy(folder)
    assert other.events == sum(map(len, other.parts(100)))
"""


@pytest.mark.soak
def test_many_may_follow_and_read_at_once(ledger: Monitor, tmp_path: Path) -> None:
    """Three processes follow while a fourth tells and weighs, and its threads draw lines."""
    asked = [f"sqlite:///{tmp_path / 'risk.db'}", str(tmp_path / "risk.db.copy"), "150"]
    others = [subprocess.Popen([sys.executable, "-c", FOLLOW, *asked]) for _ in range(3)]
    wrong: list[Exception] = []

    def draw(score: Any, expected: int) -> None:
        try:
            assert expected == len([one for one in score.lines if one.rule == "a-rule"])
        except Exception as error:  # noqa: BLE001 (to be seen by the test)
            wrong.append(error)

    count = 20
    while any(one.poll() is None for one in others):
        tell(ledger, 3)
        count += 3
        for score in ledger.scores():
            expected = count if score.company == "baidu" else 0
            threading.Thread(target=draw, args=(score, expected)).start()
    assert [0, 0, 0] == [one.wait() for one in others]
    assert [] == wrong
