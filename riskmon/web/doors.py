"""Who may ask the page for what: names of hosts, tokens, forgery, sizes, headers.

Everything here is settled before a page is asked for. How slowly a connection may speak is settled
one level below, in `patience`.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from urllib.parse import urlsplit

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from riskmon.checked import is_loopback
from riskmon.settings import Web

MOST_BODY = 1 << 20
MOST_QUERY = 4096
"""Bytes."""
SLOW = 10.0
"""Seconds that a body may take, whole."""
PENANCE = 1.0
"""Seconds that a wrong token waits for its answer."""
MOST_PENITENT = 8
"""That wait at a time; the others are sent away at once."""
METHODS = {"GET", "HEAD", "POST"}

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; "
    "base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Nothing is told to others; under `no-referrer` a browser would hide where our own forms are
    # from, too, and say `Origin: null`.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cache-Control": "private, no-cache",
}

log = logging.getLogger("riskmon")


class Forgery:
    """Tells a form that this page made for this browser from one that somebody else made."""

    def __init__(self) -> None:
        self._secret = secrets.token_bytes(32)

    def token(self, request: Request) -> str:
        """Return the token of the forms on a page; another one each time, so none can be guessed.

        The browser is given a cookie to which it is bound, if it has none yet.
        """
        request.state.cookie_asked = True
        return self._token(request.state.cookie, secrets.token_hex(8))

    def holds(self, request: Request, token: str) -> bool:
        """Whether a token was made here, for the browser that sends it."""
        return hmac.compare_digest(
            self._token(request.state.cookie, token[:16]).encode(), token.encode()
        )

    def _token(self, cookie: str, salt: str) -> str:
        made = hmac.new(self._secret, f"{salt}:{cookie}".encode(), sha256)
        return salt + made.hexdigest()


@dataclass(frozen=True)
class Doors:
    """Who is let in."""

    token: str = ""
    """That everybody needs; none: everybody on this machine is let in."""
    user_header: str = ""
    """In which a proxy says who asks."""
    proxies: frozenset[str] = frozenset({"127.0.0.1", "::1"})
    """Addresses of which that header is believed."""
    names: frozenset[str] = frozenset()
    """Names of this host, beside those of loopback."""

    @classmethod
    def of(cls, web: Web) -> Doors:
        """Return the doors that the configuration describes."""
        return cls(
            token=web.token.get_secret_value() if web.token else "",
            user_header=web.user_header or "",
            proxies=frozenset(web.proxies),
            names=frozenset(name.casefold() for name in web.names),
        )

    def knows(self, host: str) -> bool:
        """Whether a request may call this host so: a page whose name leads here may not."""
        try:
            name = (urlsplit(f"//{host}").hostname or "").rstrip(".").casefold()
        except ValueError:
            return False
        guarded = bool(self.token or self.user_header)
        return is_loopback(name) or name in self.names or (guarded and not self.names)

    def user(self, request: Request) -> str | None:
        """Return who asks, "" for somebody without a name; None for who is not let in."""
        name = self._by_token(request) if self.token else ""
        if name is None or not self.user_header:
            return name
        user = request.headers.get(self.user_header, "").strip()[:200]
        return user if user and self.from_proxy(request) else None

    def _by_token(self, request: Request) -> str | None:
        name, given = _credentials(request.headers.get("authorization", ""))
        same = hmac.compare_digest(
            sha256(given.encode()).digest(), sha256(self.token.encode()).digest()
        )
        return name[:200] if same else None

    def from_proxy(self, request: Request) -> bool:
        """Whether a proxy that is believed asks."""
        return bool(request.client) and request.client.host in self.proxies  # type: ignore[union-attr]  # asked just before

    def is_https(self, request: Request) -> bool:
        """Whether the browser speaks https, to this process or to its proxy."""
        forwarded = request.headers.get("x-forwarded-proto") == "https"
        return request.url.scheme == "https" or (forwarded and self.from_proxy(request))


def _credentials(given: str) -> tuple[str, str]:
    """Return the user's name and the token of an Authorization header; empty for none."""
    scheme, _, rest = given.strip().partition(" ")
    if scheme.lower() == "bearer":
        return "", rest.strip()
    if scheme.lower() != "basic":
        return "", ""
    try:
        name, _, token = base64.b64decode(rest.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return name, token


@dataclass(eq=False)  # whoever passes an exception on sets its traceback, so it cannot be frozen
class Refusal(Exception):  # noqa: N818 (it says what it is)
    """A request that is not answered, and why."""

    status: int
    told: str
    headers: tuple[tuple[str, str], ...] = ()


Refuse = Callable[[Request, Refusal], Response]


class Guard:
    """The middleware: refuses, reads bodies within bounds, adds what every answer has."""

    def __init__(self, app: ASGIApp, *, doors: Doors, refuse: Refuse) -> None:
        self._app = app
        self._doors = doors
        self._refuse = refuse
        self._penitent = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or have it answered."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        request = Request(scope)
        request.state.user = ""
        secure = self._doors.is_https(request)
        cookie = "__Host-riskmon" if secure else "riskmon"
        found = request.cookies.get(cookie, "")
        known = len(found) == 32 and found.isalnum() and found.isascii()  # noqa: PLR2004 (hex of 16 bytes)
        request.state.cookie = found if known else secrets.token_hex(16)
        request.state.cookie_asked = False
        begun = False

        async def told(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                if request.state.cookie_asked and not known:
                    value = f"{cookie}={request.state.cookie}; Path=/; HttpOnly; SameSite=Strict"
                    headers.append("Set-Cookie", value + "; Secure" * secure)
            await send(message)

        try:
            await self._check(request)
            body = await _read(receive) if request.method == "POST" else b""
            await self._app(scope, _given(body, receive), told)
        except Refusal as refusal:
            await self._refuse(request, refusal)(scope, receive, told)
        except Exception:
            number = secrets.token_hex(4)
            log.exception("a mistake in riskmon, number %s: please report it", number)
            if begun:
                raise
            mistake = Refusal(500, f"A mistake in riskmon: its log has it under {number}.")
            await self._refuse(request, mistake)(scope, receive, told)

    async def _check(self, request: Request) -> None:
        if request.method not in METHODS:
            raise Refusal(405, "There is only GET, HEAD and POST.", (("Allow", "GET, HEAD, POST"),))
        if len(request.scope["query_string"]) > MOST_QUERY:
            raise Refusal(414, f"The address is too long: at most {MOST_QUERY:,} bytes of query.")
        if not self._doors.knows(request.headers.get("host", "")):
            told = "Ask by the name localhost, or by one that [web] names in the configuration."
            raise Refusal(403, told)
        user = self._doors.user(request)
        if user is None:
            raise await self._unknown(request)
        request.state.user = user
        if request.method == "POST":
            _check_post(request)

    async def _unknown(self, request: Request) -> Refusal:
        """Return what whoever is not let in is told, late where a token was tried."""
        if self._doors.token and "authorization" in request.headers:
            if self._penitent >= MOST_PENITENT:
                told = "Too many wrong tokens at once: wait a second."
                return Refusal(429, told, (("Retry-After", "1"),))
            self._penitent += 1
            try:
                await asyncio.sleep(PENANCE)
            finally:
                self._penitent -= 1
        if self._doors.user_header:
            return Refusal(401, "Ask by the proxy in front of this page.")
        asked = (
            ("WWW-Authenticate", 'Basic realm="riskmon", charset="UTF-8"'),
            ("WWW-Authenticate", 'Bearer realm="riskmon"'),
        )
        return Refusal(401, "Give the token as the password, with any user name.", asked)


def _check_post(request: Request) -> None:
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    here = request.headers.get("host", "")
    if site is not None and site != "same-origin":
        raise Refusal(403, "This was sent by another page: open the form here, and send it again.")
    if site is None and origin is not None and urlsplit(origin).netloc != here:
        raise Refusal(403, "This was sent by another page: open the form here, and send it again.")
    length = request.headers.get("content-length", "0")
    if not length.isdecimal() or len(length) > 9 or int(length) > MOST_BODY:  # noqa: PLR2004
        raise _too_much()


def _too_much() -> Refusal:
    return Refusal(413, "At most 1 MB can be sent.", (("Connection", "close"),))


async def _read(receive: Receive) -> bytes:
    """Return a whole body, of at most a megabyte, that comes in time."""
    body = bytearray()
    try:
        async with asyncio.timeout(SLOW):
            while True:
                message = await receive()
                body += message.get("body", b"")
                if len(body) > MOST_BODY:
                    raise _too_much()
                if not message.get("more_body"):
                    return bytes(body)
    except TimeoutError:
        told = f"What was sent took more than {SLOW:g} seconds."
        raise Refusal(408, told, (("Connection", "close"),)) from None


def _given(body: bytes, receive: Receive) -> Receive:
    """Return what gives a body that was read, and then what comes after it."""
    given = False

    async def again() -> Message:
        nonlocal given
        if not given:
            given = True
            return {"type": "http.request", "body": body, "more_body": False}
        return await receive()

    return again
