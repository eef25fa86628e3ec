"""The index of names: what it finds, and that nothing but the names decides it."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from riskmon.naming import index as index_module
from riskmon.naming.index import Index
from tests.test_names_compare import names

STORED = [
    "Ruritania Glass Works",
    "Baltic Diamond Mill",
    "Zarya Khalid Trading Co., Ltd.",
    "Kuznetsk Steel",
    "Acme Fund 2",
    "Acme Fund 3",
    "Toyota Motor",
    "トヨタ自動車株式会社",
    "スズキ",
    "マクドナルド",
    "Gosudarstvennaya Fabrika",
    "北京百度网讯科技有限公司",
    "Газпром",
]
SYLLABLES = ("ba", "do", "ku", "li", "mo", "ner", "pol", "ras", "ten", "vik", "zu", "gar")
TRADES = ("Bank", "Trading", "Steel", "Glass", "Works", "Motor", "Fund", "Holdings", "Electronics")


def crowd(size: int) -> list[str]:
    """Return invented names, each once."""
    lots = random.Random(11)  # noqa: S311 (draws lots, guards nothing)
    found: dict[str, None] = {}
    while len(found) < size:
        word = "".join(lots.choices(SYLLABLES, k=lots.randrange(2, 5))).capitalize()
        found[f"{word} {lots.choice(TRADES)} {lots.choice(['Ltd', 'LLC', 'AG', ''])}".strip()] = (
            None
        )
    return [*found]


NAMES = crowd(700) + STORED
QUERIES = [*STORED, *NAMES[:30], "Works Glass", "Kuznetsk", "Bank", "BDM", "zudo polner", "百度"]


@pytest.fixture(scope="module")
def index() -> Index:
    """Return the stored names in a crowd of others."""
    return Index(NAMES)


@pytest.mark.parametrize(
    ("asked", "stored"),
    [
        ("Works, Glass, of Ruritania", "Ruritania Glass Works"),
        ("Ruritanya Glas Works", "Ruritania Glass Works"),
        ("BDM", "Baltic Diamond Mill"),
        ("Zaria Halid Trading", "Zarya Khalid Trading Co., Ltd."),
        ("ZaryaKhalid", "Zarya Khalid Trading Co., Ltd."),
        ("Kuznetsk Stal", "Kuznetsk Steel"),
        ("Acme Fund II", "Acme Fund 2"),
        ("Third Acme Fund", "Acme Fund 3"),
        ("Suzuki", "スズキ"),
        ("McDonald", "マクドナルド"),
        ("State Factory", "Gosudarstvennaya Fabrika"),
        ("トヨタ モーター", "Toyota Motor"),
        ("トヨタ自動車", "トヨタ自動車株式会社"),
        ("百度", "北京百度网讯科技有限公司"),
        ("Gazprom", "Газпром"),
    ],
)
def test_a_name_is_found(index: Index, asked: str, stored: str) -> None:
    """First of all: by its words in another order, misspelt, by initials, script or language."""
    assert stored == NAMES[index.candidates(asked)[0]]


def test_initials_that_sound_otherwise_are_found(index: Index) -> None:
    """As others are: a W is a V when it is asked for."""
    assert ["Ruritania Glass Works"] == [NAMES[place] for place in index.candidates("RGW", 1)]


def test_every_name_is_found_by_itself(index: Index) -> None:
    """Before all others but those of the same words."""
    missed = [name for place, name in enumerate(NAMES) if place not in index.candidates(name, 3)]
    assert [] == missed


@pytest.mark.parametrize("limit", [0, 1, 7, 30])
def test_no_more_are_found_than_asked_for(index: Index, limit: int) -> None:
    """The first of those that a higher limit finds, each once."""
    for asked in QUERIES:
        found = index.candidates(asked, 100)
        assert found[:limit] == index.candidates(asked, limit)
        assert len(set(found)) == len(found)
    assert limit == len(index.candidates("Bank", limit))


@pytest.mark.parametrize("name", ["", "Acme", "百度", "😀"])
def test_nothing_is_found_where_nothing_is(index: Index, name: str) -> None:
    """In an empty index, in one of names without letters, and by a name without letters."""
    assert [] == Index([]).candidates(name)
    assert [] == Index(["", "😀", "----"]).candidates(name)
    assert [] == index.candidates("----")


def test_the_order_of_names_does_not_matter(index: Index) -> None:
    """The same are found, in the same order, wherever they stand."""
    lots = random.Random(5)  # noqa: S311 (draws lots, guards nothing)
    places = lots.sample(range(len(NAMES)), len(NAMES))
    shuffled = Index([NAMES[place] for place in places])
    for asked in QUERIES:
        expected = [NAMES[place] for place in index.candidates(asked, 10)]
        actual = [NAMES[places[place]] for place in shuffled.candidates(asked, 10)]
        assert ranked(expected) == ranked(actual)


def ranked(found: list[str]) -> list[str]:
    """Return names without what the order does not look at: legal forms."""
    return [" ".join(name.split()[:2]) for name in found]


@settings(max_examples=60)
@given(st.lists(names, max_size=12, unique=True), names, st.randoms(use_true_random=False))
def test_any_names_can_be_stored_and_asked_for(stored: list[str], asked: str, lots: object) -> None:
    """None raises; in whatever order, the same are found."""
    assert isinstance(lots, random.Random)
    shuffled = lots.sample(stored, len(stored))
    found = {stored[place] for place in Index(stored).candidates(asked)}
    assert found == {shuffled[place] for place in Index(shuffled).candidates(asked)}


@pytest.mark.parametrize("chunk", [1, 7, 1000])
def test_chunks_are_not_seen(chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """However few terms are sorted at a time, the same are found."""
    monkeypatch.setattr(index_module, "CHUNK", chunk)
    actual = Index(NAMES[-40:])
    monkeypatch.undo()
    expected = Index(NAMES[-40:])
    for asked in QUERIES:
        assert expected.candidates(asked) == actual.candidates(asked)


def test_many_may_ask_at_once(index: Index) -> None:
    """None finds what another asked for."""
    asked = QUERIES * 20
    expected = [index.candidates(name) for name in asked]
    with ThreadPoolExecutor(4) as pool:
        assert expected == list(pool.map(index.candidates, asked))
