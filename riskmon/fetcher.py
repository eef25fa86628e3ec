"""Sources as their publishers have them: what there is, and fetching it. Part of the facade."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Collection, Sequence
from datetime import date, datetime
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from riskmon import sources
from riskmon.errors import UsageError
from riskmon.gathering import Gatherer
from riskmon.listing import Shape
from riskmon.progress import counted
from riskmon.reports import Report

if TYPE_CHECKING:
    from riskmon.fetching import Fetched, Terms


class Sourced(NamedTuple):
    """A source, and where it stands."""

    name: str
    about: str
    is_list: bool = False
    """Whether a copy is compared with the last one."""
    urls: tuple[str, ...] = ()
    day: date | None = None
    """That the last copy of the list was of."""
    read_at: datetime | None = None
    """When a copy was last read that was not the same as before."""
    checked_at: datetime | None = None
    """When it was last fetched on this host, changed or not."""
    standing: int = 0
    """Entries on the list."""
    held: int = 0
    """Copies that wait for a person."""


def addresses(module: Any) -> tuple[str, ...]:
    """Return where a source is published; none where it does not say."""
    return tuple(getattr(module, "URLS", module.SHAPE.urls if hasattr(module, "SHAPE") else ()))


class Fetcher(Gatherer):
    """A ledger that fetches what it is fed. `Monitor` is one; use that."""

    def fetch(
        self,
        name: str,
        *,
        url: str | None = None,
        hosts: Collection[str] = (),
        terms: Terms | None = None,
    ) -> Report:
        """Fetch a source from its publisher, and ingest what changed.

        `url`: another address than the one that the source names; its host is allowed then, as
        are `hosts`. Copies are kept by their hash, and asked for again only if they changed.
        Raises FetchError, which tells each try; UsageError where the source has no address.
        """
        from riskmon.fetching import fetch

        module = sources.module(name)
        urls = (url,) if url else addresses(module)
        if not urls:
            raise UsageError(f"{name}: its publisher gives no address: name one by `url`")
        allowed = {urlsplit(one).hostname or "" for one in urls} | {one.lower() for one in hosts}
        shape: Shape | None = getattr(module, "SHAPE", None)
        expected = shape.formats if shape else getattr(module, "FORMATS", ())
        folder = self._copies.folder
        found = [
            fetch(one, folder, hosts=allowed, at=self._clock(), expected=expected, terms=terms)
            for one in counted(urls, f"fetching {name}", len(urls))
        ]
        if shape and len(found) > 1:
            with tempfile.TemporaryDirectory() as together:
                path = _together(Path(together), urls, found)
                report = self._ingest_copy(path, name, module)
        elif shape:
            report = self._ingest_copy(found[0].path, found[0].url, module)
        else:
            report = self.ingest(found[0].path, source=name)
            report.file = found[0].url
        report.copies = [one.path for one in found]
        return report

    def sources(self) -> list[Sourced]:
        """Return the sources there are, and of lists when they were read and what is held."""
        waiting = Counter(one.source for one in self.held())
        return [self._sourced(name, waiting) for name in sources.names()]

    def _sourced(self, name: str, waiting: Counter[str]) -> Sourced:
        from riskmon.fetching import copies

        module = sources.module(name)
        urls = addresses(module)
        checks = [copies.seen(self._copies.folder, url) for url in urls]
        checked_at = min((one.checked_at for one in checks if one), default=None)
        about = (module.__doc__ or "").strip().partition("\n")[0]
        if not hasattr(module, "SHAPE"):
            return Sourced(name, about, urls=urls, checked_at=checked_at)
        shape: Shape = module.SHAPE
        stood = self._copies.stood(shape.source)
        return Sourced(
            name,
            about,
            is_list=True,
            urls=urls,
            checked_at=checked_at,
            day=stood.day,
            read_at=self._ledger.recorded_at(stood.position),
            standing=sum(not one.gone for one in stood.entries.values()),
            held=waiting[shape.source],
        )


def _together(folder: Path, urls: Sequence[str], found: Sequence[Fetched]) -> Path:
    """Return a folder with copies under the names that their addresses end in."""
    for url, one in zip(urls, found, strict=True):
        name = PurePosixPath(urlsplit(url).path).name.lower()
        try:
            os.link(one.path, folder / name)
        except OSError:  # on another disk
            shutil.copyfile(one.path, folder / name)
    return folder
