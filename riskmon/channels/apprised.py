"""Whatever Apprise reaches: mail, chat and a hundred more.

Apprise runs in a process of its own. It blocks, some of its plugins without end, and it prints and
logs addresses, which are secrets: a process can be ended in time, and nobody reads what it says.
"""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from importlib.util import find_spec

from riskmon.channels import Channel, Failure
from riskmon.errors import MissingExtraError

UNKNOWN = 3
"""The exit code for an address that Apprise does not understand."""


def check() -> None:
    """Raise MissingExtraError where Apprise is not installed."""
    if find_spec("apprise") is None:
        raise MissingExtraError("apprise", "notify")


def send(channel: Channel, key: str, body: str) -> Failure | None:
    """Send title and text of a message through Apprise, within the channel's timeout.

    The key stands below the text: a person sees by it that two messages are one.
    """
    check()
    address = channel.apprise or ""
    told = json.loads(body)
    given = {"address": address, "title": told["title"], "text": f"{told['text']}\n\n[{key}]"}
    # The kind is all that may be said of it: in slack://token/token the host is the secret.
    kind = address.partition("://")[0] if "://" in address else "its address"
    try:
        ended = subprocess.run(
            [sys.executable, "-P", "-m", "riskmon.channels.apprised"],
            input=json.dumps(given).encode(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=channel.timeout,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Failure(f"{kind}: not done within {channel.timeout:g} s")
    except OSError as error:
        return Failure(f"{kind}: Apprise cannot be started: {error.strerror}")
    if ended.returncode == UNKNOWN:
        return Failure(f"{kind}: Apprise does not understand this address: see its documentation")
    if ended.returncode:
        return Failure(f"{kind}: Apprise could not send it: try it by `apprise -vv`")
    return None


def main() -> int:
    """Send what standard input says; return the exit code."""
    import apprise  # noqa: PLC0415 (in a process of its own alone)

    logging.disable()
    given = json.load(sys.stdin)
    # http_redirects: a message goes where the configuration says.
    asset = apprise.AppriseAsset(async_mode=False, http_redirects=False)
    sender = apprise.Apprise(asset=asset)
    if not sender.add(given["address"]):
        return UNKNOWN
    sent = sender.notify(
        body=given["text"], title=given["title"], body_format=apprise.NotifyFormat.TEXT
    )
    return 0 if sent else 1


if __name__ == "__main__":
    sys.exit(main())
