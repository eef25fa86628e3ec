"""`riskmon fetch`: a source as its publisher has it goes into the ledger, and only what changed."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from riskmon.errors import FetchError, UsageError
from riskmon.fetching import Terms
from riskmon.monitor import Monitor
from tests.builders import RISKMON, event
from tests.liar import Liar, says
from tests.test_lists import CUBA, sdn

HERE = Terms(insecure=True, tries=1)
pytestmark = pytest.mark.parametrize("url", ["sqlite"], indirect=True)


@pytest.fixture
def liar() -> Iterator[Liar]:
    """Serve on loopback."""
    with Liar() as server:
        yield server


def test_a_list_is_fetched_and_its_changes_are_told(monitor: Monitor, liar: Liar) -> None:
    """The next day only what changed; a copy that is no list is held, as one that is given."""
    lies = [says(sdn(CUBA)), says(sdn({**CUBA, 2101: "NEW"})), says(b"1,2,3\r\n")]
    url = liar.url("/SDN.CSV", *lies)
    assert {"listing.listed": 2100} == monitor.fetch("ofac-sdn", url=url, terms=HERE).types
    report = monitor.fetch("ofac-sdn", url=url, terms=HERE)
    assert ({"listing.listed": 1}, url) == (report.types, report.file)
    (copy,) = report.copies
    assert sdn({**CUBA, 2101: "NEW"}) == copy.read_bytes()
    report = monitor.fetch("ofac-sdn", url=url, terms=HERE)
    assert report.held is not None
    assert ["ofac-sdn"] == [one.source for one in monitor.held()]
    (found,) = (one for one in monitor.sources() if one.name == "ofac-sdn")
    assert (True, 2101, 1) == (found.is_list, found.standing, found.held)


def test_other_sources_are_fetched_too(monitor: Monitor, liar: Liar) -> None:
    """Each document is ingested as if it were a file."""
    body = json.dumps(event(ref="1")).encode()
    url = liar.url("/events", says(body, content_type="application/json"))
    assert {"claim.alleged": 1} == monitor.fetch("jsonl", url=url, terms=HERE).types
    assert 1 == monitor.fetch("jsonl", url=url, terms=HERE).duplicates


def test_what_cannot_be_fetched_is_said(monitor: Monitor, liar: Liar) -> None:
    """No address; this very machine, which is not allowed without a word."""
    with pytest.raises(
        UsageError, match="jsonl: its publisher gives no address: name one by `url`"
    ):
        monitor.fetch("jsonl")
    with pytest.raises(FetchError, match="https"):
        monitor.fetch("ofac-sdn", url=liar.url("/SDN.CSV", says(sdn(CUBA))))
    assert 0 == monitor.status().events


def test_the_command_fetches_and_one_failure_stops_no_other(
    url: str, liar: Liar, tmp_path: Path
) -> None:
    """Exit 1, the reason on standard error, and no traceback."""
    address = liar.url("/SDN.CSV", says(sdn(CUBA)))
    command = [RISKMON, "fetch", "ofac-sdn", "--database", url]
    done = subprocess.run(
        [*command, "--url", address, "--insecure"], capture_output=True, text=True, check=False
    )
    assert (0, "") == (done.returncode, done.stderr)
    assert f"{address}: 2,100 appended" in done.stdout
    done = subprocess.run(
        [*command, "--url", address], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert 1 == done.returncode
    assert done.stderr.startswith("riskmon: ofac-sdn: ")
    assert "Traceback" not in done.stderr
