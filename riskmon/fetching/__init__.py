"""Fetch a document from its publisher: bounded, checked, kept by its hash.

Nothing here knows the ledger. The moment is given in; only waiting is measured.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import NamedTuple

import httpx

from riskmon import __version__
from riskmon.errors import FetchError, safe
from riskmon.fetching import copies
from riskmon.fetching.bodies import KINDS, bounded, decoded, kept_to
from riskmon.fetching.terms import MOST_TEXT, Deadline, Failed, Refused, Terms, shown
from riskmon.fetching.wire import Answer, asked, retry_after

__all__ = ["Fetched", "Terms", "fetch"]

MOST_REDIRECTS = 5
REDIRECTS = frozenset({301, 302, 303, 307, 308})
PASSING = frozenset({429, 500, 502, 503, 504})
"""Statuses that pass by themselves."""
ADVICE = {
    401: "the publisher wants to know who asks: see its terms",
    403: "the publisher refuses this client: name a contact, or see its terms",
    404: "see at the publisher whether the document has moved",
    410: "the document is gone: see at the publisher what took its place",
}
FIRST_WAIT, LONGEST_WAIT = 1.0, 60.0
"""Seconds before the second try, doubled from try to try up to the longest."""


class Fetched(NamedTuple):
    """A document as its publisher gave it."""

    url: str
    """As asked for, without its query (which may hold a secret)."""
    path: Path
    """The copy: `folder/ab/abcdef...`, named by its hash."""
    sha256: str
    """Of the bytes, after decompression."""
    changed: bool
    """Not the bytes that this URL gave the time before."""
    content_type: str | None
    """What the server says, which need not be so."""
    fetched_at: datetime
    size: int
    """In bytes."""


class _Asked(NamedTuple):
    """What is to be had."""

    url: str
    folder: Path
    hosts: frozenset[str]
    at: datetime
    expected: frozenset[str]
    terms: Terms
    deadline: Deadline


def fetch(
    url: str,
    folder: Path,
    *,
    hosts: Collection[str],
    at: datetime,
    expected: Collection[str] = (),
    terms: Terms | None = None,
) -> Fetched:
    """Return the document at a URL: a new copy, or the one kept in `folder` if it has not changed.

    Only https, and only hosts that are named (exactly, in lower case, in ASCII), at each hop of a
    redirect. `expected` are kinds: csv, html, json, text, xml, zip. `at` is the moment that it is,
    with its offset. Raises FetchError, which tells each try, and ValueError for a kind that does
    not exist and a moment without offset.
    """
    terms = terms or Terms()
    if unknown := set(expected) - set(KINDS):
        raise ValueError(f"expected kinds among {', '.join(KINDS)}; got {', '.join(unknown)}")
    if at.tzinfo is None:
        raise ValueError("expected a moment with its offset")
    wanted = _Asked(
        url, folder, frozenset(hosts), at, frozenset(expected), terms, Deadline(terms.seconds)
    )
    copies.sweep(folder, at)
    tries: list[str] = []
    advice = "try again later"
    while len(tries) < max(1, terms.tries):
        try:
            return _once(wanted)
        except Refused as refused:
            tries.append(str(refused))
            advice = refused.advice
            break
        except Failed as failed:
            tries.append(str(failed))
            if len(tries) < terms.tries:
                wait, left = _wait(failed, len(tries), terms), _left(wanted.deadline)
                if wait >= left:
                    tries[-1] += f"; a wait of {wait:.0f} s would be longer than the time left"
                    break
                terms.sleep(wait)
    raise FetchError(shown(url), [safe(one) for one in tries], advice)


def _left(deadline: Deadline) -> float:
    try:
        return deadline.left()
    except Refused:
        return 0


def _wait(failed: Failed, tries: int, terms: Terms) -> float:
    backoff = min(FIRST_WAIT * 2.0 ** min(tries - 1, 10), LONGEST_WAIT)
    return max(failed.wait, backoff * (1 + terms.jitter()) / 2)


def _once(wanted: _Asked) -> Fetched:
    """Ask once, and follow where that leads; raises Failed and Refused."""
    seen = copies.seen(wanted.folder, wanted.url)
    copy = copies.kept(wanted.folder, seen.sha256) if seen else None
    url = _parsed(wanted.url)
    for _ in range(MOST_REDIRECTS + 1):
        _check(url, wanted)
        headers = _headers(wanted.terms)
        known = seen if seen and copy and seen.final == copies.hashed(str(url)) else None
        if known and known.etag:
            headers["If-None-Match"] = known.etag
        if known and known.last_modified:
            headers["If-Modified-Since"] = known.last_modified
        with asked(url, headers, wanted.terms, wanted.deadline) as answer:
            if answer.status in REDIRECTS:
                url = _redirected(url, answer)
                continue
            if answer.status == HTTPStatus.NOT_MODIFIED and known and copy:
                return _told(wanted, known, copy, known)
            return _new(wanted, url, answer, seen)
    raise Refused(f"more than {MOST_REDIRECTS} redirects, the last to {shown(url)}", ADVICE[404])


def _new(wanted: _Asked, url: httpx.URL, answer: Answer, before: copies.Seen | None) -> Fetched:
    _check_status(answer, wanted)
    most = wanted.terms.most_bytes
    kind = answer.headers.get("content-type")
    body = decoded(answer.body, answer.headers.get("content-encoding", ""))
    copy = copies.keep(wanted.folder, kept_to(bounded(body, most), kind, wanted.expected))
    found = copies.Seen(
        url=shown(url),
        final=copies.hashed(str(url)),
        sha256=copy.sha256,
        checked_at=wanted.at,
        etag=_validator(answer, "etag"),
        last_modified=_validator(answer, "last-modified"),
        content_type=safe(kind[:MOST_TEXT]) if kind else None,
    )
    return _told(wanted, found, copy, before)


def _told(
    wanted: _Asked, found: copies.Seen, copy: copies.Copy, before: copies.Seen | None
) -> Fetched:
    copies.note(wanted.folder, wanted.url, copies.checked(found, wanted.at))
    return Fetched(
        url=shown(wanted.url),
        path=copy.path,
        sha256=copy.sha256,
        changed=before is None or before.sha256 != copy.sha256,
        content_type=found.content_type,
        fetched_at=wanted.at,
        size=copy.size,
    )


def _headers(terms: Terms) -> dict[str, str]:
    if not re.fullmatch(r"[ -~]*", terms.contact):
        raise Refused("the contact has characters that no header can have", "write it in ASCII")
    agent = f"riskmon/{__version__}"
    return {
        "User-Agent": f"{agent} ({terms.contact})" if terms.contact else agent,
        "Accept": "*/*",
        "Accept-Encoding": "gzip, identity",
        "Connection": "close",
    }


def _validator(answer: Answer, name: str) -> str | None:
    """Return an ETag or a date as it is sent back; None for what no header should have."""
    value = answer.headers.get(name, "")
    return value if re.match(copies.PLAIN, value) else None


def _parsed(url: str | httpx.URL, base: httpx.URL | None = None) -> httpx.URL:
    try:
        return base.join(url) if base else httpx.URL(url)
    except (httpx.InvalidURL, ValueError, TypeError):
        raise Refused("this is no URL", "write it as https://host/path") from None


def _check(url: httpx.URL, wanted: _Asked) -> None:
    """Raise Refused for a URL that may not be asked for."""
    host = url.raw_host.decode("ascii")
    insecure = wanted.terms.insecure
    advice = "see whether the publisher moved; hosts are named by the source, and never guessed"
    if url.scheme not in ({"https", "http"} if insecure else {"https"}):
        raise Refused(f"{shown(url)} is not https", "use the publisher's https address")
    if url.userinfo:
        raise Refused("the URL holds a user or a password", "take them out of it")
    if not host:
        raise Refused("the URL names no host", "write it as https://host/path")
    if host not in wanted.hosts:
        named = ", ".join(sorted(wanted.hosts)) or "none"
        raise Refused(f"the host {host} is not among those of the source ({named})", advice)
    if url.port is not None and not insecure:
        raise Refused(f"{shown(url)} has a port of its own", advice)
    if url.port is not None and not 0 < url.port < 1 << 16:
        raise Refused(f"there is no port {url.port}", advice)


def _redirected(url: httpx.URL, answer: Answer) -> httpx.URL:
    location = answer.headers.get("location")
    if not location:
        raise Refused(f"{answer.status} without a Location", ADVICE[404])
    return _parsed(location, url)


def _check_status(answer: Answer, wanted: _Asked) -> None:
    status = answer.status
    if status == HTTPStatus.OK:
        length = answer.headers.get("content-length", "0")
        if length.isdecimal() and int(length[:20]) > wanted.terms.most_bytes:
            what = f"{length[:20]} bytes were announced, {wanted.terms.most_bytes} are allowed"
            raise Refused(what, "allow more bytes if it is meant to be so big")
        return
    phrase = HTTPStatus(status).phrase if status in set(HTTPStatus) else "a status of its own"
    if status == HTTPStatus.NOT_MODIFIED:
        raise Failed("304 Not Modified, though no copy was spoken of")
    if status in PASSING:
        now = wanted.at + timedelta(seconds=wanted.deadline.elapsed())
        raise Failed(f"{status} {phrase}", retry_after(answer.headers, now))
    raise Refused(f"{status} {phrase}", ADVICE.get(status, "see the publisher's page"))
