"""Downloads from servers that lie: what is kept is whole and what was asked for, or nothing is."""

from __future__ import annotations

import gzip
import itertools
import json
import logging
import os
import random
import socket
import subprocess
import sys
import time
import tracemalloc
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from riskmon import __version__
from riskmon.errors import FetchError
from riskmon.fetching import Fetched, Terms, fetch
from riskmon.fetching.bodies import looks
from riskmon.fetching.terms import shown
from riskmon.fetching.wire import MOST_HEADERS, SLACK, is_public
from tests.liar import Heard, Liar, Lie, certificate, head, says, sends

AT = datetime(2024, 3, 6, 12, tzinfo=UTC)
CSV = b"name,listed\nExample Chips Co. Ltd.,2024-03-06\n"
DIGEST = sha256(CSV).hexdigest()
SECRET = "s3cret-t0ken"  # noqa: S105 (nobody's)


@pytest.fixture
def liar() -> Iterator[Liar]:
    with Liar() as one:
        yield one


@pytest.fixture
def waits() -> list[float]:
    """Seconds for which a download would have slept."""
    return []


@pytest.fixture
def get(tmp_path: Path, waits: list[float]) -> Any:
    """Return `fetch` into one folder, from loopback, without waiting."""

    def got(url: str, *, at: datetime = AT, **terms: Any) -> Fetched:
        expected = terms.pop("expected", ())
        hosts = terms.pop("hosts", {"127.0.0.1"})
        given = {"insecure": True, "sleep": waits.append, "jitter": lambda: 1.0, "silence": 5.0}
        named = Terms(**{**given, **terms})
        return fetch(url, tmp_path / "raw", hosts=hosts, at=at, expected=expected, terms=named)

    return got


def refusal(get: Any, url: str, **terms: Any) -> tuple[str, ...]:
    """Return what a person is told of each try."""
    with pytest.raises(FetchError) as caught:
        get(url, **terms)
    return caught.value.tries


def files(tmp_path: Path) -> list[str]:
    """Return the files kept, without what is noted of URLs."""
    found = (one for one in (tmp_path / "raw").rglob("*") if one.is_file())
    return sorted(str(one.relative_to(tmp_path / "raw")) for one in found if one.suffix != ".json")


def chunked(*chunks: bytes) -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(one), one) for one in chunks)


# What is kept


def test_a_document_is_kept_under_its_hash(get: Any, liar: Liar, tmp_path: Path) -> None:
    """Path, hash, size and type are told; the copy cannot be executed; nothing else stays."""
    url = liar.url("/list.csv?key=1", says(CSV))
    path = tmp_path / "raw" / DIGEST[:2] / DIGEST
    assert Fetched(
        url=f"http://{liar.host}/list.csv",
        path=path,
        sha256=DIGEST,
        changed=True,
        content_type="text/csv",
        fetched_at=AT,
        size=len(CSV),
    ) == get(url)
    assert path.read_bytes() == CSV
    assert path.stat().st_mode & 0o777 == 0o600
    assert [f"{DIGEST[:2]}/{DIGEST}"] == files(tmp_path)


def test_what_has_not_changed_is_not_sent_again(get: Any, liar: Liar, tmp_path: Path) -> None:
    """ETag and date go back to the server; 304 gives the copy, checked at the later moment."""
    first = says(CSV, etag='"one"', last_modified="Wed, 06 Mar 2024 10:00:00 GMT")
    url = liar.url("/list.csv", first, says(status="304 Not Modified", content_length=""))
    old = get(url)
    later = AT + timedelta(days=1)
    assert old._replace(changed=False, fetched_at=later) == get(url, at=later)
    asked = liar.heard[1].headers
    assert '"one"' == asked["if-none-match"]
    assert "Wed, 06 Mar 2024 10:00:00 GMT" == asked["if-modified-since"]
    (state,) = (tmp_path / "raw").glob("*.json")
    told = json.loads(state.read_text("utf-8"))
    assert {
        "url": f"http://{liar.host}/list.csv",
        "final": sha256(url.encode()).hexdigest(),
        "sha256": DIGEST,
        "checked_at": "2024-03-07T12:00:00Z",
        "etag": '"one"',
        "last_modified": "Wed, 06 Mar 2024 10:00:00 GMT",
        "content_type": "text/csv",
    } == told


def test_changed_says_whether_the_bytes_are_others(get: Any, liar: Liar, tmp_path: Path) -> None:
    """The same bytes sent again are stored once; other bytes are kept beside the old."""
    url = liar.url("/list.csv", says(CSV), says(CSV), says(CSV + b"more"))
    assert [True, False, True] == [get(url).changed for _ in range(3)]
    assert 2 == len(files(tmp_path))


@pytest.mark.parametrize("damage", ["gone", "flipped", "state"])
def test_a_damaged_copy_is_fetched_again(get: Any, liar: Liar, tmp_path: Path, damage: str) -> None:
    """Without conditions, so that the answer has a body; the copy is whole then."""
    url = liar.url("/list.csv", says(CSV, etag='"one"'))
    copy = get(url).path
    if damage == "gone":
        copy.unlink()
    elif damage == "flipped":
        copy.write_bytes(b"X" + CSV[1:])
    else:
        next((tmp_path / "raw").glob("*.json")).write_text('{"sha256": "../../etc/passwd"}')
    assert DIGEST == get(url).sha256
    assert "if-none-match" not in liar.heard[1].headers
    assert copy.read_bytes() == CSV


def test_a_304_that_nobody_asked_for_is_no_document(get: Any, liar: Liar) -> None:
    """It is asked again, and given up in the end."""
    url = liar.url("/list.csv", says(status="304 Not Modified", content_length=""))
    told = "304 Not Modified, though no copy was spoken of"
    assert (told, told) == refusal(get, url, tries=2)
    url = liar.url("/other.csv", says(status="304 Not Modified", content_length=""), says(CSV))
    assert DIGEST == get(url).sha256


def test_an_etag_goes_only_where_it_came_from(get: Any, liar: Liar) -> None:
    """A redirect that leads elsewhere today asks for the document there whole."""
    liar.url("/1.csv", says(CSV, etag='"same"'))
    liar.url("/2.csv", says(CSV + b"2", etag='"same"'))
    liar.url("/3.csv", says(status="304 Not Modified", content_length=""))
    moved = [says(status="302 Found", location=f"/{day}.csv") for day in (1, 2, 3)]
    url = liar.url("/latest.csv", *moved)
    assert [True, True] == [get(url).changed for _ in range(2)]
    assert ("304 Not Modified, though no copy was spoken of",) == refusal(get, url, tries=1)
    assert [] == [one for one in liar.heard if "if-none-match" in one.headers]


def test_the_client_says_who_it_is(get: Any, liar: Liar) -> None:
    """Version and contact in the User-Agent, gzip and no other coding; no odd contact gets out."""
    get(liar.url("/list.csv", says(CSV)), contact="Example Ltd risk@example.com")
    asked = dict(liar.heard[0].headers)
    assert {
        "host": liar.host,
        "user-agent": f"riskmon/{__version__} (Example Ltd risk@example.com)",
        "accept": "*/*",
        "accept-encoding": "gzip, identity",
        "connection": "close",
    } == asked
    (told,) = refusal(get, f"http://{liar.host}/list.csv", contact="a\r\nCookie: b")
    assert "the contact has characters that no header can have" == told


# What passes by itself


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_what_passes_is_tried_again(get: Any, liar: Liar, waits: list[float], status: int) -> None:
    """With waits that double."""
    lies = [says(status=f"{status} No")] * 3
    assert DIGEST == get(liar.url("/list.csv", *lies, says(CSV))).sha256
    assert [1.0, 2.0, 4.0] == waits


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"retry_after": "7"}, 7.0),
        ({"retry_after": "Wed, 06 Mar 2024 12:00:30 GMT"}, 30.0),
        (
            {
                "retry_after": "Thu, 01 Jan 1970 00:00:40 GMT",
                "date": "Thu, 01 Jan 1970 00:00:00 GMT",
            },
            40.0,
        ),
        ({"retry_after": "Wed, 06 Mar 1999 12:00:30 GMT"}, 1.0),
        ({"retry_after": "soon"}, 1.0),
        ({"retry_after": "-5"}, 1.0),
        ({"retry_after": "Wed, 99 Mar 2024 99:00:30 GMT"}, 1.0),
    ],
)
def test_a_server_says_how_long_to_wait(
    get: Any, liar: Liar, waits: list[float], headers: dict[str, str], wait: float
) -> None:
    """Seconds, or a date against its own clock; nonsense is the usual wait."""
    lies = [says(b"", "429 Too Many Requests", **headers), says(CSV)]
    get(liar.url("/list.csv", *lies))
    assert [pytest.approx(wait, abs=1)] == waits


def test_a_wait_beyond_the_time_left_is_not_begun(get: Any, liar: Liar, waits: list[float]) -> None:
    """And it is said how long it would have been."""
    url = liar.url("/list.csv", says(status="503 No", retry_after="86400"))
    (told,) = refusal(get, url, seconds=60)
    want = "503 Service Unavailable; a wait of 86400 s would be longer than the time left"
    assert want == told
    assert [] == waits


@pytest.mark.parametrize(
    ("status", "phrase"),
    [
        (401, "Unauthorized"),
        (403, "Forbidden"),
        (404, "Not Found"),
        (410, "Gone"),
        (206, "Partial Content"),
        (204, "No Content"),
        (999, "a status of its own"),
    ],
)
def test_what_does_not_pass_is_tried_once(get: Any, liar: Liar, status: int, phrase: str) -> None:
    """And no words of the server are repeated."""
    url = liar.url("/list.csv", says(CSV if status != 204 else b"", status=f"{status} Evil"))
    assert (f"{status} {phrase}",) == refusal(get, url)


def test_an_error_tells_each_try_and_what_to_do(get: Any, liar: Liar) -> None:
    """URL without its query, tries, advice: the whole text."""
    lies = [says(status="500 No"), sends(head(content_length="50") + b"cut")]
    url = liar.url(f"/list.csv?key={SECRET}", *lies, says(status="404 Not Found"))
    with pytest.raises(FetchError) as caught:
        get(url)
    sent = len(head(content_length="50") + b"cut")
    assert f"""http://{liar.host}/list.csv cannot be fetched:
  try 1: 500 Internal Server Error
  try 2: cut off after {sent} bytes
  try 3: 404 Not Found
  see at the publisher whether the document has moved""" == str(caught.value)


# What is slow, cut or too much


CUT: list[tuple[str, Lie]] = [
    ("by its length", sends(head(content_length="99") + CSV)),
    ("in a chunk", sends(head(transfer_encoding="chunked") + b"99\r\n" + CSV)),
    ("between chunks", sends(head(transfer_encoding="chunked") + chunked(CSV))),
    ("in its headers", sends(b"HTTP/1.1 200 OK\r\nContent-Le")),
    ("before a word", sends()),
    ("in its gzip", says(gzip.compress(CSV)[:-9], content_encoding="gzip")),
    ("with a broken gzip", says(b"\x1f\x8b" + CSV, content_encoding="gzip")),
    ("with another protocol", sends(b"SSH-2.0-OpenSSH_9.6\r\n\r\n")),
    ("with chunks that are none", sends(head(transfer_encoding="chunked") + b"zz\r\n")),
    ("with two lengths", sends(head(content_length="3", Content_Length="4") + b"abcd")),
]


@pytest.mark.parametrize(("how", "lie"), CUT, ids=[how for how, _ in CUT])
def test_what_was_cut_is_tried_again_and_never_kept(
    get: Any, liar: Liar, tmp_path: Path, how: str, lie: Lie
) -> None:
    """However it was cut."""
    assert how
    assert 2 == len(refusal(get, liar.url("/cut.csv", lie), tries=2))
    assert [] == files(tmp_path)
    assert DIGEST == get(liar.url("/list.csv", lie, says(CSV))).sha256


def test_a_slow_first_byte_fails_a_try(get: Any, liar: Liar) -> None:
    """After the silence that is allowed; the next try may be better."""
    url = liar.url("/list.csv", sends(2.0, head()), says(CSV))
    assert DIGEST == get(url, silence=0.2).sha256
    url = liar.url("/slow.csv", sends(2.0, head()))
    assert ("not a byte in 0.2 s",) == refusal(get, url, silence=0.2, tries=1)


@pytest.mark.parametrize("where", ["headers", "body", "chunks", "interim"])
def test_slow_drops_end_with_the_time_for_all(
    get: Any, liar: Liar, tmp_path: Path, where: str
) -> None:
    """A byte now and then is never silent, so the whole download has a deadline."""
    drops: dict[str, tuple[bytes, bytes]] = {
        "headers": (b"HTTP/1.1 200 OK\r\nX: ", b"x"),
        "body": (head(content_length="1000"), b"x"),
        "chunks": (head(transfer_encoding="chunked"), chunked(b"x")),
        "interim": (b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
    }
    first, drop = drops[where]
    url = liar.url("/list.csv", lambda _: itertools.chain([first], itertools.cycle([drop, 0.05])))
    began = time.monotonic()
    (told,) = refusal(get, url, seconds=0.6)
    assert "not complete after 0.6 s, all the time that it had" == told
    assert time.monotonic() - began < 1.5
    assert [] == files(tmp_path)


def test_a_name_that_never_resolves_ends_too(get: Any) -> None:
    """The system's resolver has no timeout of its own."""

    def stuck(_: str) -> Iterable[str]:
        time.sleep(3)
        return []

    (told,) = refusal(get, "http://127.0.0.1/", resolve=stuck, silence=0.1, tries=1)
    assert "the name 127.0.0.1 was not resolved in time" == told


ENDLESS: list[tuple[str, list[bytes]]] = [
    ("one header", [b"HTTP/1.1 200 OK\r\nX: ", b"x" * 4096]),
    ("headers", [b"HTTP/1.1 200 OK\r\n", b"X: y\r\n" * 700]),
    ("interim answers", [b"", b"HTTP/1.1 103 Early Hints\r\nX: y\r\n\r\n" * 100]),
]


@pytest.mark.parametrize(("what", "parts"), ENDLESS, ids=[what for what, _ in ENDLESS])
def test_endless_headers_are_refused(get: Any, liar: Liar, what: str, parts: list[bytes]) -> None:
    """Soon after what headers may take."""
    assert what
    first, more = parts
    url = liar.url("/list.csv", lambda _: itertools.chain([first], itertools.repeat(more)))
    assert (f"more than {MOST_HEADERS} bytes of headers",) == refusal(get, url)


@pytest.mark.parametrize("frames", ["plain", "chunked", "extended", "trailers"])
def test_an_endless_body_is_refused(get: Any, liar: Liar, tmp_path: Path, frames: str) -> None:
    """On the wire too: the frames of chunks count, and a megabyte of them is enough."""
    more = {
        "plain": b"x" * 4096,
        "chunked": chunked(b"x" * 4096),
        "extended": b"1;" + b"e" * 4096 + b"\r\nx\r\n",
        "trailers": b"X: y\r\n" * 700,
    }
    opening = head(transfer_encoding="" if frames == "plain" else "chunked")
    opening += chunked(CSV) + b"0\r\n" if frames == "trailers" else b""
    url = liar.url(
        "/list.csv", lambda _: itertools.chain([opening], itertools.repeat(more[frames]))
    )
    told = {
        "plain": "100000 bytes",
        "chunked": "100000 bytes",
        "extended": f"{100_000 + SLACK} bytes on the wire",
        "trailers": f"{MOST_HEADERS} bytes of headers",
    }
    assert (f"more than {told[frames]}",) == refusal(get, url, most_bytes=100_000)
    assert [] == files(tmp_path)


def test_a_length_beyond_the_limit_is_not_begun(get: Any, liar: Liar) -> None:
    """Said by the server, refused before its first byte; as much as is allowed is taken."""
    url = liar.url("/list.csv", sends(head(content_length="101") + b"x"))
    told = "101 bytes were announced, 100 are allowed"
    assert (told,) == refusal(get, url, most_bytes=100)
    url = liar.url("/fits.csv", says(b"x" * 100))
    assert 100 == get(url, most_bytes=100).size


def bomb(megabytes: int) -> bytes:
    """Return zeros, a thousandth of their size, without ever holding them."""
    engine = zlib.compressobj(9, zlib.DEFLATED, 31)
    piece = b"x" * (1 << 20)
    return b"".join(engine.compress(piece) for _ in range(megabytes)) + engine.flush()


def test_a_gzip_bomb_is_stopped_while_it_streams(get: Any, liar: Liar, tmp_path: Path) -> None:
    """By the limit on what it inflates to; memory stays flat."""
    url = liar.url("/list.csv", says(bomb(64), content_encoding="gzip"))
    tracemalloc.start()
    told = refusal(get, url, most_bytes=50_000_000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert ("more than 50000000 bytes",) == told
    assert peak < 6_000_000
    assert [] == files(tmp_path)


@pytest.mark.parametrize("coding", ["gzip", "x-gzip", "GZIP", "identity", ""])
def test_gzip_is_taken_off(get: Any, liar: Liar, coding: str) -> None:
    """In one member or several, whole in what it inflates to."""
    big = CSV * 20_000
    halves = gzip.compress(big[:500_000]) + gzip.compress(b"") + gzip.compress(big[500_000:])
    body = big if coding in {"identity", ""} else halves
    url = liar.url("/list.csv", says(body, content_encoding=coding))
    assert sha256(big).hexdigest() == get(url).sha256


@pytest.mark.parametrize("coding", ["br", "deflate", "zstd", "gzip, gzip", "compress"])
def test_other_codings_are_refused(get: Any, liar: Liar, coding: str) -> None:
    """They were not asked for."""
    url = liar.url("/list.csv", says(CSV, content_encoding=coding))
    told = f"Content-Encoding is {coding}, gzip or identity was asked for"
    assert (told,) == refusal(get, url)


# What it is


PAGE = b"<!DOCTYPE html><html><body>Please log in</body></html>"
KIND: list[tuple[bytes, str, str, bool]] = [
    (CSV, "text/csv", "csv", True),
    (CSV, "application/octet-stream", "csv", True),
    (CSV, "application/vnd.ms-excel", "csv", True),
    (CSV, "", "csv", True),
    (CSV, "text/html; charset=utf-8", "csv", False),
    (PAGE, "text/csv", "csv", False),
    (PAGE, "text/html", "csv", False),
    (PAGE, "application/json", "json", False),
    (b"\xef\xbb\xbf \n<HTML>", "text/xml", "xml", False),
    (b"<?xml version='1.0'?><!-- a --> <html xmlns='x'>", "text/xml", "xml", False),
    (b"<?xml version='1.0'?><sdnList/>", "text/plain", "xml", True),
    (b"<rss/>", "application/rss+xml", "xml", True),
    (b'{"error": "quota"}', "text/csv", "csv", False),
    (b"\xef\xbb\xbf[1]", "application/json", "json", True),
    (CSV, "application/json", "json", False),
    (b"PK\x03\x04rest", "text/plain", "zip", True),
    (b"PK\x03\x04rest", "text/csv", "csv", False),
    (CSV, "application/zip", "zip", False),
    (b"%PDF-1.7", "text/plain", "text", False),
    (b"a\0b", "text/plain", "text", False),
    (CSV.decode().encode("utf-16"), "text/plain", "csv", True),
    (b'{"a": 1}', "text/plain", "text", True),
    (PAGE, "text/html", "html", True),
]


@pytest.mark.parametrize(("body", "content_type", "expected", "fits"), KIND)
def test_what_was_not_promised_is_refused(
    get: Any, liar: Liar, body: bytes, content_type: str, expected: str, *, fits: bool
) -> None:
    """By its type if that is HTML, by its first bytes whatever its type."""
    url = liar.url("/list", says(body, content_type=content_type))
    if fits:
        assert body == get(url, expected={expected}).path.read_bytes()
    else:
        (told,) = refusal(get, url, expected={expected})
        assert told.startswith(f"expected {expected}, ")


def test_a_page_for_a_list_is_refused_with_a_reason(get: Any, liar: Liar, tmp_path: Path) -> None:
    """Also where it comes byte by byte, and where nothing was said to be expected."""
    url = liar.url("/list.csv", says(PAGE, content_type="text/csv"))
    told = "expected data, not a page of HTML: its first bytes look like html, its type is text/csv"
    assert (told,) == refusal(get, url)
    drops = chunked(*(bytes([one]) for one in PAGE + b" " * 2000)) + b"0\r\n\r\n"
    url = liar.url("/drops.csv", sends(head(transfer_encoding="chunked") + drops))
    assert "expected csv" in refusal(get, url, expected={"csv"})[0]
    assert [] == files(tmp_path)


@pytest.mark.parametrize("coding", ["", "gzip"])
def test_an_empty_document_is_refused(get: Any, liar: Liar, coding: str) -> None:
    """0 bytes are no list that has become empty."""
    body = gzip.compress(b"") if coding else b""
    url = liar.url("/list.csv", says(body, content_encoding=coding))
    assert ("0 bytes came",) == refusal(get, url)


def test_looking_at_a_hostile_head_takes_no_time() -> None:
    """Comments, blanks and declarations that could be read in many ways are read in one."""
    began = time.process_time()
    for unit in ("<!---->", "<!-- -->", " ", "<?xml ?>", "<!--", "<?xml ?>?>", "<!---->\n "):
        assert "html" != looks(("<!---->" + unit * 300 + "<x")[:2048].encode())
    assert time.process_time() - began < 0.5


# Where it leads


def test_a_redirect_is_followed(get: Any, liar: Liar) -> None:
    """To another path of a host that is named; the state tells where it came from."""
    liar.url("/b/list.csv", says(CSV))
    for status in (301, 302, 303, 307, 308):
        url = liar.url(f"/a/{status}", says(status=f"{status} Moved", location="../b/list.csv#x"))
        assert DIGEST == get(url).sha256


LEADS: list[tuple[str, str]] = [
    ("http://10.0.0.1/", "10.0.0.1 is at 10.0.0.1, which is not a public address"),
    ("http://169.254.169.254/", "the host 169.254.169.254 is not among those of the source "),
    ("https://elsewhere.example/", "the host elsewhere.example is not among those of the source "),
    ("https://127.0.0.1.elsewhere.example/", "the host 127.0.0.1.elsewhere.example is not among "),
    ("http://127.0.0.1./", "the host 127.0.0.1. is not among those of the source "),
    ("file:///etc/passwd", "the URL is not https"),
    ("gopher://127.0.0.1/", "gopher://127.0.0.1/ is not https"),
    (f"http://user:{SECRET}@127.0.0.1/", "the URL holds a user or a password"),
    ("http://127.0.0.1:99999/", "there is no port 99999"),
    ("http://[::1", "this is no URL"),
    ("http://127.0.0.1:x/", "this is no URL"),
    ("", "302 without a Location"),
]


@pytest.mark.parametrize(("location", "told"), LEADS)
def test_a_redirect_is_checked_like_the_url_itself(
    get: Any, liar: Liar, location: str, told: str
) -> None:
    """Scheme, host, address, port and credentials; and it is not tried again."""
    url = liar.url("/list.csv", says(status="302 Found", location=location))
    (found,) = refusal(get, url, hosts={"127.0.0.1", "10.0.0.1"})
    assert found.startswith(told)
    assert SECRET not in found


def test_a_loop_ends(get: Any, liar: Liar) -> None:
    """After five redirects."""
    url = liar.url("/a", says(status="302 Found", location="/b"))
    liar.url("/b", says(status="302 Found", location="/a"))
    assert (f"more than 5 redirects, the last to http://{liar.host}/a",) == refusal(get, url)
    assert 6 == len(liar.heard)


WRONG: list[tuple[str, str]] = [
    ("http://lists.example/a", "http://lists.example/a is not https"),
    ("https://lists.example:8443/a", "https://lists.example:8443/a has a port of its own"),
    ("https://LISTS.example.org/a", "the host lists.example.org is not among "),
    ("https://lists.example./a", "the host lists.example. is not among "),
    (f"https://{SECRET}@lists.example/a", "the URL holds a user or a password"),
    ("https:///a", "the URL names no host"),
    ("lists.example/a", "the URL is not https"),
    ("https://lists.example/\na", "this is no URL"),
    ("https://[::1/a", "this is no URL"),
    ("", "the URL is not https"),
]


@pytest.mark.parametrize(("url", "told"), WRONG)
def test_only_https_and_only_hosts_that_are_named(get: Any, url: str, told: str) -> None:
    """Before anything is asked of anybody."""
    (found,) = refusal(get, url, hosts={"lists.example"}, insecure=False)
    assert found.startswith(told)
    assert SECRET not in found


PRIVATE = """
127.0.0.1 127.8.8.8 10.1.2.3 172.16.0.1 192.168.1.1 169.254.169.254 100.64.0.1 0.0.0.0
255.255.255.255 224.0.0.1 224.0.1.1 240.0.0.1 198.18.0.1 192.0.2.1 192.0.0.192 192.88.99.1 ::1
:: fe80::1 fe80::1%lo fc00::1 fec0::1 ff02::1 ff0e::1 ::ffff:8.8.8.8 ::ffff:127.0.0.1
::127.0.0.1 2001:db8::1 2001::1 2002:7f00:1:: 64:ff9b::7f00:1 64:ff9b::a00:1 64:ff9b:1::1
100::1 3fff::1 nonsense 127.1 0x7f000001
"""


@pytest.mark.parametrize("address", PRIVATE.split())
def test_private_addresses_are_not_public(address: str) -> None:
    """Also those that hide an IPv4 address in an IPv6 one."""
    assert not is_public(address)


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "2606:4700::1111", "2001:4860:4860::8888", "64:ff9b::808:808"]
)
def test_public_addresses_are(address: str) -> None:
    """Also IPv4 through a network that speaks IPv6 alone."""
    assert is_public(address)


@pytest.mark.parametrize(
    "found", [["127.0.0.1"], ["::1"], ["10.0.0.8"], ["93.184.216.34", "192.168.0.1"]]
)
def test_a_name_at_a_private_address_is_not_connected_to(get: Any, found: list[str]) -> None:
    """Not even where another of its addresses is public."""
    terms = {"hosts": {"lists.example"}, "insecure": False, "resolve": lambda _: found}
    (told,) = refusal(get, "https://lists.example/a", **terms)
    assert f"lists.example is at {found[-1]}, which is not a public address" == told


def test_a_name_that_is_not_known_is_tried_again(get: Any) -> None:
    """The system says why."""

    def unknown(_: str) -> Iterable[str]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    told = "the name 127.0.0.1 cannot be resolved: Name or service not known"
    assert (told, told) == refusal(get, "http://127.0.0.1/", resolve=unknown, tries=2)
    told = "the name 127.0.0.1 cannot be resolved: no address"
    assert (told,) == refusal(get, "http://127.0.0.1/", resolve=lambda _: [], tries=1)


# TLS


def diverted(monkeypatch: pytest.MonkeyPatch, port: int) -> list[Any]:
    """Send every connection to loopback, and return the list of where they were meant to go."""
    real, meant = socket.create_connection, []

    def connect(address: Any, timeout: float) -> socket.socket:
        meant.append(address)
        return real(("127.0.0.1", port), timeout)

    monkeypatch.setattr(socket, "create_connection", connect)
    return meant


def test_the_connection_goes_to_the_address_that_was_checked(
    get: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One resolution per connection; certificate and Host stay those of the name."""
    authority, context = certificate(tmp_path, "lists.example")
    asked: list[str] = []
    answers = iter([["93.184.216.34"], ["127.0.0.1"]])

    def rebound(host: str) -> Iterable[str]:
        asked.append(host)
        return next(answers)

    with Liar(context) as liar, monkeypatch.context() as patch:
        liar.url("/list.csv", says(CSV))
        meant = diverted(patch, liar.port)
        terms = {"hosts": {"lists.example"}, "insecure": False, "authorities": authority}
        assert DIGEST == get("https://lists.example/list.csv", resolve=rebound, **terms).sha256
        assert [("93.184.216.34", 443)] == meant
        assert ["lists.example"] == asked
        assert "lists.example" == liar.heard[0].headers["host"]
        (told,) = refusal(get, "https://lists.example/list.csv", resolve=rebound, **terms)
    assert "lists.example is at 127.0.0.1, which is not a public address" == told


def test_a_redirect_to_http_is_refused(
    get: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever says so."""
    authority, context = certificate(tmp_path, "lists.example")
    with Liar(context) as liar, monkeypatch.context() as patch:
        liar.url("/a", says(status="301 Moved", location="http://lists.example/a"))
        diverted(patch, liar.port)
        terms = {"hosts": {"lists.example"}, "insecure": False, "authorities": authority}
        found = refusal(get, "https://lists.example/a", resolve=lambda _: ["8.8.8.8"], **terms)
    assert ("http://lists.example/a is not https",) == found


def test_a_certificate_must_be_trusted_and_of_the_host(get: Any, tmp_path: Path) -> None:
    """Self-signed is refused, also where http would be allowed; with its authority it is taken."""
    authority, context = certificate(tmp_path, "127.0.0.1")
    with Liar(context) as liar:
        url = liar.url("/list.csv", says(CSV))
        told = "the certificate of 127.0.0.1 is not trusted: self-signed certificate"
        assert (told,) == refusal(get, url)
        assert DIGEST == get(url, authorities=authority).sha256
    authority, context = certificate(tmp_path, "elsewhere.example")
    with Liar(context) as liar:
        (told,) = refusal(get, liar.url("/list.csv", says(CSV)), authorities=authority)
        assert "IP address mismatch" in told
        assert [] == liar.heard
    (told,) = refusal(get, "https://127.0.0.1/", authorities=tmp_path / "none.pem", tries=1)
    assert told.startswith(("no connection", f"{tmp_path / 'none.pem'} cannot be read"))


def test_a_body_without_length_ends_only_where_tls_does(get: Any, tmp_path: Path) -> None:
    """A proper end is taken; a connection that is merely gone is a cut."""
    authority, context = certificate(tmp_path, "127.0.0.1")
    with Liar(context) as liar:
        url = liar.url("/list.csv", sends(head() + CSV))
        assert DIGEST == get(url, authorities=authority).sha256

        def gone(_: Heard) -> Iterable[bytes | float]:
            yield head() + CSV
            raise OSError

        found = refusal(get, liar.url("/gone.csv", gone), authorities=authority, tries=1)
        assert (f"cut off after {len(head() + CSV)} bytes",) == found


def test_a_server_that_speaks_no_tls_is_no_server(get: Any, liar: Liar) -> None:
    """Said in a word, tried again."""
    url = liar.url("/list.csv", says(CSV)).replace("http:", "https:")
    liar.lies[""] = [sends(b"plain")]
    (told,) = refusal(get, url, silence=0.3, tries=1)
    assert told.startswith("TLS: ")


def test_the_environment_sets_no_proxy_and_no_authority(
    get: Any, liar: Liar, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever sets a variable reads no traffic."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert DIGEST == get(liar.url("/list.csv", says(CSV))).sha256
    authority, context = certificate(tmp_path, "127.0.0.1")
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    with Liar(context) as other:
        assert "not trusted" in refusal(get, other.url("/list.csv", says(CSV)))[0]


# What is not told


def test_a_secret_in_a_query_is_told_nobody(
    get: Any, liar: Liar, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Not in errors, not in logs at any level, not in what is noted of a URL."""
    caplog.set_level(logging.DEBUG)
    liar.url(f"/list.csv?t={SECRET}2", says(CSV, status=f"200 {SECRET}"))
    moved = says(status="302 Found", location=f"/list.csv?t={SECRET}2", set_cookie=SECRET)
    found = get(liar.url(f"/list.csv?t={SECRET}", moved))
    liar.url(f"/evil?t={SECRET}", sends(f"HTTP/1.1 /evil?t={SECRET}\r\n\r\n".encode()))
    with pytest.raises(FetchError) as caught:
        get(f"http://{liar.host}/evil?t={SECRET}", tries=1)
    noted = [one.read_text("utf-8") for one in (tmp_path / "raw").glob("*.json")]
    told = [caplog.text, repr(found), str(caught.value), repr(caught.value.args), *noted]
    assert [] == [one for one in told if SECRET in one]
    assert (None, None) == (caught.value.__cause__, caught.value.__context__)
    assert "https://[2606::1]:8/a" == shown("https://u:p@[2606::1]:8/a?b#c")


def test_no_answer_breaks_a_download(get: Any, liar: Liar) -> None:
    """Whatever comes, there is a whole document or a FetchError."""
    body = gzip.compress(CSV)
    whole = (
        head(
            "302 Found", location="/x?y", retry_after="3", content_encoding="gzip", etag='"e"'
        ).replace(b"\r\n\r\n", b"\r\nContent-Length: %d\r\n\r\n" % len(body))
        + body
    )
    chance = random.Random(6)  # noqa: S311 (the same each time)
    for _ in range(300):
        bent = bytearray(whole.replace(b"302 Found", chance.choice([b"200 OK", b"302 Found"])))
        for _ in range(chance.randrange(4)):
            place = chance.randrange(len(bent))
            cut = place + chance.randrange(9)
            bent[place:cut] = chance.choice([b"", chance.randbytes(3), b"\r\n", bent[:place]])
        url = liar.url("/bent", sends(bytes(bent)))
        with suppress(FetchError):
            found = get(url, silence=0.05, tries=1)
            assert found.sha256 == sha256(found.path.read_bytes()).hexdigest()


def test_what_a_type_says_cannot_act_on_a_terminal(get: Any, liar: Liar) -> None:
    """Bytes of the server are made harmless where they are shown."""
    found = get(liar.url("/list.csv", says(CSV, content_type="text/\x9bcsv" + "x" * 999)))
    assert "text/\N{REPLACEMENT CHARACTER}csv" + "x" * 191 == found.content_type


# Several processes, and their ends

CHILD = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from riskmon.fetching import Terms, fetch
found = fetch(sys.argv[1], Path(sys.argv[2]), hosts={"127.0.0.1"},
              at=datetime(2024, 3, 6, 12, tzinfo=UTC), terms=Terms(insecure=True))
print(found.sha256)
"""


def child(url: str, tmp_path: Path) -> subprocess.Popen[str]:
    """Fetch a URL in a process of its own."""
    arguments = [sys.executable, "-c", CHILD, url, str(tmp_path / "raw")]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)


def test_two_processes_can_fetch_one_url(liar: Liar, tmp_path: Path) -> None:
    """Both have it, it is stored once, and what is noted can be read."""
    big = CSV * 50_000
    url = liar.url("/list.csv", sends(head(content_length=str(len(big))), big[:99], 0.3, big[99:]))
    with child(url, tmp_path) as one, child(url, tmp_path) as other:
        told = [process.communicate(timeout=30)[0].strip() for process in (one, other)]
    digest = sha256(big).hexdigest()
    assert [digest, digest] == told
    assert [f"{digest[:2]}/{digest}"] == files(tmp_path)


def test_a_kill_leaves_no_half_copy(get: Any, liar: Liar, tmp_path: Path) -> None:
    """Only a temporary file, which a later download removes when it is a day old."""
    big = CSV * 10_000
    url = liar.url(
        "/list.csv",
        sends(head(content_length=str(len(big))), big[:300_000], 20.0),
        says(CSV),
    )
    with child(url, tmp_path) as process:
        deadline = time.monotonic() + 20
        while not any(one.stat().st_size for one in (tmp_path / "raw").glob("*.part")):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.kill()
    (left,) = files(tmp_path)
    assert left.endswith(".part")
    assert DIGEST == get(url).sha256
    for hours, kept in ((23, 2), (25, 1)):
        old = AT.timestamp() - hours * 3600
        os.utime(tmp_path / "raw" / left, (old, old))
        get(url)
        assert kept == len(files(tmp_path))
    assert [f"{DIGEST[:2]}/{DIGEST}"] == files(tmp_path)


def test_a_folder_that_cannot_be_written_to_is_said(liar: Liar, tmp_path: Path) -> None:
    """Whatever the reason, once."""
    (tmp_path / "raw").write_text("a file")
    url = liar.url("/list.csv", says(CSV))
    with pytest.raises(FetchError, match="raw cannot be written to: File exists"):
        fetch(url, tmp_path / "raw", hosts={"127.0.0.1"}, at=AT, terms=Terms(insecure=True))


def test_a_full_disk_is_said(
    get: Any, liar: Liar, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what was written is gone again."""

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("riskmon.fetching.copies.os.write", full)
    (told,) = refusal(get, liar.url("/list.csv", says(CSV)))
    assert f"{tmp_path / 'raw'} cannot be written to: No space left on device" == told
    assert [] == files(tmp_path)


def test_what_a_caller_gets_wrong_is_said(get: Any) -> None:
    """A kind that does not exist, a moment without its offset."""
    with pytest.raises(ValueError, match="expected kinds among csv, html"):
        get("https://127.0.0.1/", expected={"cvs"})
    with pytest.raises(ValueError, match="a moment with its offset"):
        get("https://127.0.0.1/", at=AT.replace(tzinfo=None))
