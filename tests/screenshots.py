"""Makes the pictures of the pages in docs/pictures: `python -m tests.screenshots [FOLDER]`.

Of the same pages they are the same, but for the ledger's head on the printed sheets: what is sealed
of natural persons is sealed anew in each ledger.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from PIL import Image
from playwright.sync_api import Browser

from tests.browser import PAGES, Served, opened, program, serving_scenario, serving_waiting
from tests.builders import ROOT

DESK, TELEPHONE, SHEET = (1200, 900), (375, 812), (860, 600)


class Picture(NamedTuple):
    """A page as it is shown in the documents."""

    name: str
    page: str
    """Of `PAGES`."""
    size: tuple[int, int] = DESK
    scheme: str = "light"
    from_: str = "body"
    """What is at the top."""
    whole: bool = False


SCENARIO = [
    Picture("overview", "overview"),
    Picture("overview-dark", "overview", scheme="dark"),
    Picture("company", "company"),
    Picture("company-lines", "without", from_="#made-of"),
    Picture("company-telephone", "company", TELEPHONE),
    Picture("matter", "matter"),
    Picture("rules", "rules"),
    Picture("rule", "rule"),
    Picture("compare", "compare"),
    Picture("print", "print", SHEET, whole=True),
]
WAITING = [Picture("review", "review")]


def take(browser: Browser, served: Served, pictures: Sequence[Picture], folder: Path) -> None:
    """Take pictures of a server's pages."""
    for one in pictures:
        width, height = one.size
        how: dict[str, Any] = {"color_scheme": one.scheme}
        with browser.new_context(
            base_url=served.base, viewport={"width": width, "height": height}, **how
        ) as context:
            page = context.new_page()
            page.goto(PAGES[one.page])
            page.locator(one.from_).first.evaluate("one => one.scrollIntoView()")
            file = folder / f"page-{one.name}.png"
            file.write_bytes(small(page.screenshot(full_page=one.whole)))
            print(f"{file.stat().st_size:>7,}  {file}")  # noqa: T201 (a command)


def small(png: bytes) -> bytes:
    """Return a picture in 128 colours: a page has few, and the edges of letters."""
    out = io.BytesIO()
    with Image.open(io.BytesIO(png)) as picture:
        few = picture.convert("RGB").quantize(128, dither=Image.Dither.NONE)
        few.save(out, "PNG", optimize=True)
    return out.getvalue()


def main() -> int:
    """Make them all."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "pictures"
    folder.mkdir(parents=True, exist_ok=True)
    found = program()
    if found is None:
        print("There is no Chromium: apt-get install chromium", file=sys.stderr)  # noqa: T201
        return 1
    with TemporaryDirectory() as made, opened(found) as browser:
        with serving_scenario(Path(made)) as served:
            take(browser, served, SCENARIO, folder)
        with serving_waiting(Path(made), hostile=False) as served:
            take(browser, served, WAITING, folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
