"""Logs: one line each, nothing that acts on a terminal, and no secret, whatever fails."""

from __future__ import annotations

import io
import json
import logging
import sqlite3
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from riskmon.logs import Lines, Mask, logged, masking
from riskmon.settings import Config
from tests.builders import RISKMON
from tests.liar import Liar, says
from tests.receiver import Receiver
from tests.running import answers, running, wait

log = logging.getLogger("riskmon")


def config(**data: Any) -> Config:
    return Config.model_validate(data)


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., list[str]]]:
    """Return what is logged meanwhile, as lines."""

    def lines(act: Callable[[], object], **data: Any) -> list[str]:
        written = io.StringIO()
        monkeypatch.setattr(sys, "stderr", written)
        # Not those of pytest, too: its processes cannot hand on a lone surrogate.
        monkeypatch.setattr(logging.getLogger(), "handlers", [])
        with logged(config(**data)):
            act()
        return written.getvalue().splitlines()

    yield lines
    left = [getattr(one, "stream", None) for one in logging.getLogger().handlers]
    assert sys.stderr not in left


AS_JSON = {"log": {"format": "json"}}


def test_json_is_an_object_a_line(lines: Any) -> None:
    """Moment, level, message, and the fields that the code knows."""
    fields = {"job": "nightly", "seconds": 1.5, "position": 7, "why": None}
    (line,) = lines(lambda: log.info("%s ends", "nightly", extra={"fields": fields}), **AS_JSON)
    found = json.loads(line)
    assert found.pop("at").endswith("Z")
    assert {"level": "info", "message": "nightly ends", **fields} == found


def test_a_message_of_many_lines_is_one_line_of_json(lines: Any) -> None:
    """And nothing in it acts on a terminal; who reads the JSON has it whole."""
    evil = "one\ntwo\x1b[2J\x9b\u202e\u2028\ud800 百度"
    (line,) = lines(lambda: log.error("%s", evil), **AS_JSON)
    assert line.isascii()
    assert line.isprintable()
    assert evil == json.loads(line)["message"]


def test_text_leaves_nothing_that_acts(lines: Any) -> None:
    """A line each, those that follow indented, so that none can be forged."""
    evil = "one\n2026-01-01T00:00:00Z info forged\r\x1b[2J\u202e 百度"
    found = lines(lambda: log.error("%s", evil, extra={"fields": {"job": "a\nb"}}))
    assert ["error   one job=a\N{REPLACEMENT CHARACTER}b"] == [found[0].partition(" ")[2]]
    assert all(line.startswith("  ") for line in found[1:])
    assert all(line.isprintable() for line in found)
    assert "百度" in found[-1]


@pytest.mark.parametrize("format_", ["json", "text"])
def test_a_traceback_is_not_lost(lines: Any, format_: str) -> None:
    """Inside the JSON, or below the line; masked like the rest."""
    secret = SECRETS["channels"]["desk"]["secret"]

    def fail() -> None:
        try:
            int(secret)
        except ValueError:
            log.exception("a mistake")

    channel = {"desk": {"url": "https://hooks.example.com/riskmon", "secret": secret}}
    found = lines(fail, log={"format": format_}, channels=channel)
    assert (len(found) == 1) == (format_ == "json")
    whole = "\n".join(found)
    assert "Traceback" in whole
    assert "ValueError: invalid literal for int() with base 10: '********'" in whole
    assert secret not in whole


def test_what_no_code_caught_is_logged(lines: Any) -> None:
    """Of a thread, of the process, and what a library warns of."""

    def fail() -> None:
        raise KeyError("mistaken")

    def die() -> None:
        thread = threading.Thread(target=fail, name="one")
        thread.start()
        thread.join()

    (line,) = lines(die, **AS_JSON)
    found = json.loads(line)
    assert "a mistake in riskmon ended the thread one: please report it" == found["message"]
    assert "KeyError: 'mistaken'" in found["traceback"]
    with pytest.raises(SystemExit) as ended:
        lines(fail)
    assert 1 == ended.value.code
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        (line,) = lines(lambda: warnings.warn("it is old", stacklevel=1), **AS_JSON)
    assert "it is old" in json.loads(line)["message"]


def test_other_libraries_speak_from_warnings_on(lines: Any) -> None:
    """By the same form, with their name; at whatever level riskmon speaks."""

    def speak() -> None:
        for name in ("httpx", "urllib3", "apscheduler.scheduler", "sqlalchemy.engine"):
            logging.getLogger(name).info("chatter")
            logging.getLogger(name).warning("from %s", name)
        log.debug("detail")

    found = [json.loads(line) for line in lines(speak, log={"format": "json", "level": "debug"})]
    assert ["httpx", "urllib3", "apscheduler.scheduler", "sqlalchemy.engine", None] == (
        [one.get("logger") for one in found]
    )
    assert ["detail"] == [one["message"] for one in found if one["level"] == "debug"]
    assert [] == lines(lambda: log.info("no"), log={"level": "warning"})


def test_a_mistake_in_a_log_line_loses_nothing() -> None:
    """It is told as it stands."""
    told = logging.makeLogRecord({"msg": "%d and %d", "args": ("one",)})
    assert "%d and %d ('one',)" in Lines(Mask([]), as_json=False).format(told)


SECRETS: dict[str, Any] = {
    "database_url": "postgresql+psycopg://me:p%40ssw0rd@host/x?sslpassword=0ther-pass&host=a",
    "fetch": {"urls": {"ofac-sdn": "https://me:fetchpass@a.example.com/list?token=abcd1234&x=y"}},
    "channels": {
        "desk": {
            "url": "https://hooks.example.com/T0123/B0123456/XyZ123456789?sig=9999-8888",
            "secret": "whsec_c2VjcmV0c2VjcmV0c2VjcmV0",
        },
        "plain": {"url": "https://hooks.example.com/riskmon", "secret": "a plain secret of many"},
        "mail": {"apprise": "mailtos://robot:mailpass@example.com"},
        "slack": {"apprise": "slack://AAAAAAAA1/BBBBBBBB2/CCCCCCCC3"},
    },
}


@pytest.mark.parametrize(
    "secret",
    [
        "p%40ssw0rd",
        "p@ssw0rd",
        "0ther-pass",
        "fetchpass",
        "abcd1234",
        "XyZ123456789",
        "/T0123/B0123456/XyZ123456789"[1:],
        "9999-8888",
        "whsec_c2VjcmV0c2VjcmV0c2VjcmV0",
        "c2VjcmV0c2VjcmV0c2VjcmV0",
        "a plain secret of many",
        "mailpass",
        "AAAAAAAA1",
        "CCCCCCCC3",
        "https://hooks.example.com/riskmon",
    ],
)
def test_each_kind_of_secret_is_masked(secret: str) -> None:
    """As it is written, and as what decodes it has it."""
    mask = masking(Config.model_validate(SECRETS))
    assert "it was ********!" == mask(f"it was {secret}!")


def test_words_are_not_masked() -> None:
    """A log of stars says nothing: what is short or a word stands everywhere."""
    mask = masking(Config.model_validate(SECRETS))
    text = "riskmon: example.com, hooks.example.com, robots, list, host a, postgresql"
    assert text.replace("robot", "********") == mask(text)
    assert "as it is" == Mask(["", "it", "is"])("as it is")


CANARY = "c4n4ry"
"""Stands in every secret."""

CANARIES = """
database_url = "sqlite:///risk.db"
lease = "2s"
[log]
format = "{format}"
level = "debug"
[jobs.lists]
every = "2s"
fetch = ["un-sanctions", "ofac-sdn", "bis-denied-persons"]
[fetch]
insecure = true
[fetch.urls]
un-sanctions = "{refusing}?token={canary}-query"
bis-denied-persons = "{moved}?token={canary}-moved"
ofac-sdn = "http://{canary}-user:{canary}-pass@127.0.0.1:1/list.csv?{canary}-token"
[channels.desk]
url = "http://{canary}-user:{canary}-pass@{receiver}/hook/{canary}-path?key={canary}-query"
secret = "whsec_{canary}{canary}{canary}{canary}"
attempts = 1
[channels.mail]
apprise = "json://{canary}-user:{canary}-pass@127.0.0.1:1/{canary}-path"
timeout = "10s"
attempts = 1
"""


def riskmon(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder."""
    return subprocess.run(
        [RISKMON, *arguments], cwd=folder, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("format_", ["text", "json"])
def test_no_secret_is_told_whatever_fails(tmp_path: Path, format_: str) -> None:
    """Neither logged, printed, served nor stored; and all of it did fail, and says so."""
    folder = tmp_path / "one"
    told = []
    with Liar() as liar, Receiver(fails=1) as receiver:
        # A publisher may repeat what it was sent, and its words or its address are told.
        echo = says(f"no {CANARY}-query".encode(), "403 No")
        liar.url(f"/list.xml?token={CANARY}-query", echo)
        away = says(b"", "302 Found", location=f"ftp://127.0.0.1/{CANARY}-moved")
        liar.url(f"/list.csv?token={CANARY}-moved", away)
        toml = CANARIES.format(
            format=format_,
            canary=CANARY,
            refusing=liar.url("/list.xml"),
            moved=liar.url("/list.csv"),
            receiver=receiver.host,
        )
        with running(folder, toml) as one:
            wait(lambda: answers(one.port, "/healthz") == 200)
            done = riskmon(folder, "alerts", "test")
            assert (1, "0 messages sent, 0 failed, 2 given up\n") == (done.returncode, done.stdout)
            told += [done.stderr]
            assert riskmon(folder, "alerts", "retry").stdout == "2 messages to be sent again\n"
            one.says("un-sanctions: ")
            one.says("ofac-sdn: ")
            one.says("to desk was given up")
            one.says("to mail was given up")
            one.says("companies moved")
            told += [one.ask(page).body.decode() for page in ("/healthz", "/readyz", "/metrics")]
            assert any(f"{CANARY}-query" in heard.target for heard in liar.heard)
            assert any(heard.path == f"/hook/{CANARY}-path" for heard in receiver.heard)
            one.process.terminate()
            assert 0 == one.process.wait(10)
            told += [one.logged(), (folder / "stdout").read_text()]
    for command in (
        ["status"],
        ["runs"],
        ["alerts", "list"],
        ["alerts", "waiting"],
        ["config", "show"],
    ):
        for arguments in (command, [*command, "--json"]):
            done = riskmon(folder, *arguments)
            assert 0 == done.returncode, done.stderr
            told += [done.stdout, done.stderr]
    with closing(sqlite3.connect(folder / "risk.db")) as connection:
        stored = list(connection.iterdump())
    assert "403 " in "\n".join(stored)
    assert "ftp://127.0.0.1/********" in "\n".join(stored)
    assert any("given up" in line for line in told[4].splitlines())
    for text in (*told, *stored):
        assert CANARY not in text


@pytest.mark.parametrize("command", [["run"], ["status"], ["runs"], ["run", "--once", "nightly"]])
def test_no_password_of_a_database_is_told(tmp_path: Path, command: list[str]) -> None:
    """Of a server that refuses, by the configuration and by the option; the refusal is told."""
    url = f"postgresql+psycopg://me:{CANARY}-pass@127.0.0.1:1/x?sslpassword={CANARY}-other"
    (tmp_path / "riskmon.toml").write_text(f'database_url = "{url}"\n')
    for arguments in (command, [*command, "--config", "/dev/null", "--database", url]):
        done = riskmon(tmp_path, *arguments)
        assert "cannot be used" in done.stdout + done.stderr
        assert CANARY not in done.stdout + done.stderr
        assert (3 if command == ["status"] else 1) == done.returncode
