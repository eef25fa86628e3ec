"""The review page: what waits, what is decided by its forms, by whom and why, once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import riskmon
from riskmon.decisions import DRAFT
from riskmon.ledger import Fact
from riskmon.model import Event, canonical
from riskmon.monitor import Monitor
from tests import pages
from tests.builders import Clock, company, event, listed
from tests.pages import HOSTILE, RUNS, asking, named, page, send, text
from tests.test_lists import CUBA, sdn

OURS, THEIRS = "Huawei Technologies Syria", "Hikvision Digital Syria"
SIGNED = {"by": "Ada", "why": "I asked them"}


@pytest.fixture
def waits(tmp_path: Path, clock: Clock) -> Iterator[Monitor]:
    """Open a monitor in which two names, a copy of a list and two drafts wait."""
    with riskmon.open(f"sqlite:///{tmp_path / 'risk.db'}", clock=clock) as monitor:
        huawei = company("huawei", name="Huawei Technologies Co., Ltd.")
        hik = company("hik", name="Hikvision Digital Technology Co., Ltd.")
        monitor.declare([huawei, hik, company("example", name="Example AG")])
        monitor.ingest([listed(OURS), listed(THEIRS) | {"topics": ["section-1260h"]}])
        yield monitor


def hold(monitor: Monitor, folder: Path, name: str = "sdn.csv") -> None:
    """Give a copy of a list, and then one that lacks so much that it is held."""
    for entries, day in ((CUBA, "2023-12-01"), (dict(list(CUBA.items())[:1900]), "2023-12-02")):
        (folder / name).write_bytes(sdn(entries))
        monitor.ingest(folder / name, source="ofac-sdn", dated=day)


def draft(monitor: Monitor, ref: str, confidence: float, **more: Any) -> None:
    """Tell a draft of an event, as an extractor would."""
    said = {"sentence": f"Sentence {ref}.", "confidence": confidence}
    parties = [{"name": "Example AG"}]
    fields = {"source": "my-model", "type": "case.indicted", "topics": ["trade-secrets"]}
    told = event(ref=ref, title=f"Charged {ref}", parties=parties, attributes=said, **fields)
    body = canonical(Event.model_validate(told | more))
    monitor._append([Fact(DRAFT, "my-model", ref, body)])


def row(*parts: str) -> str:
    return json.dumps(parts)


def decisions(monitor: Monitor) -> list[tuple[str, str, str, str]]:
    """Return what persons decided: verdict, of what, by whom, why."""
    found = []
    for one in monitor.entries():
        if one.kind == "ruling.made" or (one.kind == "match.decided" and one.source == "review"):
            body = json.loads(one.body)
            what = body.get("name") or body["ref"]
            found.append((body["verdict"], what, body["by"], body["why"]))
    return found


# Names


def test_names_wait_with_reasons_and_what_they_would_move(waits: Monitor) -> None:
    """What moves most points first; each candidate with its likelihood and the reasons for it."""
    names = named(page(asking(waits), "/review"), "names")
    shown = names.findall(".//fieldset")
    expected = []
    for one in waits.review():
        first = one.candidates[0]
        head = f"{one.name} {one.points:+.2f} points for {waits.find(first.company).name}, 1 event"
        expected.append((head, f"{first.score:.2f}", [pages.whole(x) for x in first.reasons[1:]]))
    assert expected == [
        (
            text(one.find("legend")),
            text(one.find(".//span[@class='number']")),
            [text(reason) for reason in one.findall(".//ul/li")],
        )
        for one in shown
    ]
    assert [OURS, THEIRS] == [one.name for one in waits.review()]


def test_a_name_is_accepted_and_that_is_told_and_can_be_taken_back(waits: Monitor) -> None:
    """An entry with who and why; the page then says what was done, and has a form to undo it."""
    browser = asking(waits)
    fields = {"row-0": row("accept", OURS, "huawei"), "row-1": "", **SIGNED}
    answer = send(browser, "/review/names", fields)
    assert 303 == answer.status_code
    assert [("accept", OURS, "Ada", "I asked them")] == decisions(waits)
    assert "huawei" == waits.resolve(OURS).company
    root = page(browser, answer.headers["location"])
    told = f"Accepted: {OURS} is Huawei Technologies Co., Ltd. Entry"
    assert told in text(root.find(".//section[@id='done']"))
    assert [THEIRS] == [one.name for one in waits.review()]

    undo = {"row-0": row("undo", OURS, "huawei"), "by": "Bob", "why": "It was another one"}
    answer = send(browser, "/review/names", undo, answer.headers["location"])
    assert 303 == answer.status_code
    assert ("undo", OURS, "Bob", "It was another one") == decisions(waits)[-1]
    assert [OURS, THEIRS] == [one.name for one in waits.review()]
    assert "Taken back" in text(page(browser, answer.headers["location"]))


def test_several_names_are_decided_at_once(waits: Monitor) -> None:
    """Each by its own row; what is left to decide later is left."""
    rows = {"row-0": row("reject", OURS, "huawei"), "row-1": row("accept", THEIRS, "hik")}
    assert 303 == send(asking(waits), "/review/names", rows | SIGNED).status_code
    verdicts = [(one[0], one[1]) for one in decisions(waits)]
    assert [("reject", OURS), ("accept", THEIRS)] == verdicts
    assert "No name waits." in text(named(page(asking(waits), "/review"), "names"))


def test_a_form_that_is_sent_twice_decides_once(waits: Monitor) -> None:
    """The second time it says what was decided, when, by whom and why."""
    browser = asking(waits)
    fields = {"row-0": row("accept", OURS, "huawei"), **SIGNED}
    root = page(browser, "/review")
    token = root.find(".//form[@action='/review/names']/input[@name='csrf']")
    assert token is not None
    fields["csrf"] = token.get("value") or ""
    answers = [browser.post("/review/names", data=fields) for _ in range(2)]
    assert [303, 409] == [one.status_code for one in answers]
    assert 1 == len(decisions(waits))
    said = "nothing was decided here: it was accepted on 2024-01-01 00:00Z by Ada: I asked them"
    assert said in text(pages.tree(answers[1].text))


def test_what_somebody_else_decided_meanwhile_is_said(waits: Monitor, clock: Clock) -> None:
    """The rest of the form is decided all the same."""
    browser = asking(waits)
    page(browser, "/review")
    clock.turn("2024-01-02")
    waits.reject(OURS, "huawei", by="Bob", why="It is in Syria")
    rows = {"row-0": row("accept", OURS, "huawei"), "row-1": row("accept", THEIRS, "hik")}
    answer = send(browser, "/review/names", rows | SIGNED)
    assert 409 == answer.status_code
    root = pages.tree(answer.text)
    alert = text(root.find(".//div[@role='alert']"))
    assert "it was rejected on 2024-01-02 00:00Z by Bob: It is in Syria" in alert
    assert f"Accepted: {THEIRS} is" in text(root.find(".//section[@id='done']"))
    assert None is waits.resolve(OURS).company


def test_a_name_that_came_to_mean_a_company_is_not_given_to_another(waits: Monitor) -> None:
    """Declared meanwhile, it is that one's."""
    browser = asking(waits)
    page(browser, "/review")
    waits.declare([company("syria", name=OURS)])
    answer = send(browser, "/review/names", {"row-0": row("accept", OURS, "huawei")} | SIGNED)
    assert 409 == answer.status_code
    assert "it means syria by now, by its name" in text(pages.tree(answer.text))
    assert [] == decisions(waits)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"by": "", "why": "x"}, "say who decides, and why"),
        ({"by": "Ada", "why": "  "}, "say who decides, and why"),
        ({"by": "A" * 201, "why": "x"}, "is too long"),
    ],
)
def test_who_and_why_are_asked_for(waits: Monitor, fields: dict[str, str], told: str) -> None:
    """Without them nothing is decided; what was chosen and typed is kept in the form."""
    chosen = row("accept", OURS, "huawei")
    answer = send(asking(waits), "/review/names", {"row-0": chosen, **fields})
    assert 400 == answer.status_code
    root = pages.tree(answer.text)
    assert told in text(root.find(".//div[@role='alert']"))
    assert [] == decisions(waits)
    form = root.find(".//form[@action='/review/names']")
    assert form is not None
    checked = [one.get("value") for one in form.iter("input") if "checked" in one.attrib]
    assert [chosen, ""] == checked
    assert fields["by"].strip() == form.find(".//input[@name='by']").get("value")  # type: ignore[union-attr]


def test_nothing_chosen_decides_nothing(waits: Monitor) -> None:
    """Nor does what the page does not ask; each is said."""
    browser = asking(waits)
    for fields, status, told in (
        ({"row-0": ""}, 400, "choose at least one"),
        ({"row-0": "accept"}, 409, "what this page does not ask"),
        ({"row-0": "[" * 10_000}, 409, "what this page does not ask"),
        ({"row-0": row("maybe", OURS, "huawei")}, 409, "expected accept or reject, got 'maybe'"),
        ({"row-0": row("accept", OURS, "nobody")}, 409, "expected the id of a declared company"),
        ({"row-0": row("undo", OURS, "huawei")}, 409, "nothing is decided that could be taken"),
        ({"row-0": row("accept", "", "huawei")}, 409, "expected a name with a letter"),
    ):
        answer = send(browser, "/review/names", fields | SIGNED)
        assert status == answer.status_code, fields
        assert told in text(pages.tree(answer.text))
    assert [] == decisions(waits)


def test_a_form_of_another_page_decides_nothing(waits: Monitor) -> None:
    """Without the token, with another one, or sent from another origin."""
    browser = asking(waits)
    page(browser, "/review")
    fields = {"row-0": row("accept", OURS, "huawei"), **SIGNED}
    for csrf in ({}, {"csrf": "0" * 80}):
        assert 403 == browser.post("/review/names", data=fields | csrf).status_code
    assert [] == decisions(waits)
    assert 405 == browser.get("/review/names").status_code


def test_who_is_signed_in_is_kept_beside_who_decides(waits: Monitor) -> None:
    """The form proposes him; where somebody else is typed, the entry has both."""
    browser = asking(waits, user_header="X-User", proxies=frozenset({"testclient"}))
    browser.headers["X-User"] = "ada@example.org"
    root = page(browser, "/review")
    by = root.find(".//input[@id='names-by']")
    assert by is not None
    assert "ada@example.org" == by.get("value")
    send(browser, "/review/names", {"row-0": row("reject", OURS, "huawei")} | SIGNED)
    assert "Ada (signed in as ada@example.org)" == decisions(waits)[0][2]


# Copies


def test_a_held_copy_is_shown_and_taken_in(waits: Monitor, tmp_path: Path) -> None:
    """With its reasons and what it would change; accepted, it changes that."""
    hold(waits, tmp_path)
    (held,) = waits.held()
    browser = asking(waits)
    shown = text(named(page(browser, "/review"), "copies"))
    for part in (*held.reasons, "It would list 0, amend 0, delist 200; rows refused: 0."):
        assert pages.whole(part) in shown
    answer = send(
        browser, "/review/copies", {"row-0": row("accept", held.source, held.ref)} | SIGNED
    )
    assert 303 == answer.status_code
    assert [] == waits.held()
    assert [("accept", held.ref, "Ada", "I asked them")] == decisions(waits)
    done = text(page(browser, answer.headers["location"]).find(".//section[@id='done']"))
    assert f"Accepted: ofac-sdn:{held.ref} Entry" in done
    assert "Take it back" not in done


def test_a_held_copy_is_left_out_once(waits: Monitor, tmp_path: Path) -> None:
    """Sent again, it says by whom it was."""
    hold(waits, tmp_path)
    (held,) = waits.held()
    fields = {"row-0": row("reject", held.source, held.ref)} | SIGNED
    assert 303 == send(asking(waits), "/review/copies", fields).status_code
    hold(waits, tmp_path, "again.csv")  # rejected, it does not wait
    assert [] == waits.held()
    assert "No copy is held." in text(page(asking(waits), "/review"))


def test_a_copy_that_cannot_be_taken_in_any_more_is_said(waits: Monitor, tmp_path: Path) -> None:
    """Since the list was read meanwhile; nothing is decided of it."""
    hold(waits, tmp_path)
    (held,) = waits.held()
    browser = asking(waits)
    page(browser, "/review")
    (tmp_path / "sdn.csv").write_bytes(sdn(CUBA | {9999: "EXAMPLE 9999"}))
    waits.ingest(tmp_path / "sdn.csv", source="ofac-sdn", dated="2023-12-03")
    fields = {"row-0": row("accept", held.source, held.ref)} | SIGNED
    answer = send(browser, "/review/copies", fields)
    assert 409 == answer.status_code
    assert "was read since this copy was held" in text(pages.tree(answer.text))


# Drafts


def test_drafts_are_accepted_and_rejected(waits: Monitor) -> None:
    """The surest first, each with its sentence; what is accepted scores, what is not does not."""
    for ref, confidence in (("low", 0.2), ("sure", 0.95), ("mid", 0.6)):
        draft(waits, ref, confidence)
    browser = asking(waits)
    drafts = named(page(browser, "/review"), "drafts")
    assert [f"Charged {ref}" for ref in ("sure", "mid", "low")] == [
        text(one).partition(" confidence")[0] for one in drafts.iter("legend")
    ]
    assert "Sentence sure." == text(drafts.find(".//blockquote"))
    rows = {"row-0": row("accept", "my-model", "sure"), "row-1": row("reject", "my-model", "mid")}
    answer = send(browser, "/review/drafts", rows | SIGNED)
    assert 303 == answer.status_code
    assert [("accept", "sure"), ("reject", "mid")] == [one[:2] for one in decisions(waits)]
    assert ["my-model:sure"] == [one.matter for one in waits.score("example").lines]
    assert ["low"] == [one.event.ref for one in waits.drafts()]
    answer = send(browser, "/review/drafts", rows | SIGNED)
    assert 409 == answer.status_code
    alert = text(pages.tree(answer.text).find(".//div[@role='alert']"))
    assert "draft my-model:sure: nothing was decided here: it was accepted on" in alert
    assert "draft my-model:mid: nothing was decided here: it was rejected on" in alert
    assert 2 == len(decisions(waits))


def test_all_drafts_that_are_sure_are_accepted_at_once(waits: Monitor) -> None:
    """From a confidence on; one that is none is refused."""
    for ref, confidence in (("low", 0.2), ("sure", 0.95), ("mid", 0.6)):
        draft(waits, ref, confidence)
    browser = asking(waits)
    for wrong in ("60", "nan", "much"):
        answer = send(browser, "/review/drafts", {"confidence": wrong} | SIGNED)
        assert 409 == answer.status_code
        assert "expected a confidence from 0 to 1" in text(pages.tree(answer.text))
    answer = send(browser, "/review/drafts", {"confidence": "0.6"} | SIGNED)
    assert ["sure", "mid"] == [one[1] for one in decisions(waits)]
    done = text(page(browser, answer.headers["location"]).find(".//section[@id='done']"))
    assert "Accepted: my-model:sure Entry" in done
    assert "Accepted: my-model:mid Entry" in done


# All of it


def test_the_page_says_that_nothing_waits(tmp_path: Path, clock: Clock) -> None:
    """Before anything was recorded, too."""
    with riskmon.open(f"sqlite:///{tmp_path / 'risk.db'}", clock=clock) as monitor:
        shown = text(page(asking(monitor), "/review"))
    for part in ("No name waits.", "No copy is held.", "No draft waits."):
        assert part in shown


def test_an_address_tells_only_what_was_decided(waits: Monitor) -> None:
    """Somebody's link cannot make the page say that something was done."""
    waits.reject(OURS, "huawei", by="Ada", why="No")
    last = waits.position
    for done in ("1", "0", str(last + 1), "9" * 400, "-1", "1-5", "\u0661", "..", "<script>"):
        root = page(asking(waits), f"/review?done={done}")
        assert None is root.find(".//section[@id='done']")
    assert "Rejected" in text(page(asking(waits), f"/review?done={last}"))


def test_nothing_that_waits_acts(waits: Monitor, tmp_path: Path) -> None:
    """Names, titles, sentences, parties, addresses, file names, who and why: text, all of it."""
    name = "'\"><Huawei Technologies\x1b\u202e> </form>{{Iran}}"
    waits.ingest([listed(name)])
    file = HOSTILE.replace("/", "")
    hold(waits, tmp_path, f"{file[:60]}.csv")
    said = {"sentence": HOSTILE, "confidence": 0.5}
    parties = [{"name": HOSTILE}]
    draft(waits, HOSTILE, 0.5, title=HOSTILE, attributes=said, parties=parties, url=RUNS)
    browser = asking(waits)
    root = page(browser, "/review")
    pages.harmless(root)
    shown = pages.whole(HOSTILE)
    assert pages.whole(name) in text(named(root, "names"))
    assert pages.whole(file[:60]) in text(named(root, "copies"))
    drafts = text(named(root, "drafts"))
    assert 4 <= drafts.count(shown)
    assert RUNS in drafts

    # What the form holds is what is decided, to the character.
    form = root.find(".//form[@action='/review/drafts']")
    assert form is not None
    values = [one.get("value") or "" for one in form.iter("input") if one.get("name") == "row-0"]
    signed = {"by": "<b>Ada</b>", "why": HOSTILE}
    answer = send(browser, "/review/drafts", {"row-0": values[1]} | signed)
    assert 303 == answer.status_code
    assert [("accept", HOSTILE, "<b>Ada</b>", HOSTILE)] == decisions(waits)
    root = page(browser, answer.headers["location"])
    pages.harmless(root)
    assert f"<b>Ada</b>: {shown}" in text(root.find(".//section[@id='done']"))


def test_forms_work_by_keyboard_and_are_labelled(waits: Monitor, tmp_path: Path) -> None:
    """Each field has its label, each group its legend; to decide later is what is chosen."""
    hold(waits, tmp_path)
    draft(waits, "one", 0.5)
    root = page(asking(waits), "/review")
    labelled = {one.get("for") for one in root.iter("label")}
    inside = {id(field) for label in root.iter("label") for field in label.iter("input")}
    ids = []
    for one in root.findall(".//main//input"):
        if one.get("type") != "hidden":
            assert one.get("id") in labelled or id(one) in inside, one.attrib
        ids += [one.get("id")] if one.get("id") else []
    assert len(set(ids)) == len(ids)
    groups = root.findall(".//fieldset")
    assert 4 == len(groups)
    for one in groups:
        assert one.find("legend") is not None
        assert [""] == [e.get("value") for e in one.iter("input") if "checked" in e.attrib]


def test_clocks_are_carried_through_a_decision(waits: Monitor) -> None:
    """What names would move is as of the day that is looked at, before and after."""
    browser = asking(waits)
    query = "?as_of=2023-12-31"
    names = named(page(browser, f"/review{query}"), "names")
    assert "+0.00 points" in text(names)
    fields = {"row-0": row("reject", OURS, "huawei")} | SIGNED
    answer = send(browser, f"/review/names{query}", fields, f"/review{query}")
    assert answer.headers["location"].startswith(f"/review{query}&done=")
