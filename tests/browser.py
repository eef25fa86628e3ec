"""The pages in a real Chromium: `riskmon serve` in a process of its own, over real ledgers.

A test file asks for what is here by `pytest_plugins`. Whatever a test does, its browser may not say
anything on its console, ask anybody but the server, or open a dialogue.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, cast

import pytest
from playwright.sync_api import Browser, BrowserContext, Dialog, Page, sync_playwright

import riskmon
from riskmon import demo
from riskmon.monitor import Monitor
from tests.builders import RISKMON, ROOT, Clock, company, listed
from tests.pages import HOSTILE, RUNS
from tests.running import wait
from tests.test_lists import CUBA, sdn
from tests.test_web_review import draft

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "chrome")
DAY = "as_of=2026-11-22"
"""The day that the scenario ends."""
SIZES = {"desk": (1280, 800), "telephone": (375, 812)}
NAME = "Huawei Technologies Syria"
MATTER = "'\"><script>alert(3)</script>"
"""Of an event that wants to run."""
LINE = "section-1260h|us-1260h:baidu"
PAGES = {
    "overview": f"/?{DAY}",
    "company": f"/company/baidu?{DAY}",
    "without": f"/company/baidu?{DAY}&without={LINE}",
    "print": f"/company/baidu/print?{DAY}",
    "matter": f"/matter/us-v-ding?{DAY}",
    "rules": f"/rules?{DAY}",
    "rule": f"/rules/trade-secret-case?{DAY}",
    "compare": f"/compare?{DAY}",
    "review": "/review",
}
"""Each kind of page; those of the scenario, but for what waits."""
WAITING = {"review"}


class Served(NamedTuple):
    """A server of the pages, and the ledger under it."""

    base: str
    """Where it is asked, without a slash at the end."""
    database: str

    def monitor(self) -> Monitor:
        """Open the same ledger, beside the server."""
        return riskmon.open(self.database, rules=ROOT / "rules")


class Seen(NamedTuple):
    """What a browser had to say of the pages that it showed."""

    console: list[str]
    requests: list[str]
    dialogues: list[str]


Look = Callable[..., Page]


def program() -> str | None:
    """Return the Chromium of this system, None where there is none."""
    return next(filter(None, map(shutil.which, PROGRAMS)), None)


@contextmanager
def opened(program: str) -> Iterator[Browser]:
    """Open a browser that finds nobody but this machine."""
    nobody = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(
            executable_path=program, args=["--no-sandbox", nobody]
        )
        try:
            yield launched
        finally:
            launched.close()


@contextmanager
def serving(
    folder: Path, database: str, *arguments: str, env: dict[str, str] | None = None
) -> Iterator[Served]:
    """Serve the pages of a ledger meanwhile, at a port that is free."""
    said = folder / "served"
    command = [RISKMON, "serve", "--port", "0", "--rules", str(ROOT / "rules"), *arguments]
    with said.open("w") as errors:
        process = subprocess.Popen(
            [*command, "--database", database],
            cwd=folder,
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=errors,
            stderr=errors,
        )
    try:
        at = re.compile(r"the page is at (http://[\d.:]+)/")
        wait(lambda: at.search(said.read_text("utf-8")) or process.poll() is not None)
        found = at.search(said.read_text("utf-8"))
        assert found, said.read_text("utf-8")
        yield Served(found[1], database)
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def serving_scenario(folder: Path) -> Iterator[Served]:
    """Serve the shipped scenario, with a draft of its rules beside it."""
    database = f"sqlite:///{folder / 'scenario.db'}"
    demo.load(database).close()
    with riskmon.open(database, rules=ROOT / "rules", clock=Clock("2026-11-22")) as monitor:
        monitor.recalculate()
    drafted = folder / "draft"
    shutil.copytree(ROOT / "rules", drafted)
    file = drafted / "section-1260h.yaml"
    text, changed = re.subn(r"(?m)^severity: .*", "severity: 40", file.read_text("utf-8"))
    assert changed == 1
    file.write_text(text, "utf-8")
    with serving(folder, database, "--draft", str(drafted)) as served:
        yield served


@contextmanager
def serving_waiting(folder: Path, *, hostile: bool = True) -> Iterator[Served]:
    """Serve a ledger in which a name, a copy and a draft wait; `hostile`: titles want to run."""
    database = f"sqlite:///{folder / 'waiting.db'}"
    clock = Clock("2023-11-01")
    with riskmon.open(database, rules=ROOT / "rules", clock=clock) as monitor:
        huawei = company("huawei", name="Huawei Technologies Co., Ltd.")
        assert not monitor.declare([huawei, company("contoso", name="Contoso AG")]).rejected
        clock.turn("2024-01-01")
        late = listed(company="contoso") | {"occurred_at": "2023-11-20"}
        assert not monitor.ingest([listed(NAME), late]).rejected
        hold(monitor, folder, 1900)
        sentence = "A grand jury charged an engineer of Contoso AG with theft of trade secrets."
        said = {"sentence": sentence, "confidence": 0.6}
        parties = [{"name": "Contoso AG"}]
        draft(monitor, "charge", 0.6, title=sentence, parties=parties, attributes=said)
        if hostile:
            want(monitor)
        monitor.recalculate()
    with serving(folder, database) as served:
        yield served


def want(monitor: Monitor) -> None:
    """Tell what wants to run wherever it is shown."""
    monitor.declare([company("hostile", name=f"Hostile {HOSTILE}")])
    told = {"title": HOSTILE, "url": RUNS, "summary": HOSTILE, "matter": MATTER}
    assert not monitor.ingest([listed(company="hostile") | told, listed(NAME) | told]).rejected
    draft(monitor, HOSTILE, 0.5, title=HOSTILE, parties=[{"name": HOSTILE}], url=RUNS)


def hold(monitor: Monitor, folder: Path, entries: int) -> None:
    """Give a copy of a list, and then one that lacks so much that it is held."""
    for part, day in ((CUBA, "2023-12-01"), (dict([*CUBA.items()][:entries]), "2023-12-02")):
        (folder / "sdn.csv").write_bytes(sdn(part))
        monitor.ingest(folder / "sdn.csv", source="ofac-sdn", dated=day)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Open the Chromium of this system, once for all tests of a file."""
    found = program()
    if found is None:
        pytest.skip(f"needs one of {', '.join(PROGRAMS)}")
    with opened(found) as launched:
        yield launched


@pytest.fixture(scope="session")
def scenario_pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Serve the shipped scenario. Read only."""
    with serving_scenario(tmp_path_factory.mktemp("scenario-pages")) as served:
        yield served


@pytest.fixture(scope="session")
def waiting_pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Serve what waits, and what wants to run."""
    with serving_waiting(tmp_path_factory.mktemp("waiting-pages")) as served:
        yield served


@pytest.fixture
def visit(request: pytest.FixtureRequest, look: Look) -> Callable[..., Page]:
    """Return what shows one of `PAGES`, by its name, on the server that has it."""

    def visit(name: str, **how: Any) -> Page:
        served = request.getfixturevalue("waiting_pages" if name in WAITING else "scenario_pages")
        page = look(served, **how)
        page.goto(PAGES[name])
        return page

    return visit


@pytest.fixture
def look(chromium: Browser) -> Iterator[Look]:
    """Return what opens a page of a server; in the end, nothing may have gone wrong on any.

    `size`: of `SIZES`; `scheme`: light or dark; `script`: whether it may run; `allowed`: what of
    the console is expected, as a pattern; and whatever else Chromium can be told.
    """
    contexts: list[tuple[BrowserContext, Seen, str, str]] = []

    def look(
        served: Served,
        *,
        size: str = "desk",
        scheme: str = "light",
        script: bool = True,
        allowed: str = "",
        **more: Any,
    ) -> Page:
        width, height = SIZES[size]
        context = chromium.new_context(
            base_url=served.base,
            viewport={"width": width, "height": height},
            color_scheme=cast("Any", scheme),
            java_script_enabled=script,
            **more,
        )
        context.set_default_timeout(20_000)
        seen = Seen([], [], [])
        contexts.append((context, seen, served.base, allowed))
        page = context.new_page()
        page.on("console", lambda one: seen.console.append(one.text))
        page.on("pageerror", lambda error: seen.console.append(str(error)))
        page.on("dialog", partial(_dismiss, seen))
        context.on("request", lambda one: seen.requests.append(one.url))
        return page

    yield look
    for context, seen, base, allowed in contexts:
        context.close()
        console = [one for one in seen.console if not (allowed and re.search(allowed, one))]
        assert ([], []) == (console, seen.dialogues)
        assert [] == [one for one in seen.requests if not one.startswith(f"{base}/")]
        assert seen.requests


def _dismiss(seen: Seen, dialogue: Dialog) -> None:
    seen.dialogues.append(dialogue.message)
    dialogue.dismiss()


def words(page: Page, *selectors: str) -> list[str]:
    """Return what parts of a page say on the screen, each blank one space."""
    return [" ".join(page.locator(one).first.inner_text().split()) for one in selectors]


def open_all(page: Page) -> None:
    """Open all that can be opened on a page."""
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")


def rows(page: Page, table: str) -> list[Sequence[str]]:
    """Return the cells of the body of a table."""
    found = page.eval_on_selector_all(
        f"{table} > tbody > tr",
        "rows => rows.map(row => [...row.cells].map(cell => cell.innerText.trim()))",
    )
    return cast("list[Sequence[str]]", found)
