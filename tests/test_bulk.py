"""Scores from a columnar copy: the digits of the memory, whatever was told, asked and merged."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import riskmon
from riskmon.bulk import copy, following, stream
from riskmon.bulk.copy import Copy
from riskmon.bulk.following import follow
from riskmon.errors import DatabaseError, UsageError
from riskmon.forms import moment
from riskmon.monitor import Monitor
from riskmon.settings import Config
from tests.builders import Clock, company, event, rule, values, withdrawal, write_rules
from tests.test_layers import FIRMS, batches, drawn, firms, near, opened, same, tell

AT = [moment("2021-03-01"), moment("2022-07-01")]
SOME = FIRMS[::7]


@pytest.fixture(scope="module", params=[1])
def both(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Monitor, Monitor, list[int]]]:
    """Return a ledger in memory and streamed; it grew in steps, as did its copy in small batches.

    And the positions between the steps.
    """
    folder, clock = tmp_path_factory.mktemp("bulk"), Clock()
    chance = random.Random(request.param)  # noqa: S311 (by a seed)
    url, positions = f"sqlite:///{folder / 'risk.db'}", []
    with (
        pytest.MonkeyPatch.context() as patch,
        opened(url, folder, clock, firms(chance)) as memory,
        riskmon.open(url, rules=folder / "rules", clock=clock, engine="stream") as streamed,
    ):
        patch.setattr(copy, "BUCKETS", 3)
        patch.setattr(following, "BATCH", 400)
        patch.setattr(stream, "PART_ROWS", 300)
        patch.setattr(stream, "SLICE_ROWS", 500)
        for number, rows in enumerate(batches(chance)):
            tell(memory, clock, rows)
            if number % 15 == 0:
                streamed.scores(as_of=AT[0])[0]
                positions.append(memory.position)
        yield memory, streamed, positions


def test_scores_and_lines_are_those_of_the_memory(both: Any) -> None:
    """All companies as the engine finds them, lines of some, by rules of every kind."""
    memory, streamed, _ = both
    for at in AT:
        same(streamed, memory, at)
        assert near([memory.score(one, as_of=at).value for one in SOME]) == [
            streamed.score(one, as_of=at).value for one in SOME
        ]


def test_as_known_in_the_past(both: Any) -> None:
    """By positions at which the copy stood, and by one between."""
    memory, streamed, positions = both
    for position in (positions[2], positions[-2] - 7):
        known: dict[str, Any] = {"as_of": AT[1], "known_at": position}
        expected, found = memory.scores(**known), streamed.scores(**known)
        values = {one.company: one.value for one in expected}
        assert near(values) == {one.company: one.value for one in found}
        for name in SOME:
            expected_lines = drawn(memory.score(name, **known))
            assert near(expected_lines) == drawn(streamed.score(name, **known))


def test_histories_of_one_company(both: Any) -> None:
    """Each point."""
    memory, streamed, _ = both
    asked: dict[str, Any] = {"start": AT[0] - timedelta(days=400), "end": AT[1], "step": "97d"}
    for name in SOME[:3]:
        found, expected = (one.history(name, **asked) for one in (streamed, memory))
        assert near([one.value for one in expected]) == [one.value for one in found]


def told(folder: Path, *rows: dict[str, Any], **more: Any) -> Monitor:
    """Return a monitor on a file that was told of two companies and some events."""
    rules = write_rules(folder / "rules", rule(scope=0.5))
    url = f"sqlite:///{folder / 'risk.db'}"
    monitor = riskmon.open(url, rules=rules, clock=Clock(), **more)
    monitor.declare([company(), company("acme", jurisdiction="us")])
    assert [] == monitor.ingest(rows).rejected
    return monitor


def about(name: str, **fields: Any) -> dict[str, Any]:
    return event(parties=[{"company": name}], **fields)


def test_a_recalculation_by_another_engine_is_one_like_any_other(tmp_path: Path) -> None:
    """The same run, kept: the next one says what moved since."""
    with told(tmp_path, about("baidu")) as monitor:
        first = monitor.recalculate(engine="stream")
        expected = [(one.company, one.value) for one in monitor.scores(as_of=first.as_of)]
        assert expected[:1] == [(one.company, one.after) for one in first.moved]
        monitor.ingest([about("acme")])
        second, third = monitor.recalculate(), monitor.recalculate(engine="stream")
        assert ["acme"] == [one.company for one in second.moved]
        assert [] == third.moved
        assert [third.position, second.position, first.position] == [
            one.position for one in monitor.runs()
        ]


def test_a_copy_of_another_ledger_is_made_anew(tmp_path: Path) -> None:
    """Where the database was replaced, its copy is of no use; nobody has to know."""
    with told(tmp_path, about("baidu"), engine="stream") as monitor:
        before = values(monitor)
    for one in tmp_path.glob("risk.db*"):
        if one.is_file():
            one.unlink()
    with told(tmp_path, about("acme"), engine="stream") as monitor:
        assert {"acme": before["baidu"], "baidu": 0.0} == values(monitor)


@pytest.mark.parametrize("damage", ["copy.json", "*/rest.parquet", "*/events/*.parquet"])
def test_a_damaged_copy_is_named_and_what_to_do(tmp_path: Path, damage: str) -> None:
    """It is disposable: without its folder it is made anew."""
    with told(tmp_path, about("baidu"), engine="stream") as monitor:
        expected = values(monitor)
    folder = tmp_path / "risk.db.copy"
    broken = next(folder.glob(damage))
    broken.write_bytes(broken.read_bytes()[:40])
    with pytest.raises(DatabaseError, match=f"{broken.name} cannot be read .* made anew"):
        values(told(tmp_path, engine="stream"))
    shutil.rmtree(folder)
    with told(tmp_path, engine="stream") as monitor:
        assert expected == values(monitor)


@pytest.mark.parametrize("missing", ["{}", "{}/events/*.parquet"])
def test_a_copy_with_a_part_missing_gives_no_score(tmp_path: Path, missing: str) -> None:
    """A hazard that lacks an event would be believed."""
    with told(tmp_path, about("baidu"), engine="stream") as monitor:
        values(monitor)
    folder = tmp_path / "risk.db.copy"
    segment = next(folder.glob("*/events/*.parquet")).parent.parent.name
    gone = next(folder.glob(missing.format(segment)))
    shutil.rmtree(gone) if gone.is_dir() else gone.unlink()
    for ask in (values, lambda monitor: monitor.score("baidu")):
        with pytest.raises(DatabaseError, match=r"missing.* made anew"):
            ask(told(tmp_path, engine="stream"))


def test_segments_grow_by_being_merged(tmp_path: Path) -> None:
    """Each is at least four times as large as those after it, so a log of any length has few."""
    with told(tmp_path, engine="stream") as monitor:
        for number in (8, 1, 1, 30, 5, 1):
            monitor.ingest([about("baidu") for _ in range(number)])
            monitor.scores()
    sizes = [one.events for one in Copy(tmp_path / "risk.db.copy").segments]
    assert [40, 5, 1] == sizes


def test_what_needs_every_event_at_once_says_so(tmp_path: Path) -> None:
    """Nothing is left out in silence."""
    with told(tmp_path, about("baidu"), engine="stream") as monitor:
        for ask in (monitor.histories, monitor.overview, lambda: monitor.matter("m")):
            with pytest.raises(UsageError, match='open the ledger with engine = "memory"'):
                ask()


def test_status_counts_in_the_copy(tmp_path: Path) -> None:
    """Events that stand, matters, names that mean nobody: as in memory."""
    gone = event(matter="a")
    rows = [gone, event(matter="a"), event(parties=[{"name": "Who"}]), withdrawal(gone)]
    with told(tmp_path, *rows) as memory, told(tmp_path, engine="stream") as streamed:
        found, expected = streamed.status(), memory.status()
        assert (2, 2, {"Who": 1}) == (expected.events, expected.matters, expected.unresolved)
        assert (2, 2, {"Who": 1}) == (found.events, found.matters, found.unresolved)


def test_what_is_read_is_kept_until_it_was_read(tmp_path: Path) -> None:
    """Others merge segments; who reads the old ones reads on, and then they are gone."""
    folder = tmp_path / "copy"
    with told(tmp_path, about("baidu")) as monitor:

        def after(one: dict[str, Any]) -> Copy:
            monitor.ingest([one])
            return follow(monitor._ledger, folder)

        held = after(about("baidu"))
        (read,) = (one.name for one in held.segments)
        for _ in range(3):
            after(about("acme"))
        assert 2 == held.events == sum(map(len, held.parts(100)))
        del held
        after(about("acme"))
        assert read not in {one.name for one in folder.iterdir()}


FOLLOW = """
import sys
from pathlib import Path
from riskmon.bulk import following
from riskmon.ledger import Ledger
following.BATCH = 100
following.follow(Ledger(sys.argv[1]), Path(sys.argv[2]))
"""


@pytest.mark.soak
def test_a_process_that_is_killed_leaves_a_whole_copy(tmp_path: Path) -> None:
    """Whenever it dies, the next one goes on, and the scores are those of the memory."""
    chance = random.Random(3)  # noqa: S311 (by a seed)
    url, folder = f"sqlite:///{tmp_path / 'risk.db'}", tmp_path / "copy"
    with opened(url, tmp_path, Clock(), firms(chance)) as memory:
        for rows in batches(chance):
            tell(memory, Clock(), rows)
        ended = 0
        for _ in range(20):
            one = subprocess.Popen([sys.executable, "-c", FOLLOW, url, str(folder)])
            with suppress(subprocess.TimeoutExpired):
                ended += one.wait(2 + 2 * chance.random()) == 0
            one.kill()
            one.wait()
        assert 0 < len(Copy(folder).segments)
        config = Config(engine="stream", copy_folder=folder)
        with riskmon.open(url, rules=tmp_path / "rules", clock=Clock(), config=config) as streamed:
            same(streamed, memory, AT[1])
