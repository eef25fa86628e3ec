"""The documents as a site: it is built without a warning, and takes nothing from elsewhere."""

from __future__ import annotations

import os
import re
import runpy
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from tests.builders import ROOT

PICTURES = ROOT / "docs" / "pictures"
pytestmark = pytest.mark.xdist_group("site")  # so it is built once
LARGEST = 60_000
"""Bytes of a picture."""

KINDS = re.compile(r"<(ul|ol|li|em|strong|table|pre|blockquote|h[1-6]|img)\b")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the site, built as `mkdocs build --strict` does."""
    pytest.importorskip("material", reason="mkdocs-material is not installed (extra docs)")
    pytest.importorskip("mkdocstrings_handlers.python", reason="mkdocstrings[python] is missing")
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (0, "") == (done.returncode, done.stdout + done.stderr)
    return folder


def article(page: Path) -> str:
    """Return what a page is about, without what is around it on each page."""
    text = page.read_text("utf-8")
    return text[text.index("<article") : text.index("</article>")]


def test_the_site_takes_nothing_from_elsewhere(site: Path) -> None:
    """No page loads a script, a style, a font or a picture from another host."""
    pages = [*site.rglob("*.html"), *site.rglob("*.css")]
    loads = re.compile(
        r"<(?:script|img|iframe|source|link)\b[^>]*?(?:src|href)=[\"']?((?:https?:)?//[^\s\"'>]+)"
        r"|url\([\"']?((?:https?:)?//[^)]+)|@import"
    )
    found = {(page.name, match[0]) for page in pages for match in loads.finditer(page.read_text())}
    assert (set(), True) == (found, len(pages) > len(list((ROOT / "docs").glob("*.md"))))


def test_every_document_is_a_page_as_it_reads_in_the_repository(site: Path) -> None:
    """As many lists, points, tables, blocks of code, headings, pictures as CommonMark has."""
    reader = MarkdownIt("commonmark").enable("table")
    for document in sorted((ROOT / "docs").glob("*.md")):
        if document.name.startswith("reference"):
            continue
        written = Counter(KINDS.findall(reader.render(document.read_text("utf-8"))))
        shown = Counter(KINDS.findall(article(site / f"{document.stem}.html")))
        assert written == shown, document.name


def test_files_of_the_repository_that_documents_lead_to_are_pages(site: Path) -> None:
    """A rule that the model names is on the site as code, with its reasons."""
    assert 'href="files/rules/military-research-claim.yaml.html"' in article(site / "model.html")
    rule = article(site / "files" / "rules" / "military-research-claim.yaml.html")
    assert "Confirmed support to military research" in re.sub(r"<[^>]+>", "", rule)


def test_files_to_be_saved_have_their_names_on_them(site: Path) -> None:
    """A block that the tests write as a file is headed by the file's name."""
    names = re.findall(r'class="filename">([^<]+)<', article(site / "ten-minutes.html"))
    assert ["companies.jsonl", "events.jsonl", "riskmon.toml", "listing.jsonl"] == names


def test_the_reference_has_all_that_is_public(site: Path) -> None:
    """Each part of the monitor, and each public name, is there with its docstring."""
    text = "".join(article(page) for page in site.glob("reference*.html"))
    ids = set(re.findall(r'id="(riskmon\.[\w.]+)"', text))
    expected = {
        "riskmon.monitor.open",
        "riskmon.monitor.Monitor.score",
        "riskmon.looking.Looking.overview",
        "riskmon.recalculation.Recalculator.recalculate",
        "riskmon.fetcher.Fetcher.fetch",
        "riskmon.gathering.Gatherer.ingest",
        "riskmon.analyst.Analyst.resolve",
        "riskmon.witness.Witness.verify",
        "riskmon.model.Event.occurred_at",
        "riskmon.model.Company",
        "riskmon.model.Score",
        "riskmon.results.Scores",
        "riskmon.overview.Overview.search",
        "riskmon.frames.Frame.to_polars",
        "riskmon.rules.Rule",
        "riskmon.evaluators.Evaluator",
        "riskmon.listing.Module",
        "riskmon.errors.RiskmonError",
    }
    assert expected == expected & ids


def told(picture: Path) -> tuple[list[str], list[str]]:
    """Return what a picture says and what it draws, without where its fonts place it."""
    text = picture.read_text("utf-8")
    return re.findall(r"<text[^>]*>([^<]*)<", text), re.findall(r' d="([^"]*)"', text)


def test_the_pictures_are_those_that_the_code_makes(tmp_path: Path) -> None:
    """`python docs/pictures.py` would change none; each is small."""
    pytest.importorskip("altair", reason="altair is not installed (extra plot)")
    pytest.importorskip("vl_convert", reason="vl-convert is not installed (extra plot)")
    made = runpy.run_path(str(ROOT / "docs" / "pictures.py"))["make"](tmp_path)
    assert sorted(file.name for file in made) == sorted(
        file.name for file in PICTURES.glob("*.svg")
    )
    for file in made:
        kept = PICTURES / file.name
        assert told(file) == told(kept), f"{file.name}: run python docs/pictures.py"
        assert kept.stat().st_size < LARGEST


def test_every_picture_is_shown_and_says_what_it_shows() -> None:
    """Each is in a document, with a text for whoever cannot see it."""
    texts = [document.read_text("utf-8") for document in (ROOT / "docs").glob("*.md")]
    shown = re.findall(r"!\[([^\]]*)\]\((pictures/[^)]+\.svg)\)", "\n".join(texts))
    assert {f"pictures/{file.name}" for file in PICTURES.glob("*.svg")} == {
        name for _, name in shown
    }
    assert [] == [name for said, name in shown if not said]
