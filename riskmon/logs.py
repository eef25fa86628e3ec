"""What a process that runs for a year says of itself: a line each, without a secret in it.

Code that knows more than its sentence says gives `extra={"fields": {"job": ..., "seconds": ...}}`.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import threading
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from types import TracebackType
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from riskmon.errors import safe
from riskmon.forms import utc_text
from riskmon.settings import Config
from riskmon.validation import MASK, TELLING

LEAST_SECRET = 4
"""Characters: what is shorter stands everywhere."""
LIKE_A_TOKEN = re.compile(r"(?=.*\d).{8,}|.{16,}", re.DOTALL)
"""A part of a path that is no word."""

log = logging.getLogger("riskmon")


class Mask:
    """Replaces every secret of a configuration, in whatever text it stands."""

    def __init__(self, secrets: Iterable[str]) -> None:
        forms = {form for one in secrets for form in (one, unquote(one), quote(one, safe=""))}
        known = sorted((one for one in forms if len(one) >= LEAST_SECRET), key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, known))) if known else None

    def __call__(self, text: str) -> str:
        """Return the text without them."""
        return self._pattern.sub(MASK, text) if self._pattern else text


def masking(config: Config, database: str = "") -> Mask:
    """Return what masks the secrets of a configuration, and of another database's URL."""
    return Mask([*_secrets(config), *_asking(database, every=False)])


def _secrets(config: Config) -> Iterator[str]:
    if config.database_url is not None:
        yield from _asking(config.database_url.get_secret_value(), every=False)
    if config.web.token is not None:
        yield config.web.token.get_secret_value()
    for address in config.fetch.urls.values():
        yield from _asking(address.get_secret_value())
    for channel in config.channels.values():
        if channel.secret is not None:
            yield channel.secret.get_secret_value()
            yield channel.secret.get_secret_value().removeprefix("whsec_")
        for secret in filter(None, (channel.url, channel.apprise)):
            whole = secret.get_secret_value()
            yield whole
            yield whole.partition("://")[2]
            yield from _asking(whole)
            yield from _tokens(whole)


def _asking(url: str, *, every: bool = True) -> Iterator[str]:
    """Yield what a URL says of who asks: user and password, and what its query holds."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return
    user, _, password = parts.netloc.rpartition("@")[0].partition(":")
    yield password
    if every:
        yield user
    for pair in parts.query.split("&"):
        name, _, value = pair.partition("=")
        if every or TELLING.search(name):
            yield value or name


def _tokens(url: str) -> Iterator[str]:
    """Yield the parts of an address that are secrets by their look: its path names a receiver."""
    _, _, where = url.partition("://")
    for part in re.split(r"[/?&@:]", where):
        if LIKE_A_TOKEN.fullmatch(part) and "." not in part:
            yield part
    path = where.partition("?")[0].partition("/")[2]
    if LIKE_A_TOKEN.search(path):
        yield path


class Lines(logging.Formatter):
    """Log entries as lines: what of them could act on a terminal, or is a secret, is replaced."""

    def __init__(self, mask: Mask, *, as_json: bool) -> None:
        super().__init__()
        self._mask = mask
        self._as_json = as_json

    def format(self, told: logging.LogRecord, /) -> str:
        """Return an entry as a line of JSON; as text a traceback follows, indented."""
        try:
            message = told.getMessage()
        except (TypeError, ValueError):  # a line that is not lost for a mistake in it
            message = f"{told.msg} {told.args}"
        found = {
            "at": utc_text(datetime.fromtimestamp(told.created, UTC)),
            "level": told.levelname.lower(),
            "message": self._mask(message),
        }
        if told.name != log.name:
            found["logger"] = told.name
        fields = getattr(told, "fields", {})
        found |= {name: self._plain(value) for name, value in fields.items()}
        if told.exc_info and told.exc_info[0] is not None:
            trace = "".join(traceback.format_exception(*told.exc_info))
            found["traceback"] = self._mask(trace)
        return json.dumps(found) if self._as_json else _text(found)

    def _plain(self, value: Any) -> Any:
        plain = isinstance(value, bool | int | float) or value is None
        return value if plain else self._mask(str(value))


def _text(found: dict[str, Any]) -> str:
    said = {"at", "level", "message", "traceback"}
    fields = "".join(f" {name}={value}" for name, value in found.items() if name not in said)
    first, *more = str(found["message"]).splitlines() or [""]
    more += str(found.get("traceback", "")).splitlines()
    at = f"{found['at'][:19]}Z"
    lines = [f"{at} {found['level']:<7} {first}{fields}", *(f"  {line}" for line in more)]
    return "\n".join(map(safe, lines))


@contextmanager
def logged(config: Config, database: str = "") -> Iterator[None]:
    """Have everything that is logged go to standard error meanwhile, as the configuration says.

    What other libraries log, from warnings on; what no code caught, with its traceback.
    `database`: its URL, where that is not the configuration's.
    """
    to = logging.StreamHandler(sys.stderr)
    to.setFormatter(Lines(masking(config, database), as_json=config.log.format == "json"))
    root = logging.getLogger()
    before = (log.handlers, log.propagate, threading.excepthook)
    levels = (root.level, log.level)
    root.addHandler(to)
    root.setLevel(logging.WARNING)
    log.setLevel(config.log.level.upper())
    log.handlers, log.propagate = [], True
    threading.excepthook = _uncaught
    logging.captureWarnings(True)  # noqa: FBT003 (as it is declared)
    try:
        yield
    except (KeyboardInterrupt, SystemExit):
        raise
    except Exception:
        log.exception("a mistake in riskmon ended it: please report it")
        raise SystemExit(1) from None
    finally:
        logging.captureWarnings(False)  # noqa: FBT003
        root.removeHandler(to)
        root.setLevel(levels[0])
        log.setLevel(levels[1])
        log.handlers, log.propagate, threading.excepthook = before


def _uncaught(found: threading.ExceptHookArgs, /) -> None:
    kind, error, trace = found.exc_type, found.exc_value, found.exc_traceback
    if kind is not SystemExit:
        told: tuple[type[BaseException], BaseException, TracebackType | None]
        told = (kind, error or kind(), trace)
        name = found.thread.name if found.thread else "?"
        log.error("a mistake in riskmon ended the thread %s: please report it", name, exc_info=told)
