"""Channels: where messages go, and what each kind needs to send one."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
from typing import NamedTuple

LEAST_SECRET = 16
"""Bytes; fewer can be guessed."""


@dataclass(frozen=True, slots=True)
class Channel:
    """Where messages go: to a webhook by `url`, or through Apprise.

    Its address and its secret are kept out of its repr, and out of every error.
    """

    name: str
    url: str | None = field(default=None, repr=False)
    secret: str | None = field(default=None, repr=False)
    """Signs what goes to a webhook; see `signing_key`."""
    apprise: str | None = field(default=None, repr=False)
    """One address as Apprise writes them."""
    timeout: float = 10.0
    """Seconds for an attempt, whole."""
    retry: float = 30.0
    """Seconds before the second attempt; they double from attempt to attempt, up to an hour."""
    attempts: int = 12
    """After so many a message is given up."""


class Failure(NamedTuple):
    """Why a message was not sent, in words that hold no address and no secret."""

    error: str
    wait: float = 0.0
    """Seconds that the receiver asks to wait."""
    final: bool = False
    """The receiver wants it never again."""


def signing_key(secret: str) -> bytes:
    """Return the bytes of a secret: base64 after `whsec_`, else its own UTF-8.

    Raises ValueError, which does not repeat it.
    """
    if secret.startswith("whsec_"):
        encoded = secret.removeprefix("whsec_").rstrip("=")
        try:
            key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
        except (binascii.Error, ValueError):
            raise ValueError("expected base64 after whsec_") from None
    else:
        key = secret.encode()
    if len(key) < LEAST_SECRET:
        raise ValueError(
            f"expected a secret of at least {LEAST_SECRET} bytes, got {len(key)}: make one by "
            "`openssl rand -base64 32`, and write whsec_ before it"
        )
    return key
