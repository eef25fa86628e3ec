"""Delivery: each message arrives, signed, and no receiver however bad keeps the others waiting."""

from __future__ import annotations

import base64
import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from email.utils import format_datetime
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from standardwebhooks import Webhook

from riskmon import delivery
from riskmon.channels import Channel, apprised, signing_key
from riskmon.database import connect, writing
from riskmon.delivery import Delivered, check, deliver
from riskmon.errors import MissingExtraError
from riskmon.forms import moment
from riskmon.monitor import utc_now
from riskmon.outbox import Message, Outbox, put
from tests.builders import Clock
from tests.receiver import DRIP, Heard, Receiver
from tests.workers import PATIENCE, begun, wait_for

SECRET = "whsec_" + base64.b64encode(b"a key of twenty-four by.").decode()
EARLY = moment("2024-01-01")
PATIENT: dict[str, Any] = {"timeout": 20.0, "retry": 0.05}
"""For receivers that do not hang: a machine that is busy fails no test."""


def message(key: str, channel: str = "desk") -> Message:
    """Return a message that was due long ago."""
    told = {"id": key, "kind": "alert", "title": f"百度: {key}", "text": "high\n  78.0"}
    return Message(key, channel, json.dumps(told, ensure_ascii=False), EARLY, EARLY)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[sa.Engine]:
    opened = connect(f"sqlite:///{tmp_path / 'risk.db'}")
    yield opened
    opened.dispose()


@pytest.fixture
def outbox(engine: sa.Engine) -> Outbox:
    return Outbox(engine)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as opened:
        yield opened


def hold(engine: sa.Engine, *messages: Message) -> None:
    """Put messages into the outbox."""
    with writing(engine) as connection:
        put(connection, messages)


def until_told(outbox: Outbox, channels: list[Channel]) -> None:
    """Deliver again and again, until nothing waits."""
    while outbox.standing().waiting:
        deliver(outbox, channels, utc_now)
        time.sleep(0.01)


def ok(*more: bytes) -> bytes:
    return b"\r\n".join([b"HTTP/1.1 200 OK", *more, b"", b""])


def says(status: int, **headers: str) -> bytes:
    """Return an answer without a body."""
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([f"HTTP/1.1 {status} Some", "Content-Length: 0", *lines, "", ""]).encode()


@pytest.mark.parametrize("secret", [SECRET, SECRET.rstrip("="), "a secret of our own"])
def test_a_webhook_is_signed_as_receivers_check_it(
    engine: sa.Engine, outbox: Outbox, receiver: Receiver, secret: str
) -> None:
    """By Standard Webhooks' own library; the body is the outbox's, byte for byte."""
    hold(engine, message("a"))
    channel = Channel("desk", receiver.url("/hook?x=1"), secret, **PATIENT)
    assert Delivered(sent=1) == deliver(outbox, [channel], utc_now)
    (heard,) = receiver.heard
    key = secret if secret.startswith("whsec_") else secret.encode()
    assert json.loads(message("a").body) == Webhook(key).verify(heard.body, dict(heard.headers))
    assert message("a").body.encode() == heard.body
    assert ("a", "application/json") == (
        heard.headers["idempotency-key"],
        heard.headers["content-type"],
    )


def test_without_a_secret_nothing_is_signed(
    engine: sa.Engine, outbox: Outbox, receiver: Receiver
) -> None:
    """The key is there all the same; user and password of the URL go as such."""
    hold(engine, message("a"))
    url = receiver.url("/hook").replace("://", "://us%40er:pass@")
    assert Delivered(sent=1) == deliver(outbox, [Channel("desk", url, **PATIENT)], utc_now)
    headers = receiver.heard[0].headers
    assert "webhook-signature" not in headers
    assert ["a", "Basic " + base64.b64encode(b"us@er:pass").decode(), receiver.host] == [
        headers[name] for name in ("webhook-id", "authorization", "host")
    ]


def test_secrets_are_nowhere_but_in_the_request(
    engine: sa.Engine,
    outbox: Outbox,
    receiver: Receiver,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Not in the log of any library, nor printed, nor in the database, nor in what is shown.

    However an attempt fails: a canary is in each part of each address, in the secret, and in what
    the receiver answers.
    """
    caplog.set_level(logging.DEBUG, logger="")
    with Receiver() as other:
        gone = other.host
    answers = [
        says(302, location="https://canary.example/canary"),
        says(500, x_canary="canary"),
        b"HTTP/1.1 canary\r\n\r\n",
        b"hung",
    ]
    hosts = [receiver.host] * len(answers) + [gone, "no such host", f"{receiver.host}0000"]
    for number, answer in enumerate(answers):
        receiver.url(f"/{number}/canary", answer)
    addresses = [
        f"://canary:canary@{host}/{number}/canary?canary=canary"
        for number, host in enumerate(hosts)
    ]
    channels = [
        Channel(f"{n}", f"http{one}", "whsec_canary" + "canary+/" * 4, timeout=0.5, retry=600)
        for n, one in enumerate(addresses)
    ]
    letters = [
        Channel(f"apprise {n}", apprise=one, timeout=10, retry=600)
        for n, one in enumerate(
            [f"json{addresses[1]}", f"json{addresses[4]}", "nonsense://canary/canary", "canary"]
        )
    ]
    channels += letters
    hold(engine, *(message(one.name, one.name) for one in channels))
    assert Delivered(failed=len(channels)) == deliver(outbox, channels, utc_now)
    assert all(one.error for one in outbox.messages("waiting"))
    shown = [repr(channels), caplog.text, *capfd.readouterr()]
    shown += [file.read_bytes().decode("latin-1") for file in tmp_path.glob("risk.db*")]
    assert [] == [text for text in shown if "canary" in text]


@pytest.mark.parametrize("secret", ["whsec_no base64", "whsec_" + "QUJD" * 5, "too short"])
def test_a_secret_that_protects_nothing_is_refused(secret: str) -> None:
    """By words that do not repeat it."""
    with pytest.raises(
        ValueError, match=r"^expected (base64 after whsec_|a secret of at least 16)"
    ) as refused:
        signing_key(secret)
    assert secret not in str(refused.value)


@pytest.mark.parametrize("status", [200, 202, 204, 299])
def test_a_receiver_takes_a_message_by_any_2xx(
    engine: sa.Engine, outbox: Outbox, receiver: Receiver, status: int
) -> None:
    """It is sent, and not sent again."""
    hold(engine, message("a"))
    channel = Channel("desk", receiver.url("/hook", says(status)), **PATIENT)
    assert [Delivered(sent=1), Delivered()] == [
        deliver(outbox, [channel], utc_now) for _ in range(2)
    ]
    assert ["a"] == [one.key for one in outbox.messages("sent")]


@pytest.mark.parametrize("status", [301, 307, 400, 401, 404, 408, 409, 425, 429, 500, 503, 599])
def test_another_status_is_tried_again(
    engine: sa.Engine, outbox: Outbox, receiver: Receiver, status: int
) -> None:
    """Redirects, which are not followed, and mistakes of a configuration that somebody mends."""
    hold(engine, message("a"))
    answer = says(status, location="/elsewhere")
    channel = Channel("desk", receiver.url("/hook", answer), timeout=20, retry=600)
    assert Delivered(failed=1) == deliver(outbox, [channel], utc_now)
    (waits,) = outbox.messages("waiting")
    assert str(waits.error).startswith(f"127.0.0.1: {status} ")
    assert ["/hook"] == [one.path for one in receiver.heard]


def test_a_receiver_that_wants_no_more_gets_no_more(
    engine: sa.Engine, outbox: Outbox, receiver: Receiver
) -> None:
    """410 Gone is for ever."""
    hold(engine, message("a"))
    channel = Channel("desk", receiver.url("/hook", says(410)), **PATIENT)
    assert Delivered(dead=1) == deliver(outbox, [channel], utc_now)
    assert ["127.0.0.1: 410 Gone"] == [one.error for one in outbox.messages("dead")]


SOON = "in half an hour"


@pytest.mark.parametrize(
    ("asked", "least", "most"),
    [("1200", 1200, 1200), ("86400", 3600, 3600), (SOON, 1800, 1800), ("soon", 5, 10)],
)
def test_a_receiver_is_given_the_time_that_it_asks_for(
    engine: sa.Engine,
    outbox: Outbox,
    receiver: Receiver,
    clock: Clock,
    asked: str,
    least: float,
    most: float,
) -> None:
    """Up to an hour; else the pause is half of what was set at least."""
    hold(engine, message("a"))
    when = format_datetime(clock() + timedelta(minutes=30), usegmt=True)
    answer = says(503, retry_after=when if asked is SOON else asked)
    deliver(outbox, [Channel("desk", receiver.url("/", answer), timeout=20, retry=10)], clock)
    (waits,) = outbox.messages("waiting")
    assert least <= (waits.due_at - clock()).total_seconds() <= most


def test_pauses_double_until_the_message_is_given_up(
    engine: sa.Engine, outbox: Outbox, receiver: Receiver, clock: Clock
) -> None:
    """Up to an hour; at the last attempt it is dead, and says why."""
    hold(engine, message("a"))
    channel = Channel("desk", receiver.url("/", says(500)), timeout=20, retry=600, attempts=5)
    pauses = []
    for _ in range(4):
        assert Delivered(failed=1) == deliver(outbox, [channel], clock)
        (waits,) = outbox.messages("waiting")
        pauses.append((waits.due_at - clock()).total_seconds())
        assert Delivered() == deliver(outbox, [channel], clock)
        clock.now = waits.due_at
    wholes = [600, 1200, 2400, 3600]
    assert all(n / 2 <= pause <= n for n, pause in zip(wholes, pauses, strict=True))
    assert Delivered(dead=1) == deliver(outbox, [channel], clock)
    (dead,) = outbox.messages("dead")
    assert (5, "127.0.0.1: 500 Internal Server Error") == (dead.attempts, dead.error)


def test_a_message_to_a_channel_that_is_no_more_is_given_up(
    engine: sa.Engine, outbox: Outbox, caplog: pytest.LogCaptureFixture
) -> None:
    """And it is said."""
    hold(engine, message("a", "old"))
    assert Delivered(dead=1) == deliver(outbox, [], utc_now)
    assert ["1 messages were given up: their channel is not configured"] == caplog.messages


BAD = {
    "says nothing": (b"hung", "no answer within 0.3 s"),
    "drips its headers": (b"dripped", "no answer within 0.3 s"),
    "speaks no HTTP": (b"SSH-2.0-OpenSSH_9.9\r\n\r\n", "what came is not HTTP/1.1"),
    "ends too early": (b"HTTP/1.1 200", "cut off after 12 bytes"),
    "has no end of headers": (
        b"HTTP/1.1 200 OK\r\n" + b"X-A: " + b"a" * 200_000,
        "more than 65536 bytes of headers",
    ),
}


@pytest.mark.parametrize("bad", BAD)
def test_a_bad_receiver_fails_within_its_time(
    engine: sa.Engine, outbox: Outbox, receiver: Receiver, bad: str
) -> None:
    """The message waits for the next attempt, and says what happened."""
    hold(engine, message("a"))
    answer, reason = BAD[bad]
    channel = Channel("desk", receiver.url("/", answer), timeout=0.3, retry=600)
    assert Delivered(failed=1) == deliver(outbox, [channel], utc_now)
    (waits,) = outbox.messages("waiting")
    assert reason in str(waits.error)


@pytest.mark.parametrize(
    "body",
    [ok(b"Content-Length: 9999999") + DRIP + b"a" * 9999, ok() + b"a" * 10_000_000],
    ids=["dripping", "huge"],
)
def test_what_was_taken_is_sent_however_long_the_answer(
    engine: sa.Engine, outbox: Outbox, receiver: Receiver, body: bytes
) -> None:
    """The status decides; no more than 64 KB are read after it, and none after the timeout."""
    hold(engine, message("a"))
    channel = Channel("desk", receiver.url("/", body), timeout=1.0)
    assert Delivered(sent=1) == deliver(outbox, [channel], utc_now)
    wait_for(lambda: ["a"] == receiver.cut)


def test_nobody_there_is_an_error_like_others(engine: sa.Engine, outbox: Outbox) -> None:
    """It names the host, and no more."""
    with Receiver() as gone:
        url = gone.url("/path")
    hold(engine, message("a"))
    assert Delivered(failed=1) == deliver(outbox, [Channel("desk", url, timeout=20)], utc_now)
    assert ["no connection to 127.0.0.1: Connection refused"] == [
        str(one.error).removeprefix("127.0.0.1: ") for one in outbox.messages("waiting")
    ]


def test_a_channel_that_hangs_keeps_no_other_waiting(
    engine: sa.Engine, outbox: Outbox, receiver: Receiver
) -> None:
    """Twenty messages arrive while those to another channel, due before them, hang."""
    arrived = threading.Event()
    waited: list[bool] = []

    def before(one: Heard) -> None:
        if one.path == "/slow":
            waited.append(arrived.wait(20))
        elif 20 == sum(one.path == "/fast" for one in receiver.heard):
            arrived.set()

    receiver.before = before
    hold(engine, *(message(f"slow {n}", "slow") for n in range(30)))
    hold(engine, *(message(f"fast {n}", "fast") for n in range(20)))
    channels = [
        Channel(name, receiver.url(f"/{name}"), timeout=60, retry=0.05) for name in ("slow", "fast")
    ]
    assert Delivered(sent=50) == deliver(outbox, channels, utc_now)
    assert [True] * 30 == waited


def test_delivery_stops_when_it_is_asked_to(
    engine: sa.Engine, outbox: Outbox, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though a receiver hangs; what was cut short is sent later, and nothing new is begun."""
    monkeypatch.setattr(delivery, "PATIENCE", 0.2)
    stop = threading.Event()
    receiver.before = lambda _: stop.set()
    hold(engine, *(message(str(n)) for n in range(20)))
    channel = Channel("desk", receiver.url("/", b"hung"), timeout=600)
    assert Delivered() == deliver(outbox, [channel], utc_now, stop)
    assert [0] * 12 + [1] * 8 == sorted(one.attempts for one in outbox.messages("waiting"))


def test_nothing_new_is_begun_once_delivery_must_stop(
    engine: sa.Engine, outbox: Outbox, receiver: Receiver
) -> None:
    """What is on its way is sent, and noted."""
    stop = threading.Event()
    receiver.before = lambda _: stop.set()
    hold(engine, *(message(str(n)) for n in range(20)))
    channel = Channel("desk", receiver.url(), **PATIENT)
    assert Delivered(sent=8) == deliver(outbox, [channel], utc_now, stop)
    assert Delivered() == deliver(outbox, [channel], utc_now, stop)
    assert [0] * 12 == [one.attempts for one in outbox.messages("waiting")]


def test_a_message_that_cannot_be_read_keeps_no_other_waiting(
    engine: sa.Engine, outbox: Outbox, receiver: Receiver
) -> None:
    """It fails like others, by words that hold nothing of it."""
    hold(engine, message("a")._replace(body="{}"), message("b"))
    channel = Channel("desk", apprise=f"json://{receiver.host}/hook", timeout=60, retry=600)
    assert Delivered(sent=1, failed=1) == deliver(outbox, [channel], utc_now)
    assert ["sending failed: KeyError"] == [one.error for one in outbox.messages("waiting")]


def test_apprise_sends_title_and_text(
    engine: sa.Engine, outbox: Outbox, receiver: Receiver
) -> None:
    """By its own client, to a receiver of JSON; below the text is the key."""
    hold(engine, message("a"))
    channel = Channel("desk", apprise=f"json://{receiver.host}/hook", timeout=60)
    check([channel])
    assert Delivered(sent=1) == deliver(outbox, [channel], utc_now)
    found = json.loads(receiver.heard[0].body)
    assert ("百度: a", "high\n  78.0\n\n[a]") == (found["title"], found["message"])


APPRISE = {
    "refused": (500, "json://HOST/", "json: Apprise could not send it: try it by `apprise -vv`"),
    "redirected": (307, "json://HOST/", "json: Apprise could not send it: try it by `apprise -vv`"),
    "unknown": (
        200,
        "nonsense://HOST/",
        "nonsense: Apprise does not understand this address: see its documentation",
    ),
    "no address": (
        200,
        "HOST",
        "its address: Apprise does not understand this address: see its documentation",
    ),
}


@pytest.mark.parametrize("case", APPRISE)
def test_apprise_can_fail_like_others(
    engine: sa.Engine, outbox: Outbox, receiver: Receiver, case: str
) -> None:
    """The error names the kind of address, and no more: the host may be a secret."""
    status, address, error = APPRISE[case]
    receiver.url("/", says(status, location="/elsewhere"))
    receiver.url("/elsewhere", says(200))
    hold(engine, message("a"))
    channel = Channel("desk", apprise=address.replace("HOST", receiver.host), timeout=60)
    assert Delivered(failed=1) == deliver(outbox, [channel], utc_now)
    assert "/elsewhere" not in [one.path for one in receiver.heard]
    assert [error] == [one.error for one in outbox.messages("waiting")]


def test_apprise_is_ended_when_its_time_is_over(
    engine: sa.Engine, outbox: Outbox, receiver: Receiver
) -> None:
    """Its own timeouts are per operation: a receiver that drips would keep it for ever."""
    receiver.url("/", b"dripped")
    hold(engine, message("a"))
    channel = Channel("desk", apprise=f"json://{receiver.host}/?rto=300", timeout=2.0)
    assert Delivered(failed=1) == deliver(outbox, [channel], utc_now)
    assert ["json: not done within 2 s"] == [one.error for one in outbox.messages("waiting")]


def test_without_apprise_it_is_said_what_to_install(
    engine: sa.Engine, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the start; where it goes missing later, the message waits."""
    monkeypatch.setattr(apprised, "find_spec", lambda _: None)
    channel = Channel("desk", apprise="json://127.0.0.1/")
    with pytest.raises(MissingExtraError, match=r"riskmon\[notify\]"):
        check([channel])
    check([Channel("hook", "https://example.com/")])
    hold(engine, message("a"))
    assert Delivered(failed=1) == deliver(outbox, [channel], utc_now)
    (waits,) = outbox.messages("waiting")
    assert "this needs apprise: python3 -m pip install 'riskmon[notify]'" == waits.error


def test_eight_at_a_time(engine: sa.Engine, outbox: Outbox, receiver: Receiver) -> None:
    """No more to one channel; each arrives once, as it is in the outbox."""
    receiver.before = lambda _: time.sleep(0.02)
    hold(engine, *(message(str(n)) for n in range(100)))
    assert Delivered(sent=100) == deliver(
        outbox, [Channel("desk", receiver.url(), **PATIENT)], utc_now
    )
    assert receiver.most <= 8
    assert {str(n): {message(str(n)).body.encode()} for n in range(100)} == receiver.bodies()


def test_several_that_deliver_at_once_send_each_message_once(url: str, receiver: Receiver) -> None:
    """Each has its own connection, as processes have."""
    with closing(_Opened(url)) as opened:
        hold(opened.engine, *(message(str(n)) for n in range(100)))
    channel = Channel("desk", receiver.url(), **PATIENT)

    def one() -> None:
        with closing(_Opened(url)) as opened:
            deliver(Outbox(opened.engine), [channel], utc_now)

    threads = [threading.Thread(target=one) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(str(n) for n in range(100)) == sorted(one.key for one in receiver.heard)


class _Opened:
    """An engine that can be closed."""

    def __init__(self, url: str) -> None:
        self.engine = connect(url)

    def close(self) -> None:
        self.engine.dispose()


@pytest.mark.parametrize("count", [300, pytest.param(10_000, marks=pytest.mark.soak)])
def test_each_message_arrives_at_a_receiver_that_fails_and_hangs(
    engine: sa.Engine, outbox: Outbox, count: int
) -> None:
    """30 % fail and 5 % hang: duplicates carry the same key and body, none comes after success."""
    wanted = {str(n): {message(str(n)).body.encode()} for n in range(count)}
    hold(engine, *(message(key) for key in wanted))
    with Receiver(fails=0.3, hangs=0.05, seed=7) as receiver:
        until_told(outbox, [Channel("desk", receiver.url(), timeout=1.0, retry=0.01)])
    assert wanted == receiver.bodies()
    answers: dict[str, list[str]] = {}
    for one in receiver.heard:
        answers.setdefault(one.key, []).append(one.answer)
    assert {"took"} == {found[-1] for found in answers.values()}
    assert {1} == {found.count("took") for found in answers.values()}
    assert count == outbox.standing().sent
    assert len(receiver.heard) > count * 1.2


def deliver_until_told(url: str, address: str) -> None:
    """Deliver in a process of its own, until nothing waits."""
    with closing(_Opened(url)) as opened:
        until_told(Outbox(opened.engine), [Channel("desk", address, timeout=5, retry=0.05)])


def nothing(_: Heard) -> None:
    pass


def killing(process: ForkServerProcess, receiver: Receiver, end: int) -> Callable[[Heard], None]:
    """Return what kills a process once `end` requests came."""

    def kill(_: Heard) -> None:
        if len(receiver.heard) >= end and process.is_alive():
            process.kill()

    return kill


@pytest.mark.parametrize("count", [100, pytest.param(5000, marks=pytest.mark.soak)])
def test_a_kill_between_sending_and_noting_repeats_a_message_and_loses_none(
    url: str, count: int
) -> None:
    """Kill -9 whoever delivers, before and after an answer: repeats carry the same key and body."""
    wanted = {str(n): {message(str(n)).body.encode()} for n in range(count)}
    with closing(_Opened(url)) as opened, Receiver() as receiver:
        outbox = Outbox(opened.engine)
        hold(opened.engine, *(message(key) for key in wanted))
        for number in range(6):
            process = begun(deliver_until_told, url, receiver.url())
            end = len(receiver.heard) + count // 10
            kill = killing(process, receiver, end)
            receiver.before, receiver.after = (kill, nothing) if number % 2 else (nothing, kill)
            process.join(PATIENCE)
            assert -9 == process.exitcode
        receiver.before = receiver.after = nothing
        # What the killed ones held is sent once their time is over.
        later = utc_now() + timedelta(seconds=30)
        while outbox.standing().waiting:
            deliver(outbox, [Channel("desk", receiver.url(), **PATIENT)], lambda: later)
        assert wanted == receiver.bodies()
        assert count == outbox.standing().sent
        assert len(receiver.heard) > count
