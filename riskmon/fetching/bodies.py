"""What came: decompressed within bounds, and of a kind that was promised."""

from __future__ import annotations

import re
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping

from riskmon.fetching.terms import MOST_TEXT, Failed, Refused

PIECE = 256 * 1024
"""Bytes that decompression yields at a time, however small what they came from."""
HEAD = 1024
"""Bytes from the beginning of a document by which its kind is known."""

KINDS: Mapping[str, frozenset[str]] = {
    "csv": frozenset({"text"}),
    "html": frozenset({"html", "text", "xml"}),
    "json": frozenset({"json"}),
    "text": frozenset({"json", "text", "xml"}),
    "xml": frozenset({"xml"}),
    "zip": frozenset({"zip"}),
}
"""What a caller can expect, and how it looks."""

HTML_TYPES = frozenset({"text/html", "application/xhtml+xml"})
BEFORE_HTML = r"(?:\s+|<\?xml.{,200}?\?>|<!--.{,600}?-->)*+"  # never tried twice: no blow-up
HTML = re.compile(BEFORE_HTML + r"<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE | re.DOTALL)
UTF_16 = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}


def looks(head: bytes) -> str:
    """Return what a document looks like by its first bytes: html, xml, json, zip, text, binary."""
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return "zip"
    encoding = UTF_16.get(head[:2])
    if encoding is None and (b"\0" in head or head.startswith((b"\x1f\x8b", b"%PDF-"))):
        return "binary"
    text = head.decode(encoding or "utf-8-sig", "replace").lstrip("\ufeff \t\r\n")
    if HTML.match(text):
        return "html"
    return {"<": "xml", "{": "json", "[": "json"}.get(text[:1], "text")


def check_kind(head: bytes, content_type: str | None, expected: Collection[str]) -> None:
    """Raise Refused for a document of another kind than those expected (none: any but HTML).

    A server lies in both directions, so a type of HTML is enough to refuse, and first bytes of HTML
    are too; about the rest the bytes decide, since CSV comes as octet-stream, text and Excel alike.
    """
    found = looks(head)
    named = (content_type or "").partition(";")[0].strip().lower()
    wanted = " or ".join(sorted(expected)) or "data"
    advice = "open the URL in a browser: it may be a page about an error, a login or a move"
    if "html" not in expected and (found == "html" or named in HTML_TYPES):
        what = f"its first bytes look like {found}, its type is {named[:MOST_TEXT] or 'not given'}"
        raise Refused(f"expected {wanted}, not a page of HTML: {what}", advice)
    if expected and not any(found in KINDS[kind] for kind in expected):
        what = f"its type is {named[:MOST_TEXT] or 'not given'}"
        raise Refused(f"expected {wanted}, its first bytes look like {found}; {what}", advice)


def decoded(chunks: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """Yield a body without its Content-Encoding: gzip and identity, no other was asked for."""
    if encoding.strip().lower() in {"", "identity"}:
        return iter(chunks)
    if encoding.strip().lower() in {"gzip", "x-gzip"}:
        return _inflated(chunks)
    what = f"Content-Encoding is {encoding[:MOST_TEXT]}, gzip or identity was asked for"
    raise Refused(what, "ask the publisher for a plain download")


def _inflated(chunks: Iterable[bytes]) -> Iterator[bytes]:
    engine = None
    for chunk in chunks:
        data = chunk
        while data:
            if engine is None or engine.eof:  # RFC 1952 2.2: members follow one another
                engine = zlib.decompressobj(zlib.MAX_WBITS | 16)
            yield from _member(engine, data)
            data = engine.unused_data
    if engine and not engine.eof:
        raise Failed("the gzip ends too early")


def _member(engine: zlib._Decompress, data: bytes) -> Iterator[bytes]:
    """Yield what data inflates to; what follows the member stays in `engine.unused_data`."""
    try:
        while data and not engine.eof:
            piece = engine.decompress(data, PIECE)
            data = engine.unconsumed_tail
            if piece:
                yield piece
    except zlib.error:
        raise Failed("the gzip is broken") from None


def bounded(pieces: Iterable[bytes], most: int) -> Iterator[bytes]:
    """Yield pieces as long as they are `most` bytes together; raises Refused beyond."""
    size = 0
    for piece in pieces:
        size += len(piece)
        if size > most:
            raise Refused(f"more than {most} bytes", "allow more bytes if it is meant to be so big")
        yield piece


def kept_to(
    pieces: Iterable[bytes], content_type: str | None, expected: Collection[str]
) -> Iterator[bytes]:
    """Yield pieces of a document that is of an expected kind and not empty; raises Refused."""
    head = b""
    unseen = True
    for piece in pieces:
        if unseen:
            head += piece[:HEAD]
            if len(head) >= HEAD:
                check_kind(head, content_type, expected)
                unseen = False
        yield piece
    if not head:
        raise Refused("0 bytes came", "try again later: the publisher may be at work on it")
    if unseen:
        check_kind(head, content_type, expected)
