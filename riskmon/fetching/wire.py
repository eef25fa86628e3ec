"""One request over one connection, to the very address that was checked.

h11 speaks HTTP; the socket is ours, for what no client offers: each read ends by the deadline of
the whole download (a client's timeout is per read, so a byte every few seconds lasts for ever), the
address that was checked is the one connected to, and no URL is logged (httpx logs them whole).
"""

from __future__ import annotations

import ipaddress
import queue
import re
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import NamedTuple

import h11
import httpx

from riskmon.fetching.terms import MOST_TEXT, Deadline, Failed, Refused, Terms

MOST_HEADERS = 64 * 1024
"""Bytes before the body, interim answers (1xx) included."""
SLACK = 1 << 20
"""Bytes on the wire beyond those of the document: headers, and the frames of chunks."""
MOST_ADDRESSES = 8
CONNECT_SECONDS = 10.0
READ = 64 * 1024

GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")
NAT64 = ipaddress.ip_network("64:ff9b::/96")
NOT_PUBLIC = [
    ipaddress.ip_network(one)
    for one in ("192.0.0.0/24", "192.88.99.0/24", "2001::/32", "2002::/16", "3fff::/20")
]
"""What `is_global` of some Python lets through: special purposes, and tunnels to any IPv4."""


class Answer(NamedTuple):
    """A response whose body is still on its way."""

    status: int
    headers: Mapping[str, str]
    """By name in lower case; of several with one name, all, joined by commas."""
    body: Iterator[bytes]
    """As sent, still encoded; raises Failed and Refused."""


def is_public(address: str, *, loopback: bool = False) -> bool:
    """Say whether an address is of the public internet, or of this machine if `loopback`."""
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return False
    if loopback and known.is_loopback:
        return True
    if isinstance(known, ipaddress.IPv6Address) and known in NAT64:
        known = ipaddress.IPv4Address(int(known) & 0xFFFFFFFF)
    if known.version == 6 and known not in GLOBAL_UNICAST:  # noqa: PLR2004 (the protocol's name)
        return False
    special = known.is_multicast or known.is_reserved or not known.is_global
    return not special and not any(known in one for one in NOT_PUBLIC)


def addresses(host: str, terms: Terms, deadline: Deadline) -> list[str]:
    """Return the addresses of a host, all of them public; raises Failed and Refused.

    One private address among public ones refuses the host: an honest name has none.
    """
    answers: queue.SimpleQueue[list[str] | OSError] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answers.put(list(terms.resolve(host)))
        except OSError as error:
            answers.put(error)

    # The system's resolver takes no timeout, so a thread waits for it.
    threading.Thread(target=ask, daemon=True).start()
    try:
        found = answers.get(timeout=deadline.left(terms.silence))
    except queue.Empty:
        raise Failed(f"the name {host} was not resolved in time") from None
    if isinstance(found, OSError) or not found:
        reason = found.strerror or found if isinstance(found, OSError) else "no address"
        raise Failed(f"the name {host} cannot be resolved: {reason}")
    for address in found:
        if not terms.internal and not is_public(address, loopback=terms.insecure):
            advice = "only public addresses are fetched from; check the name and who answers for it"
            raise Refused(f"{host} is at {address}, which is not a public address", advice)
    return found[:MOST_ADDRESSES]


def connected(host: str, port: int, terms: Terms, deadline: Deadline) -> socket.socket:
    """Return a connection to the first address of a host that takes one."""
    reason: object = ""
    for address in addresses(host, terms, deadline):
        try:
            return socket.create_connection((address, port), deadline.left(CONNECT_SECONDS))
        except TimeoutError:
            reason = "no answer in time"
        except OSError as error:
            reason = error.strerror or error
    raise Failed(f"no connection to {host}: {reason}")


def secured(plain: socket.socket, host: str, context: ssl.SSLContext) -> socket.socket:
    """Return the connection in TLS, its certificate checked against the name of the host."""
    try:
        # A body without a length ends where the connection does: only a proper end of TLS tells
        # that from a cut.
        return context.wrap_socket(plain, server_hostname=host, suppress_ragged_eofs=False)
    except ssl.SSLCertVerificationError as error:
        raise Refused(
            f"the certificate of {host} is not trusted: {error.verify_message}",
            "do not go on unless you know why; authorities of your own can be named",
        ) from None
    except TimeoutError:
        raise Failed("TLS: no answer in time") from None
    except (OSError, ValueError) as error:
        raise Failed(f"TLS: {getattr(error, 'reason', None) or 'the connection broke'}") from None


class _Exchange:
    """HTTP over a connection, within a deadline and a number of bytes."""

    def __init__(self, line: socket.socket, terms: Terms, deadline: Deadline) -> None:
        self._line, self._terms, self._deadline = line, terms, deadline
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=MOST_HEADERS)
        self._most = MOST_HEADERS
        self._received = 0

    def ask(self, target: bytes, headers: Mapping[str, str], body: bytes | None) -> None:
        method = "GET" if body is None else "POST"
        try:
            request = h11.Request(method=method, target=target, headers=list(headers.items()))
        except h11.LocalProtocolError:
            raise Refused("no request can ask for this URL", "see how it is written") from None
        sent = self._http.send(request) or b""
        if body is not None:
            sent += self._http.send(h11.Data(body)) or b""
        self._http.send(h11.EndOfMessage())
        self._line.settimeout(self._deadline.left(self._terms.silence))
        try:
            self._line.sendall(sent)
        except OSError:
            raise Failed("the connection broke before the request was sent") from None

    def _read(self) -> bytes:
        if self._received > self._most:
            advice = "look at what the URL leads to" if self._most == MOST_HEADERS else ""
            what = "of headers" if self._most == MOST_HEADERS else "on the wire"
            raise Refused(f"more than {self._most} bytes {what}", advice or "allow more bytes")
        self._line.settimeout(self._deadline.left(self._terms.silence))
        try:
            data = self._line.recv(READ)
        except TimeoutError:
            self._deadline.left()
            raise Failed(f"not a byte in {self._terms.silence:g} s") from None
        except OSError:
            raise Failed(f"cut off after {self._received} bytes") from None
        self._received += len(data)
        return data

    def _events(self) -> Iterator[h11.Event]:
        while True:
            try:
                event = self._http.next_event()
            except h11.RemoteProtocolError as error:
                raise self._broken(error) from None
            if isinstance(event, h11.Event):
                yield event
            elif event is h11.NEED_DATA:
                self._http.receive_data(self._read())
            else:
                return

    def _broken(self, error: h11.RemoteProtocolError) -> Exception:
        """Say it in words of our own: the server's could repeat what was asked."""
        if error.error_status_hint == 431:  # noqa: PLR2004 (h11's for headers without end)
            return Refused(
                f"more than {MOST_HEADERS} bytes of headers", "look at what the URL leads to"
            )
        if self._http.trailing_data[1]:
            return Failed(f"cut off after {self._received} bytes")
        return Failed("what came is not HTTP/1.1")

    def answer(self) -> Answer:
        for event in self._events():
            if isinstance(event, h11.Response):
                headers: dict[str, str] = {}
                for name, value in event.headers:
                    known, text = name.decode("ascii"), value.decode("latin-1")
                    headers[known] = f"{headers[known]}, {text}" if known in headers else text
                self._most = self._terms.most_bytes + SLACK
                return Answer(event.status_code, headers, self._body())
        raise Failed("the connection was closed without an answer")

    def _body(self) -> Iterator[bytes]:
        for event in self._events():
            if isinstance(event, h11.Data):
                yield bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                return


@contextmanager
def asked(
    url: httpx.URL,
    headers: Mapping[str, str],
    terms: Terms,
    deadline: Deadline,
    body: bytes | None = None,
) -> Iterator[Answer]:
    """Yield the answer of the host of a URL to GET, with a body to POST; raises Failed, Refused."""
    host = url.raw_host.decode("ascii")
    encrypted = url.scheme == "https"
    with connected(host, url.port or (443 if encrypted else 80), terms, deadline) as plain:
        plain.settimeout(deadline.left(terms.silence))
        line = secured(plain, host, trusted(terms)) if encrypted else plain
        with line:
            exchange = _Exchange(line, terms, deadline)
            if body is not None:
                headers = {"Content-Length": str(len(body)), **headers}
            exchange.ask(url.raw_path, {"Host": url.netloc.decode("ascii"), **headers}, body)
            yield exchange.answer()


def retry_after(headers: Mapping[str, str], now: datetime) -> float:
    """Return the seconds that a server asks to wait; 0 if it asks for none.

    A date is held against the server's own, if it gives it: the clocks need not agree.
    """
    value = headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]{1,9}", value):
        return float(value)
    try:
        until = parsedate_to_datetime(value)
        since = parsedate_to_datetime(headers.get("date", format_datetime(now)))
        return max(0.0, (until - since).total_seconds())
    except (ValueError, TypeError, OverflowError):
        return 0


def trusted(terms: Terms) -> ssl.SSLContext:
    """Return what certificates are checked by: it can be narrowed, never turned off."""
    if terms.authorities is None:
        return httpx.create_ssl_context(trust_env=False)
    try:
        return ssl.create_default_context(cafile=terms.authorities)
    except (OSError, ValueError) as error:
        reason = str(getattr(error, "reason", "") or error.__class__.__name__)[:MOST_TEXT]
        advice = "name a PEM file of certificates"
        raise Refused(f"{terms.authorities} cannot be read: {reason}", advice) from None
