"""The HTTP API: the same words as Python's, a page at a time, kept by readers, and no forgery."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from starlette.testclient import TestClient

from riskmon.frames import Frame
from riskmon.monitor import Monitor
from riskmon.results import to_json
from riskmon.web import app
from riskmon.web.doors import Doors
from tests.builders import Clock, company, event, listed, withdrawal

ARROW = "application/vnd.apache.arrow.stream"
AS_OF = "2024-02-12"
CLOCKS = {"as_of": AS_OF, "known_at": "2024-01-12"}


def asking(monitor: Monitor, doors: Doors | None = None) -> TestClient:
    """Return what asks the API of a monitor, as it is served."""
    return TestClient(app(monitor, doors=doors or Doors()), base_url="http://localhost/api/v1/")


@pytest.fixture(scope="session")
def client(scenario: Monitor) -> TestClient:
    """Ask the API of the scenario. Read only."""
    return asking(scenario)


@pytest.fixture
def asked(monitor: Monitor) -> TestClient:
    """Ask the API of a monitor of its own, which watches one company."""
    monitor.declare([company("huawei", name="Huawei Technologies Co., Ltd.")])
    return asking(monitor)


def same(client: TestClient, path: str, expected: object, **asked: str) -> None:
    """Assert that an address answers with what Python returns."""
    answer = client.get(path, params=asked)
    assert (200, "application/json") == (answer.status_code, answer.headers["content-type"])
    assert to_json(expected) == answer.json()


def followed(client: TestClient, path: str, **asked: str) -> list[Any]:
    """Return the rows of all pages, as links lead from one to the next."""
    answer = client.get(path, params=asked)
    rows = list(answer.json())
    while "next" in answer.links:
        answer = client.get(answer.url.join(answer.links["next"]["url"]))
        rows += answer.json()
    return rows


# The same words


def test_scores_are_those_of_python(scenario: Monitor, client: TestClient) -> None:
    """With both clocks, to the digit: of all, of one, over time, with what they come from."""
    for clocks in (CLOCKS, {"as_of": AS_OF}, {"as_of": AS_OF, "known_at": "17"}):
        said: dict[str, Any] = dict(clocks)
        if said.get("known_at") == "17":
            said["known_at"] = 17
        same(client, "scores", scenario.scores(**said), **clocks)
        same(client, "overview", scenario.overview(**said), **clocks)
        score = scenario.score("Baidu", **said)
        whole = {"line_count": len(score.lines), "more_points": 0.0}
        same(client, "companies/Baidu/score", to_json(score) | whole, **clocks)
        same(client, "companies/baidu/events", scenario.events("baidu", **said), **clocks)
        same(client, "companies/baidu/timeline", scenario.timeline("baidu", **said), **clocks)
        same(client, "companies/baidu/owners", scenario.owners("baidu", **said), **clocks)
    span = {"start": "2023-11-01", "end": "2024-11-01", "step": "4w", "known_at": "2024-01-12"}
    same(client, "companies/baidu/history", scenario.history("baidu", **span), **span)


def test_of_many_lines_the_greatest_come_first(scenario: Monitor, client: TestClient) -> None:
    """With how many there are, and what the others come to."""
    score = scenario.score("baidu", as_of=AS_OF)
    found = client.get("companies/baidu/score", params={"as_of": AS_OF, "limit": "2"}).json()
    assert to_json(score.lines[:2]) == found["lines"]
    assert (len(score.lines), score.value) == (found["line_count"], found["value"])
    assert sum(one.points for one in score.lines[2:]) == pytest.approx(
        found["more_points"], abs=1e-9
    )


def test_all_else_is_that_of_python(scenario: Monitor, client: TestClient) -> None:
    """Companies, matters, rules, corrections, runs, alerts, what is there, what waits."""
    matter = "ernie-military-collaboration"
    same(client, "companies", scenario.companies())
    same(client, "companies/baidu", scenario.find("baidu"))
    view = scenario.matter(matter, as_of=AS_OF)
    told = to_json(view) | {"told_count": len(view.told)}
    same(client, f"matters/{matter}", told, as_of=AS_OF)
    some = told | {"told": told["told"][1:3]}
    same(client, f"matters/{matter}", some, as_of=AS_OF, limit="2", offset="1")
    ruleset = scenario.ruleset()
    assert ruleset is not None
    same(client, "rules", sorted(ruleset.rules, key=lambda one: one.id))
    moves = scenario.rule_moves(as_of=AS_OF)
    for rule in ("ai-chip-export-controls", "section-1260h"):
        nothing = {"companies": 0, "points": 0.0, "top": []}
        moved = {"rule": ruleset.by_id[rule], "moves": moves.get(rule, nothing)}
        same(client, f"rules/{rule}", moved, as_of=AS_OF)
    changed = to_json(scenario.changes(22))
    counts = {f"{name}_count": len(changed[name]) for name in ("moved", "contradicted")}
    assert counts["moved_count"] > 1
    same(client, "changes", changed | counts, since="22")
    same(
        client, "changes", changed | counts | {"moved": changed["moved"][:1]}, since="22", limit="1"
    )
    same(client, "search", scenario.search("ernie", 5), text="ernie", limit="5")
    same(client, "runs", list(scenario.runs()))
    same(client, "alerts", scenario.alerts()[::-1])
    status = scenario.status()
    same(client, "status", to_json(status) | {"unresolved_count": len(status.unresolved)})
    same(client, "review/names", [one.to_dict() for one in scenario.review(as_of=AS_OF)])
    same(client, "review/copies", scenario.held())
    same(client, "review/drafts", scenario.drafts())


def test_a_receipt_is_given_and_not_written(scenario: Monitor, client: TestClient) -> None:
    """It holds when it is checked; to ask for it is no write."""
    before = scenario.position
    receipt = client.get("companies/baidu/receipt", params=CLOCKS).json()
    assert [] == scenario.check(receipt)
    assert before == scenario.position
    score = scenario.score("baidu", **CLOCKS)
    assert (score.value, score.position) == (receipt["value"], receipt["position"])


def test_the_overview_is_sought_sifted_and_sorted(client: TestClient) -> None:
    """Names ascend, figures descend; of what is left the order is that of the column."""

    def names(**asked: str) -> list[str]:
        return [one["company"] for one in client.get("overview", params=asked).json()]

    every = client.get("overview", params={"as_of": AS_OF}).json()
    assert sorted((one["value"] for one in every), reverse=True) == [one["value"] for one in every]
    moderate = [one["company"] for one in every if one["level"] == "moderate"]
    assert moderate == names(as_of=AS_OF, level="moderate")
    assert ["baidu"] == names(as_of=AS_OF, text="百度")
    by_name = sorted(every, key=lambda one: one["name"].casefold())
    assert [one["company"] for one in by_name] == names(as_of=AS_OF, sort="name")
    assert [one["company"] for one in by_name[::-1]] == names(
        as_of=AS_OF, sort="name", descending="true"
    )
    kinds = {one["company"] for one in every if one["category"] == "trade-restrictions"}
    assert kinds == {*names(as_of=AS_OF, category="trade-restrictions")}


def test_the_description_describes_what_is_answered(client: TestClient) -> None:
    """Each address says what it is for; nothing is loaded from elsewhere; no 422."""
    described = client.get("openapi.json").json()
    assert [{"url": "/api/v1"}] == described["servers"]
    for path, methods in described["paths"].items():
        for method, one in methods.items():
            assert one["description"], (path, method)
            assert {"200", "4XX", "503"} == one["responses"].keys(), (path, method)
            assert method == "get" or path.startswith("/review/"), path
    assert 404 == client.get("docs").status_code


# Pages


def test_pages_are_of_one_answer(asked: TestClient, monitor: Monitor, clock: Clock) -> None:
    """Whatever is recorded meanwhile, and however late it is, the next page goes on."""
    monitor.declare([company(f"firm-{one}") for one in range(10)])
    monitor.ingest([listed(company=f"firm-{one}") for one in range(5)])
    clock.turn("2024-03-01")
    expected = [one["company"] for one in to_json(monitor.scores())]
    first = asked.get("scores", params={"limit": 4})
    clock.turn("2024-09-01")
    monitor.ingest([listed(company=f"firm-{one}") for one in range(5, 10)])
    second = asked.get(first.url.join(first.links["next"]["url"]))
    third = asked.get(second.url.join(second.links["next"]["url"]))
    rows = [*first.json(), *second.json(), *third.json()]
    assert expected == [one["company"] for one in rows]
    assert 1 == len({(one["as_of"], one["position"]) for one in rows})
    assert "11" == first.headers["total-count"]
    assert "next" not in third.links
    back = asked.get(third.url.join(third.links["prev"]["url"]))
    assert second.json() == back.json()


@pytest.mark.parametrize(
    ("path", "asked_for"),
    [
        ("companies", {}),
        ("scores", {"as_of": AS_OF}),
        ("overview", {"as_of": AS_OF, "sort": "name"}),
        ("companies/baidu/history", {"start": "2024-01-01", "end": "2024-03-01", "step": "1w"}),
        ("companies/baidu/events", {}),
        ("companies/baidu/timeline", {"as_of": AS_OF}),
        ("rules", {}),
    ],
)
def test_pages_together_are_the_whole(
    client: TestClient, path: str, asked_for: dict[str, str]
) -> None:
    """However long they are."""
    whole = client.get(path, params={**asked_for, "limit": "1000"}).json()
    assert len(whole) > 2
    for limit in ("1", "3", "1000"):
        assert whole == followed(client, path, **asked_for, limit=limit)
    assert [] == client.get(path, params={**asked_for, "offset": "9999"}).json()


# What a reader has already


def test_an_answer_is_told_once_until_something_is_recorded(
    asked: TestClient, monitor: Monitor
) -> None:
    """With `as_of`, or where there is none; the tag is of the ledger, and of what was asked."""
    monitor.ingest([listed(company="huawei")])
    paths = ["scores?as_of=2024-02-01", "companies", "companies/huawei/score?as_of=2024-02-01"]
    tags = {}
    for path in paths:
        answer = asked.get(path)
        tags[path] = answer.headers["etag"]
        assert "private, no-cache" == answer.headers["cache-control"]
        for given in (tags[path], f'"other", W/{tags[path]}'):
            again = asked.get(path, headers={"If-None-Match": given})
            assert (304, b"", tags[path]) == (
                again.status_code,
                again.content,
                again.headers["etag"],
            )
        assert 200 == asked.get(path, headers={"If-None-Match": '"other"'}).status_code
        arrow = {"If-None-Match": tags[path], "Accept": ARROW}
        if path != "companies":
            assert 200 == asked.get(path, headers=arrow).status_code
    assert len(paths) == len({*tags.values()})
    monitor.ingest([event()])
    for path, tag in tags.items():
        answer = asked.get(path, headers={"If-None-Match": tag})
        assert 200 == answer.status_code
        assert tag != answer.headers["etag"]


def test_an_answer_as_of_now_is_never_kept(asked: TestClient) -> None:
    """A moment later it is another; so is what the ledger alone does not tell."""
    for path in ("scores", "companies/huawei/score", "runs", "status", "review/names"):
        answer = asked.get(path)
        assert "no-store" == answer.headers["cache-control"], path
        assert "etag" not in answer.headers, path


# Arrow


@pytest.mark.parametrize(
    ("path", "asked_for"),
    [
        ("scores", {"as_of": AS_OF}),
        ("overview", {"as_of": AS_OF}),
        ("companies/baidu/score", CLOCKS),
        ("companies/baidu/events", {"as_of": AS_OF}),
        ("companies/baidu/history", {"start": "2024-01-01", "end": "2024-03-01"}),
    ],
)
def test_frames_come_as_arrow(
    scenario: Monitor, client: TestClient, path: str, asked_for: dict[str, str]
) -> None:
    """The same rows as the frame of Python has, of the same types for none as for many."""
    answer = client.get(path, params=asked_for, headers={"Accept": f"{ARROW}, */*;q=0.5"})
    assert ARROW == answer.headers["content-type"]
    table = pa.ipc.open_stream(io.BytesIO(answer.content)).read_all()
    clocks: dict[str, Any] = asked_for
    frames: dict[str, Callable[[], Frame]] = {
        "scores": lambda: scenario.scores(**clocks),
        "overview": lambda: scenario.overview(**clocks),
        "companies/baidu/score": lambda: scenario.score("baidu", **clocks),
        "companies/baidu/history": lambda: scenario.history("baidu", **clocks),
    }
    if path in frames:
        assert frames[path]().to_dicts() == table.to_pylist()
    else:
        told = [(one.source, one.ref) for one in scenario.events("baidu", **clocks)]
        assert told == [(row["source"], row["ref"]) for row in table.to_pylist()]
    if not path.endswith("score"):
        none = client.get(path, params={**asked_for, "offset": "999"}, headers={"Accept": ARROW})
        empty = pa.ipc.open_stream(io.BytesIO(none.content)).read_all()
        assert (0, table.schema) == (empty.num_rows, empty.schema)


def test_what_cannot_be_arrow_says_so(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there are no columns, and where the library is not there: with the line to install."""
    assert 406 == client.get("status", headers={"Accept": ARROW}).status_code
    assert 200 == client.get("status", headers={"Accept": f"{ARROW}, */*"}).status_code
    liked = client.get("scores", headers={"Accept": f"{ARROW};q=0.1, application/json"})
    assert "application/json" == liked.headers["content-type"]
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    answer = client.get("scores", headers={"Accept": ARROW})
    assert 406 == answer.status_code
    assert "python3 -m pip install 'riskmon[columns]'" in answer.json()["detail"]


# Refusals


def test_before_anything_is_recorded_there_is_nothing(monitor: Monitor) -> None:
    """And nothing fails."""
    client = asking(monitor)
    for path in ("companies", "scores", "overview", "runs", "alerts", "review/names"):
        assert (200, []) == (client.get(path).status_code, client.get(path).json()), path
    assert 404 == client.get("rules").status_code
    assert 0 == client.get("status").json()["position"]


@pytest.mark.parametrize(
    ("path", "status", "field", "told"),
    [
        ("scores?as_of=yesterday", 400, "as_of", "expected a date such as 2024-01-12"),
        ("scores?as_of=2024-02-30", 400, "as_of", "expected a date such as 2024-01-12"),
        ("scores?known_at=99999", 400, "known_at", "a position from 0 to 39, got 99999"),
        ("scores?known_at=-1", 400, "known_at", "a position from 0 to 39, got -1"),
        ("scores?as_off=2024-01-12", 400, "as_off", "did you mean 'as_of'?"),
        ("scores?limit=1001", 400, "limit", "at most 1000"),
        ("scores?limit=2&limit=3", 400, "limit", "expected it once"),
        ("overview?sort=colour", 400, "sort", "expected 'value'"),
        ("overview?level=dire", 400, "level", "expected 'low'"),
        ("companies/baidu/history?step=1q", 400, "step", "a duration such as 30s"),
        ("companies/baidu/history?start=1900-01-01&step=1h", 400, "step", "take a longer step"),
        ("companies/baidu/history?start=2024-02-01&end=2024-01-01", 400, None, "a start before"),
        ("companies/nobody/score", 404, "company", "no declared company is called 'nobody'"),
        ("companies/nobody", 404, "company", "no declared company"),
        ("matters/nothing", 404, "name", "no event was told of a matter called 'nothing'"),
        ("rules/nothing", 404, "rule", "there is no rule 'nothing'"),
        ("changes", 400, "since", "is required and missing"),
        ("search", 400, "text", "is required and missing"),
        ("nothing", 404, None, "openapi.json describes what there is"),
    ],
)
def test_a_refusal_says_what_is_wrong_and_where(
    client: TestClient, path: str, status: int, field: str | None, told: str
) -> None:
    """As problem details (RFC 9457)."""
    answer = client.get(path)
    said = answer.json()
    assert (status, "application/problem+json") == (
        answer.status_code,
        answer.headers["content-type"],
    )
    assert (status, field) == (said["status"], said.get("field"))
    assert told in said["detail"]


def test_other_methods_are_refused(client: TestClient) -> None:
    """HEAD is GET without its body; what reads cannot be written to."""
    get, head = client.get("scores", params=CLOCKS), client.head("scores", params=CLOCKS)
    assert (200, b"", get.headers["etag"]) == (head.status_code, head.content, head.headers["etag"])
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        assert 405 == client.request(method, "scores").status_code


def test_text_from_outside_is_data(asked: TestClient, monitor: Monitor) -> None:
    """As it was told, in JSON that no browser takes for a page."""
    title = "<script>alert(1)</script> \x1b[31m \u202e =cmd()"
    told = event(title=title, parties=[{"company": "huawei"}], url="javascript:alert(1)")
    monitor.ingest([told, withdrawal(told, reason=title), told])
    answer = asked.get("companies/huawei/events")
    assert [title] == [one["title"] for one in answer.json()]
    assert ("application/json", "nosniff") == (
        answer.headers["content-type"],
        answer.headers["x-content-type-options"],
    )


# Decisions


def decide(client: TestClient, what: str, **fields: Any) -> tuple[int, Any]:
    """Post a decision; return status and answer."""
    said = {"by": "Ada", "why": "their register says so"} | fields
    answer = client.post(f"review/{what}", json=said)
    return answer.status_code, answer.json()


def rulings(monitor: Monitor, *kinds: str) -> list[Any]:
    return [json.loads(one.body) for one in monitor.entries() if one.kind in kinds]


def test_a_name_is_decided_by_somebody_for_a_reason(asked: TestClient, monitor: Monitor) -> None:
    """The decision is an entry; the same again changes nothing, and what was decided is undone."""
    monitor.ingest([listed("Huawei Technologies Syria")])
    (waiting,) = asked.get("review/names").json()
    pair = {"name": waiting["name"], "company": "huawei"}
    for _ in range(2):
        assert (200, {"decided": "accept"} | pair) == decide(
            asked, "names", verdict="accept", **pair
        )
    (match,) = rulings(monitor, "match.decided")
    assert ("Ada", "their register says so") == (match["by"], match["why"])
    assert [] == asked.get("review/names").json()
    assert 200 == decide(asked, "names", verdict="undo", **pair)[0]
    assert 409 == decide(asked, "names", verdict="undo", **pair)[0]
    assert 200 == decide(asked, "names", verdict="reject", **pair)[0]
    assert [] == asked.get("review/names").json()
    status, told = decide(asked, "names", verdict="accept", name="X", company="nobody")
    assert (404, "company") == (status, told["field"])


def test_a_copy_is_decided(asked: TestClient, monitor: Monitor, tmp_path: Path) -> None:
    """Once: who comes later is told that it does not wait any more."""
    file = tmp_path / "sdn.csv"
    file.write_bytes(b'36,"EXAMPLE 36",-0- ,"CUBA"' + b",-0- " * 8 + b"\r\n\x1a")
    assert monitor.ingest(file, source="ofac-sdn").held
    (held,) = asked.get("review/copies").json()
    key = {"source": held["source"], "digest": held["digest"]}
    status, told = decide(asked, "copies", verdict="accept", **key)
    assert (200, 1) == (status, told["report"]["types"]["listing.listed"])
    assert 404 == decide(asked, "copies", verdict="reject", **key)[0]
    (ruling,) = rulings(monitor, "ruling.made")
    assert ("accept", "Ada") == (ruling["verdict"], ruling["by"])


def test_a_copy_is_left_out(asked: TestClient, monitor: Monitor, tmp_path: Path) -> None:
    """Nothing of it is told."""
    file = tmp_path / "sdn.csv"
    file.write_bytes(b"")
    assert monitor.ingest(file, source="ofac-sdn").held
    (held,) = asked.get("review/copies").json()
    key = {"source": held["source"], "digest": held["digest"]}
    assert (200, {"decided": "reject", **key}) == decide(asked, "copies", verdict="reject", **key)
    assert [] == asked.get("review/copies").json()
    assert 0 == monitor.status().events


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"verdict": "accept", "name": "X", "company": "huawei"},
        {"verdict": "accept", "name": "X", "company": "huawei", "by": "Ada", "why": "  "},
        {"verdict": "accept", "name": "X", "company": "huawei", "by": "", "why": "so"},
        {"verdict": "maybe", "name": "X", "company": "huawei", "by": "Ada", "why": "so"},
        {"verdict": "accept", "name": "X", "company": "huawei", "by": "A", "why": "so", "more": 1},
        {"verdict": "accept", "name": "X\0", "company": "huawei", "by": "A", "why": "so"},
        [],
        "accept",
    ],
)
def test_who_and_why_are_required(asked: TestClient, monitor: Monitor, body: object) -> None:
    """And nothing is decided without them."""
    before = monitor.position
    assert 400 == asked.post("review/names", json=body).status_code
    assert before == monitor.position


def test_no_form_can_decide(asked: TestClient, monitor: Monitor) -> None:
    """What another page can send without asking is no JSON, nor does it come from here."""
    before = monitor.position
    body = '{"verdict":"reject","name":"X","company":"huawei","by":"A","why":"so"}'
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""):
        answer = asked.post("review/names", content=body, headers={"content-type": kind})
        assert 415 == answer.status_code
    for name, value in (("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")):
        answer = asked.post(
            "review/names", content=body, headers={"content-type": "application/json", name: value}
        )
        assert 403 == answer.status_code
    assert before == monitor.position


def test_a_token_guards_it_where_one_is_set(monitor: Monitor) -> None:
    """For reading and for deciding; whoever the doors know is in the entry."""
    monitor.declare([company("huawei")])
    guarded = asking(monitor, Doors(token="a-long-token"))
    assert 401 == guarded.get("scores").status_code
    said = {"verdict": "reject", "name": "X", "company": "huawei"}
    assert 401 == decide(guarded, "names", **said)[0]
    guarded.auth = ("grace", "a-long-token")
    assert 200 == guarded.get("scores").status_code
    assert 200 == decide(guarded, "names", **said)[0]
    (match,) = rulings(monitor, "match.decided")
    assert "Ada (signed in as grace)" == match["by"]
