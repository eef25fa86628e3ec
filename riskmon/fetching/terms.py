"""On what terms a document is asked for, and how asking can end."""

from __future__ import annotations

import random
import socket
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import httpx

MOST_TEXT = 200
"""Characters of a server's words that a message repeats."""


def resolved(host: str) -> list[str]:
    """Return the addresses of a host, as the system resolves it; raises OSError."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except UnicodeError:
        raise OSError("no host can have such a name") from None
    return list(dict.fromkeys(str(one[4][0]) for one in found))


@dataclass(frozen=True)
class Terms:
    """What a download may cost, and what it may reach.

    There are no proxies, and none is taken from the environment: a proxy resolves names itself, so
    nothing here could say which address is reached. The authorities are those that httpx trusts
    (certifi's), not those that SSL_CERT_FILE names: whoever sets a variable reads no traffic.
    """

    contact: str = ""
    """Who asks, in the User-Agent: "Example Ltd risk@example.com" (the SEC asks for one)."""
    insecure: bool = False
    """Allow http, any port, and loopback addresses; other private addresses stay closed."""
    internal: bool = False
    """Allow addresses of every kind: for a host that the operator named, not a redirect."""
    authorities: Path | None = None
    """A PEM file of certificate authorities, trusted in place of the usual ones."""
    most_bytes: int = 1 << 30
    """Of a document, on the wire and after decompression."""
    seconds: float = 600
    """For all tries together, waits included."""
    silence: float = 30
    """Seconds without a byte after which a try has failed."""
    tries: int = 4
    sleep: Callable[[float], None] = time.sleep
    jitter: Callable[[], float] = random.random
    """Returns 0 to 1, so that many clients do not come back at the same moment."""
    resolve: Callable[[str], Iterable[str]] = resolved


class Refused(Exception):  # noqa: N818 (not for the user: `fetch` tells it)
    """Asking again cannot help. `advice` says what can."""

    def __init__(self, what: str, advice: str = "") -> None:
        super().__init__(what)
        self.advice = advice


class Failed(Exception):  # noqa: N818 (not for the user: `fetch` tells it)
    """Asking again may help, after `wait` seconds."""

    def __init__(self, what: str, wait: float = 0) -> None:
        super().__init__(what)
        self.wait = wait


class Deadline:
    """The moment when a download has had its time."""

    def __init__(self, seconds: float) -> None:
        self._started = time.monotonic()
        self._seconds = seconds

    def elapsed(self) -> float:
        """Return the seconds since the download began."""
        return time.monotonic() - self._started

    def left(self, most: float = float("inf")) -> float:
        """Return the seconds left, or `most` if that is less; raises Refused when none are."""
        left = self._seconds - self.elapsed()
        if left <= 0:
            raise Refused(
                f"not complete after {self._seconds:g} s, all the time that it had",
                "try again later, or allow more seconds",
            )
        return min(left, most)


def shown(url: httpx.URL | str) -> str:
    """Return what may be shown of a URL: no credentials, no query (both may hold secrets)."""
    try:
        known = httpx.URL(url)
    except (httpx.InvalidURL, TypeError, ValueError):
        return "the URL"
    host = known.raw_host.decode("ascii")
    if not known.scheme or not host:
        return "the URL"
    port = f":{known.port}" if known.port else ""
    path = known.raw_path.decode("ascii").partition("?")[0]
    netloc = f"[{host}]" if ":" in host else host
    return f"{known.scheme}://{netloc}{port}{path}"
