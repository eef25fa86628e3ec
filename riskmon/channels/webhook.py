"""A webhook: the message as JSON by POST, signed as Standard Webhooks has it.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import hmac
from datetime import datetime
from http import HTTPStatus

import httpx

from riskmon import __version__
from riskmon.channels import Channel, Failure, signing_key
from riskmon.fetching.terms import Deadline, Failed, Refused, Terms
from riskmon.fetching.wire import Answer, asked, retry_after

MOST_BYTES = 64 * 1024
"""Of an answer, that are read so that the receiver can end it; what it says changes nothing."""


def send(channel: Channel, key: str, body: str, at: datetime) -> Failure | None:
    """Send a message to the webhook of a channel, within its timeout; None where it took it.

    Redirects are not followed: what is signed for one receiver is not for another.
    """
    try:
        url = httpx.URL(channel.url or "")
    except (httpx.InvalidURL, ValueError):
        return Failure("its url is no URL: write it as https://host/path")
    host = url.raw_host.decode("ascii")
    if url.scheme not in {"http", "https"} or not host:
        return Failure("its url is no URL: write it as https://host/path")
    sent = body.encode()
    try:
        headers = _headers(channel, url, key, sent, at)
    except ValueError as error:
        return Failure(f"its secret cannot sign: {error}")
    terms = Terms(internal=True, silence=channel.timeout, seconds=channel.timeout)
    deadline = Deadline(channel.timeout)
    try:
        with asked(url, headers, terms, deadline, sent) as answer:
            failure = _failure(host, answer, at)
            _read_out(answer)
    except Refused as refused:
        late = deadline.elapsed() >= channel.timeout
        reason = f"no answer within {channel.timeout:g} s" if late else str(refused)
        return Failure(f"{host}: {reason}")
    except Failed as failed:
        return Failure(f"{host}: {failed}")
    return failure


def _headers(
    channel: Channel, url: httpx.URL, key: str, body: bytes, at: datetime
) -> dict[str, str]:
    seconds = str(int(at.timestamp()))
    headers = {
        "User-Agent": f"riskmon/{__version__}",
        "Content-Type": "application/json",
        "Connection": "close",
        "Idempotency-Key": key,
        "webhook-id": key,
        "webhook-timestamp": seconds,
    }
    if url.userinfo:
        pair = base64.b64encode(f"{url.username}:{url.password}".encode()).decode()
        headers["Authorization"] = f"Basic {pair}"
    if channel.secret is not None:
        signed = b".".join([key.encode(), seconds.encode(), body])
        digest = hmac.digest(signing_key(channel.secret), signed, "sha256")
        headers["webhook-signature"] = f"v1,{base64.b64encode(digest).decode()}"
    return headers


def _failure(host: str, answer: Answer, at: datetime) -> Failure | None:
    """Return how an answer refuses, None where it does not.

    Only 410 is for ever: 401 and 404 pass once somebody has seen to the receiver, so that all the
    attempts are worth making.
    """
    status = answer.status
    if HTTPStatus(200) <= status < HTTPStatus(300):
        return None
    phrase = HTTPStatus(status).phrase if status in set(HTTPStatus) else "a status of its own"
    if HTTPStatus(300) <= status < HTTPStatus(400):
        phrase += ", and redirects are not followed: name the address that it leads to"
    wait = retry_after(answer.headers, at)
    return Failure(f"{host}: {status} {phrase}", wait, final=status == HTTPStatus.GONE)


def _read_out(answer: Answer) -> None:
    """Read what follows the status, so that the receiver is not cut off; the status has decided."""
    size = 0
    try:
        for piece in answer.body:
            size += len(piece)
            if size > MOST_BYTES:
                return
    except (Failed, Refused):
        return
