"""Who may ask the page for what: hosts, tokens, proxies, forgery, sizes, slow clients, headers."""

from __future__ import annotations

import base64
import os
import re
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from signal import SIGTERM

import pytest
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, Router
from starlette.testclient import TestClient

from riskmon.monitor import Monitor
from riskmon.settings import Web
from riskmon.web import app
from riskmon.web.doors import HEADERS, MOST_BODY, Doors, Forgery, Guard, Refusal
from riskmon.web.patience import Patient, server
from tests.builders import RISKMON

TOKEN = "a-token-of-24-characters"  # noqa: S105 (of a server that lives as long as a test)
HERE = "http://127.0.0.1:8000"


def asking(monitor: Monitor, doors: Doors | None = None, peer: str = "127.0.0.1") -> TestClient:
    return TestClient(app(monitor, doors=doors or Doors()), HERE, client=(peer, 50000))


def guarded(doors: Doors | None = None, base: str = HERE) -> TestClient:
    """Return a client of the doors alone, with a form behind them, and a mistake."""
    forgery = Forgery()

    async def form(request: Request) -> Response:
        if request.method == "GET":
            return PlainTextResponse(forgery.token(request))
        token = str((await request.form()).get("csrf"))
        return PlainTextResponse("taken", 200 if forgery.holds(request, token) else 403)

    def mistaken(_: Request) -> Response:
        raise RuntimeError("the password is hunter2")

    def refuse(_: Request, refusal: Refusal) -> Response:
        response = PlainTextResponse(refusal.told, refusal.status)
        for name, value in refusal.headers:
            response.headers.append(name, value)
        return response

    inside = Router(
        routes=[
            Route("/form", form, methods=["GET", "POST"]),
            Route("/mistake", mistaken),
            Route("/who", lambda request: PlainTextResponse(request.state.user)),
        ]
    )
    return TestClient(Guard(inside, doors=doors or Doors(), refuse=refuse), base)


def basic(user: str, token: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{token}".encode()).decode()}


@pytest.mark.parametrize("path", ["/", "/company/baidu", "/nothing", "/static/style.css"])
def test_every_answer_has_the_headers_that_keep_others_out(scenario: Monitor, path: str) -> None:
    """Pages, refusals and files alike; none says what serves it, or sets a cookie unasked."""
    answer = asking(scenario).get(path)
    assert HEADERS == {name: answer.headers.get(name) for name in HEADERS}
    assert {"server", "set-cookie", "x-powered-by"} & {*answer.headers} == set()


def test_the_policy_allows_nothing_inline_and_nothing_from_elsewhere(scenario: Monitor) -> None:
    """No page has an inline script, style or listener, nor an address of another host in it."""
    for path in ("/", "/company/baidu", "/company/baidu/print", "/nothing"):
        page = asking(scenario).get(path).text
        assert [] == re.findall(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=", page)
        assert [] == re.findall(
            r"""<(?:script|link|img)[^>]*(?:src|href)=["']?(?:https?:)?//""", page
        )


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8000", 200),
        ("localhost", 200),
        ("[::1]:8000", 200),
        ("risk.example.com", 200),
        ("evil.example", 403),
        ("127.0.0.1.evil.example", 403),
        ("", 403),
        ("[", 403),
    ],
)
def test_a_name_that_leads_here_is_not_enough(scenario: Monitor, host: str, status: int) -> None:
    """A page of another host whose name is made to lead to this machine is refused."""
    doors = Doors(names=frozenset({"risk.example.com"}))
    assert status == asking(scenario, doors).get("/", headers={"Host": host}).status_code


def test_a_token_is_asked_for_and_taken_as_password_or_bearer(scenario: Monitor) -> None:
    """Whoever has none is told how to give it; a wrong one opens nothing."""
    client = asking(scenario, Doors(token=TOKEN))
    refused = client.get("/", headers={"Host": "risk.example.com"})
    assert (401, True) == (refused.status_code, "Companies</h1>" not in refused.text)
    assert [
        'Basic realm="riskmon", charset="UTF-8"',
        'Bearer realm="riskmon"',
    ] == refused.headers.get_list("www-authenticate")
    given = [
        basic("ann", TOKEN),
        {"Authorization": f"Bearer {TOKEN}"},
        {"Authorization": f"bEARER  {TOKEN}"},
        basic("ann", TOKEN[:-1]),
        basic(TOKEN, ""),
        {"Authorization": "Basic /"},
    ]
    wanted = [200, 200, 200, 401, 401, 401]
    assert wanted == [client.get("/", headers=one).status_code for one in given]


def test_the_name_beside_the_token_is_who_decides() -> None:
    """It goes with each request, for entries that say by whom."""
    client = guarded(Doors(token=TOKEN))
    assert "ann" == client.get("/who", headers=basic("ann", TOKEN)).text


def test_wrong_tokens_wait_and_only_a_few_of_them_at_a_time() -> None:
    """While eight wait, the next is sent away, and the right one is let in all the same."""
    client = guarded(Doors(token=TOKEN))
    with client:
        found: list[int] = []

        def ask() -> None:
            found.append(client.get("/who", headers=basic("", "wrong")).status_code)

        threads = [threading.Thread(target=ask) for _ in range(16)]
        for one in threads:
            one.start()
        right = client.get("/who", headers=basic("", TOKEN)).status_code
        for one in threads:
            one.join()
    assert (200, {401, 429}) == (right, {*found})
    assert 8 <= found.count(401)


def test_a_proxy_is_believed_only_where_it_is_one(scenario: Monitor) -> None:
    """The header of who asks counts from the proxy's address, and from no other."""
    doors = Doors(user_header="X-User", proxies=frozenset({"10.0.0.5"}))
    said = {"X-User": "ann", "Host": "risk.example.com"}
    found = [
        asking(scenario, doors, "10.0.0.5").get("/", headers=said).status_code,
        asking(scenario, doors, "10.0.0.6").get("/", headers=said).status_code,
        asking(scenario, doors, "10.0.0.5").get("/").status_code,
        asking(scenario, doors, "127.0.0.1").get("/", headers=said).status_code,
    ]
    assert [200, 401, 401, 401] == found


def test_a_proxy_may_have_to_prove_itself_by_the_token() -> None:
    """Where others have accounts on its machine: who asks is what the header says then."""
    doors = Doors(user_header="X-User", token=TOKEN, proxies=frozenset({"testclient"}))
    client, said = guarded(doors), {"X-User": "ann"}
    answer = client.get("/who", headers={**said, "Authorization": f"Bearer {TOKEN}"})
    assert (200, "ann") == (answer.status_code, answer.text)
    assert 401 == client.get("/who", headers=said).status_code
    assert 401 == client.get("/who", headers={"Authorization": f"Bearer {TOKEN}"}).status_code


def test_the_token_is_in_nothing_that_is_shown(tmp_path: Path) -> None:
    """`config show` masks it, wherever it was given."""
    (tmp_path / "riskmon.toml").write_text(f'[web]\ntoken = "{TOKEN}"\n', "utf-8")
    shown = subprocess.run(
        [RISKMON, "config", "show"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert TOKEN not in shown.stdout
    assert re.search(r"^web\.token +\*{8} +riskmon\.toml:2$", shown.stdout, re.MULTILINE)


def test_a_form_is_taken_from_the_browser_that_it_was_made_for() -> None:
    """Its token is bound to a cookie that scripts and other sites do not get."""
    client = guarded()
    answer = client.get("/form")
    assert re.fullmatch(
        r"riskmon=[0-9a-f]{32}; Path=/; HttpOnly; SameSite=Strict", answer.headers["set-cookie"]
    )
    again = client.get("/form")
    assert (True, False) == (answer.text != again.text, "set-cookie" in again.headers)
    other = guarded().get("/form").text
    tokens = [answer.text, again.text, other, answer.text[:-1], "", "x" * 80, "é"]
    found = [client.post("/form", data={"csrf": one}).status_code for one in tokens]
    assert [200, 200, 403, 403, 403, 403, 403] == found
    client.cookies.clear()
    assert 403 == client.post("/form", data={"csrf": answer.text}).status_code


def test_over_https_the_cookie_is_bound_to_it() -> None:
    """Then no other host of the domain, and no plain connection, sees or sets it."""
    cookie = guarded(base="https://127.0.0.1").get("/form").headers["set-cookie"]
    assert re.fullmatch(
        r"__Host-riskmon=[0-9a-f]{32}; Path=/; HttpOnly; SameSite=Strict; Secure", cookie
    )


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Sec-Fetch-Site": "same-origin", "Origin": HERE}, 200),
        ({"Origin": HERE}, 200),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "none"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "http://127.0.0.1:8001"}, 403),
        ({"Origin": "null"}, 403),
    ],
)
def test_another_page_cannot_send_a_form(headers: dict[str, str], status: int) -> None:
    """Even with a token that holds."""
    client = guarded()
    token = client.get("/form").text
    assert status == client.post("/form", data={"csrf": token}, headers=headers).status_code


def test_bodies_addresses_and_methods_have_bounds(scenario: Monitor) -> None:
    """A megabyte, whether its length is said or not; four kilobytes of query; three methods."""
    client = guarded()
    many = b"x" * (MOST_BODY + 1)
    chunks = (many[at : at + 65536] for at in range(0, len(many), 65536))
    found = [
        client.post("/form", content=many).status_code,
        client.post("/form", content=chunks).status_code,
        client.post("/form", headers={"Content-Length": "9" * 30}).status_code,
        client.get("/who?" + "a" * 5000).status_code,
        client.put("/form").status_code,
        client.request("TRACE", "/form").status_code,
        asking(scenario).post("/").status_code,
        asking(scenario).head("/").status_code,
    ]
    assert [413, 413, 413, 414, 405, 405, 405, 200] == found


def test_a_mistake_tells_a_number_that_is_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """And nothing of what went wrong."""
    answer = guarded().get("/mistake")
    number = re.fullmatch(r"A mistake in riskmon: its log has it under (\w{8})\.", answer.text)
    assert number
    assert 500 == answer.status_code
    assert number[1] in caplog.text
    assert "hunter2" in caplog.text


def test_refusals_are_pages_that_say_what_to_do(scenario: Monitor) -> None:
    """What is not there, a company that nobody knows, a clock that cannot be read."""
    client = asking(scenario)
    found = {
        path: (answer.status_code, re.findall(r'class="refused">(.*?)</p>', answer.text))
        for path in ("/revew", "/company/baido", "/?as_of=yesterday", "/?sort=luck")
        if (answer := client.get(path))
    }
    assert (404, ["There is no such page; did you mean &#39;/review&#39;?"]) == found["/revew"]
    assert 404 == found["/company/baido"][0]
    assert "did you mean &#39;baidu" in found["/company/baido"][1][0]
    assert (400, True) == (
        found["/?as_of=yesterday"][0],
        "as_of" in found["/?as_of=yesterday"][1][0],
    )
    assert 400 == found["/?sort=luck"][0]


def test_other_hosts_need_a_token_or_a_proxy() -> None:
    """In the configuration, where the token is a secret of 16 bytes or more."""
    with pytest.raises(ValidationError, match="others are served only with a token"):
        Web(host="0.0.0.0")  # noqa: S104 (that it is refused)
    with pytest.raises(ValidationError, match="at least 16 bytes"):
        Web.model_validate({"token": "short"})
    with pytest.raises(ValidationError, match="the name of a header"):
        Web(user_header="X User")
    with pytest.raises(ValidationError, match="expected an address"):
        Web(proxies=("proxy.example",))
    given = Web.model_validate({"host": "0.0.0.0", "token": TOKEN, "names": ["Risk.example.com"]})  # noqa: S104
    doors = Doors.of(given)
    assert Doors(token=TOKEN, names=frozenset({"risk.example.com"})) == doors
    assert TOKEN not in repr(given)


# Sockets


class Hasty(Patient):
    """Waits a third of a second, where the real one waits ten."""

    head = body = reading = 0.3


@contextmanager
def listening(monitor: Monitor) -> Iterator[int]:
    """Serve on a free port of this machine, and return it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        one = server(app(monitor, doors=Doors()), "127.0.0.1", port, Hasty)
        thread = threading.Thread(target=one.run, args=([listener],))
        thread.start()
        try:
            yield port
        finally:
            one.should_exit = True
            thread.join()


def told(port: int, *parts: bytes) -> bytes:
    """Return what a connection is answered, up to its end."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        found = b""
        try:
            for part in parts:
                connection.sendall(part)
            while some := connection.recv(65536):
                found += some
        except ConnectionError:
            pass
        return found


HEAD = b"GET /static/icon.svg HTTP/1.1\r\nHost: localhost\r\n"
POST = b"POST /review/names HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50\r\n\r\n"


def test_slow_clients_are_cut_off(scenario: Monitor) -> None:
    """Those that never send a whole head, or a whole body; not those that are done."""
    with listening(scenario) as port:
        assert b"" == told(port)
        assert b"" == told(port, HEAD)
        assert b"" == told(port, POST, b"csrf=")
        assert told(port, HEAD, b"Connection: close\r\n\r\n").startswith(b"HTTP/1.1 200 OK\r\n")


def sent(port: int, part: bytes, times: int, pause: float) -> None:
    """Send a part again and again, and read nothing."""
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", port))
        for _ in range(times):
            connection.sendall(part)
            threading.Event().wait(pause)


def test_one_byte_at_a_time_buys_no_time(scenario: Monitor) -> None:
    """The seconds count from the first byte, not from the last."""
    with listening(scenario) as port, pytest.raises(ConnectionError):
        sent(port, b"G", 100, pause=0.05)


def test_a_client_that_does_not_read_is_cut_off(scenario: Monitor) -> None:
    """What it asked for is not kept for it."""
    asked = b"GET /static/style.css HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with listening(scenario) as port, pytest.raises(ConnectionError):
        sent(port, asked * 20, 200, pause=0.05)


def test_a_head_that_is_too_long_is_refused(scenario: Monitor) -> None:
    """Sixteen kilobytes are enough."""
    with listening(scenario) as port:
        assert told(port, HEAD + b"X: " + b"a" * 70_000).startswith(b"HTTP/1.1 400 ")


# The command


def serve(folder: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [RISKMON, "serve", "--database", f"sqlite:///{folder / 'risk.db'}", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, **env},
    )


def test_serve_refuses_other_hosts_and_ports_that_are_taken(tmp_path: Path) -> None:
    """Exit code 2 for what cannot be asked for, 1 for a port that another has."""
    refused = serve(tmp_path, "--host", "0.0.0.0")  # noqa: S104 (that it is refused)
    assert (2, True) == (refused.returncode, "RISKMON_WEB__TOKEN" in refused.stderr)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        found = serve(tmp_path, "--port", port)
        assert (1, True) == (found.returncode, "give another --port" in found.stderr)
    assert 2 == serve(tmp_path, "--draft", "nowhere").returncode
    assert 2 == serve(tmp_path, "--port", "70000").returncode


def test_serve_serves_until_it_is_told_to_end(tmp_path: Path) -> None:
    """On loopback alone, with the token of a variable, which it never tells."""
    with subprocess.Popen(
        [RISKMON, "serve", "--database", f"sqlite:///{tmp_path / 'risk.db'}", "--port", "0"],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "RISKMON_WEB__TOKEN": TOKEN},
    ) as process:
        assert process.stderr
        said = process.stderr.readline()
        found = re.search(r"http://127\.0\.0\.1:(\d+)/", said)
        assert found, said
        asked = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        right = f"Authorization: Bearer {TOKEN}\r\n\r\n".encode()
        assert told(int(found[1]), asked, b"\r\n").startswith(b"HTTP/1.1 401 ")
        assert told(int(found[1]), asked, right).startswith(b"HTTP/1.1 200 ")
        process.send_signal(SIGTERM)
        rest = process.stderr.read()
        assert (0, False) == (process.wait(30), TOKEN in said + rest)
