"""How names are read and compared: laws for any text, and a promise for each kind of name."""

from __future__ import annotations

import csv
import itertools
import json
import math
import random
import re
from collections import Counter
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from riskmon.names import compare
from riskmon.naming import legal, pairs, trees, written
from riskmon.naming.likeness import LEFT, WHOLE, Meeting, likeness, scored
from riskmon.naming.scripts import sound
from riskmon.naming.written import read

# Laws

PIECES = (
    *("acme", "acmee", "khalid", "halid", "micro", "chip", "microchip", "steel", "stal", "bank"),
    *("holding", "trading", "fund", "trust", "II", "first", "44", "twenty", "v", "a", "ab", "&"),
    *("GmbH", "Co.,", "Ltd", "OOO", "S.A.", "(AB)", "f.k.a.", "?", "'", "Нuawei", "Газпром"),
    *("华为", "華為", "トヨタ", "株式会社", "삼성", "שלום", "النور", "😀", "\u200f", "\u0301", "ﷺ"),
)
names = st.text() | st.lists(st.sampled_from(PIECES), max_size=7).map(" ".join)
many = settings(max_examples=500)


@many
@given(names, names)
def test_a_likelihood_is_the_same_either_way(a: str, b: str) -> None:
    """Of any two texts, 0 to 1; none raises."""
    score = compare(a, b)
    assert score == compare(b, a)
    assert 0 <= score <= 1


@many
@given(names)
def test_a_name_is_its_own(name: str) -> None:
    """Where it has a word, and none twice."""
    words = read(name).words
    assume(words and len(set(words)) == len(words))
    assert 1 == compare(name, name)


@pytest.mark.parametrize("name", ["Duran & Duran", "Bank Bank First"])
def test_a_name_with_a_word_twice_is_its_own(name: str) -> None:
    """Both meet."""
    assert 1 == compare(name, name)


@pytest.mark.parametrize("name", ["", " ", "😀", "----", "?!", "\u200f", "\u0301"])
def test_what_has_neither_letter_nor_figure_is_nobody(name: str) -> None:
    """It is like nothing, itself included."""
    assert {0.0} == {compare(name, other) for other in ("", "7", "GmbH", "Acme", "😀", name)}


@pytest.mark.parametrize("name", ["7", "II", "13th", "GmbH", "Co., Ltd.", "JSC", "公司"])
def test_numbers_and_legal_forms_are_like_no_name(name: str) -> None:
    """No such name comes near one with words: neither would be shown to a person."""
    others = ["Acme", "Acme GmbH", "Acme II", "7 Acme", "Vostok JSC", "Jason Co., Ltd.", "百度"]
    assert [] == [other for other in others if compare(name, other) > 0.1]


@pytest.mark.parametrize("letters", ["a", "é", "百", "カ", "(", "a.", "'", "i ", "1", "ﷺ", "㈱"])
def test_a_long_name_is_read_so_far(letters: str) -> None:
    """Ten thousand letters compare as the first four hundred do."""
    name = letters * (10_000 // len(letters))
    assert read(name) == read(name[: written.MOST_LETTERS * len(letters)])
    assert 0 <= compare(name, "Acme") <= 0.1


# Numbers, before legal forms


@pytest.mark.parametrize(
    ("name", "words", "numbers"),
    [
        ("Trust II", "trust", "2"),
        ("13th Research Institute", "research institute", "13"),
        ("Fund Two", "fund", "2"),
        ("First Bancorp", "bancorp", "1"),
        ("Brigade forty-four", "brigade", "44"),
        ("Brigade fourty four", "brigade", "44"),
        ("Twenty First Century", "century", "21"),
        ("21st Century", "century", "21"),
        ("Acme V GmbH", "acme", "5"),
        ("V Acme", "v acme", ""),
        ("Acme I", "acme", "1"),
        ("I Acme", "i acme", ""),
        ("V GmbH", "v", ""),
        ("Brigade 40 4", "brigade", "4 40"),
        ("Forty Plants 4", "plants", "4 40"),
        ("Plant 7 of Region 12", "plant region", "12 7"),
        ("Acme ٣", "acme", "3"),
    ],
)
def test_numbers_are_read(name: str, words: str, numbers: str) -> None:
    """As figures, ordinals, words or Roman; a lone letter only at the end."""
    found = read(name)
    actual = " ".join(word.text for word in found.words), " ".join(found.numbers)
    assert (words, numbers) == actual


@pytest.mark.parametrize(
    "same",
    [
        ["Acme Fund Two", "Acme Fund 2", "Acme Fund II", "Acme Fund II LLC", "Acme 2nd Fund"],
        ["Brigade forty-four", "Brigade 44", "44th Brigade", "Brigade Forty Four"],
        ["21st Century Glass", "Twenty First Century Glass", "Twenty-first Century Glass"],
    ],
)
def test_a_number_is_the_same_however_written(same: list[str]) -> None:
    """Where the words are the same too, it is the same name."""
    assert [] == [pair for pair in itertools.combinations(same, 2) if compare(*pair) != 1]


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("13th Research Institute", "14th Research Institute"),
        ("Acme Trust II", "Acme Trust"),
        ("Acme Trust II", "Acme Trust III"),
        ("First Bancorp", "Fifth Bancorp"),
        ("Altitude Acquisition Corp. III", "Altitude Acquisition Corp. II"),
        ("Brigade 44", "Brigade forty-five"),
    ],
)
def test_numbered_siblings_are_not_one(a: str, b: str) -> None:
    """Whatever else is the same."""
    assert compare(a, b) <= trees.SIBLINGS


# Legal forms


@pytest.mark.parametrize(
    ("name", "words", "forms", "legal_forms"),
    [
        ("OOO Vostok", "vostok", "limited", ["ooo"]),
        ("Vostok LLC", "vostok", "limited", ["llc"]),
        ("ООО «Восток»", "vostok", "limited", ["ooo"]),
        (
            *("OBSHCHESTVO S OGRANICHENNOI OTVETSTVENNOSTYU VOSTOK", "vostok", "limited"),
            ["obshchestvo s ogranichennoi otvetstvennostyu"],
        ),
        (
            *("Obschestvo s ogranichennoy otvetstvennostyu Vostok", "vostok", "limited"),
            ["obschestvo s ogranichennoy otvetstvennostyu"],
        ),
        ("AO Vostok", "vostok", "stock", ["ao"]),
        ("Vostok JSC", "vostok", "stock", ["jsc"]),
        ("Ruritania Glass S.A. de C.V.", "ruritania glass", "stock", ["sa de cv"]),
        ("Ruritania GmbH & Co. KG", "ruritania", "limited", ["gmbh and co kg"]),
        ("S.A. Ruritania AG", "ruritania", "stock", ["sa", "ag"]),
        ("Ruritania Glass Co., Ltd.", "ruritania glass", "limited", ["co ltd"]),
        ("SiemensAG", "siemens", "stock", ["ag"]),
        ("Ag Glass Works", "glass works", "stock", ["ag"]),
        ("Glass Ag Works", "glass ag works", "", []),
        ("Co., Ltd.", "co ltd", "limited", []),
    ],
)
def test_legal_forms_are_read(name: str, words: str, forms: str, legal_forms: list[str]) -> None:
    """In all languages, wherever they stand; short ones are words in the middle of a name.

    A name of nothing else is called by them.
    """
    found = read(name)
    actual = (" ".join(word.text for word in found.words), " ".join(found.forms), [*found.legal])
    assert (words, forms, legal_forms) == actual


@pytest.mark.parametrize(
    "same",
    [
        ["OOO Vostok", "Vostok LLC", "Восток ООО"],
        ["OBSHCHESTVO S OGRANICHENNOI OTVETSTVENNOSTYU VOSTOK", "OOO 'Vostok'"],
        [
            "AO Vostok",
            "Vostok JSC",
            "Joint Stock Company Vostok",
            "AKTSIONERNOE OBSHCHESTVO VOSTOK",
        ],
        ["Ruritania Glass S.A. de C.V.", "Ruritania Glass", "RURITANIA GLASS SA"],
        ["Müller GmbH & Co. KG", "Muller GmbH", "MULLER"],
        ["株式会社日立製作所", "日立製作所㈱"],
        ["トヨタ", "トヨタ株式会社", "ﾄﾖﾀ㈱"],
        ["百度", "百度股份有限公司", "百度有限公司"],
        ["삼성전자", "삼성전자 주식회사"],
    ],
)
def test_a_legal_form_more_is_the_same_name(same: list[str]) -> None:
    """Of one class, or on one side only."""
    assert [] == [pair for pair in itertools.combinations(same, 2) if compare(*pair) != 1]


def test_a_legal_form_of_another_class_is_for_a_person() -> None:
    """The same words are no more likely than that, and no less."""
    assert trees.OTHER_FORM == compare("OOO Vostok", "Vostok JSC") < WHOLE


def test_initials_are_for_a_person() -> None:
    """Three letters or more, each the first of a word; two are too many companies'."""
    assert trees.INITIALS == compare("CBR", "Central Bank of Ruritania") < WHOLE
    assert compare("AB", "Acme Bureau") < trees.INITIALS
    assert compare("CBX", "Central Bank of Ruritania") < trees.INITIALS


# What is written


@pytest.mark.parametrize(
    "same",
    [
        ["A.B.C. Trading", "A. B. C. Trading", "A B C Trading", "ABC Trading"],
        ["Smith & Sons", "Smith and Sons", "Smith + Sons", "SMITH AND SONS"],
        ["O’Neil Glass", "O'Neil Glass", "ONeil Glass", "Oʼneil Glass"],
        ["?Zarya?", "Zarya", "“Zarya”", "'Zarya'", "«Zarya»"],
        ["Zarya?s Bank", "Zarya's Bank", "Zaryas Bank"],
        ["Zarya f.k.a. Rassvet", "Zarya (formerly Rassvet)", "Zarya also known as Z", "Zarya"],
        ["Zarya Concern Works (ZCW)", "Zarya Concern Works"],
        ["Bank of Ruritania", "The Bank of Ruritania", "Bank Ruritania"],
        ["Ｂａｉｄｕ", "Baidu", "BAIDU"],
    ],
)
def test_these_are_one_name(same: list[str]) -> None:
    """Initials, ampersands, apostrophes, lost quotes, former names, acronyms, articles, widths."""
    assert [] == [pair for pair in itertools.combinations(same, 2) if compare(*pair) != 1]


def test_words_written_together_meet() -> None:
    """Two words in a row and the one that they are."""
    found = likeness("Micro Chip Factory", "Microchip Factory")
    expected = (
        Meeting("factory", "factory", "the same", 1.0),
        Meeting("micro chip", "microchip", "written together", 0.96),
    )
    assert expected == found.met
    assert found.score > WHOLE


@pytest.mark.parametrize(
    ("a", "b", "heard"),
    [
        ("khalid", "halid", "halid"),
        ("maksim", "maxim", "masim"),
        ("alexey", "aleksei", "alisi"),
        ("yuzhny", "iuzhnyi", "usni"),
        ("shcherbakov", "scherbakov", "sirbakav"),
    ],
)
def test_transliterations_sound_alike(a: str, b: str, heard: str) -> None:
    """So they are another spelling of one word."""
    assert (heard, heard) == (sound(a), sound(b))
    assert (Meeting(a, b, "another spelling", 0.97),) == likeness(a, b).met
    assert compare(f"Zarya {a} Works", f"Zarya {b} Works") > WHOLE


@pytest.mark.parametrize(
    ("name", "scripts", "mixed"),
    [
        ("Baidu, Inc.", {"latin"}, False),
        ("Газпром", {"cyrillic"}, False),
        ("Ελλάδα", {"greek"}, False),
        ("שלום", {"hebrew"}, False),
        ("شركة النور", {"arabic"}, False),
        ("บริษัท", {"thai"}, False),
        ("삼성전자", {"hangul"}, False),
        ("トヨタ自動車", {"han", "kana"}, False),
        ("百度", {"han"}, False),
        ("Ქართული", {"other"}, False),
        ("Газпром Bank", {"cyrillic", "latin"}, False),
        ("7 😀", set(), False),
        ("\u041duawei", {"cyrillic", "latin"}, True),
        ("Huawe\u0456", {"cyrillic", "latin"}, True),
        ("Hu\u03b1wei", {"greek", "latin"}, True),
    ],
)
def test_scripts_are_told_apart(name: str, scripts: set[str], mixed: bool) -> None:  # noqa: FBT001
    """And a word that mixes some that look alike is flagged: a homoglyph."""
    found = read(name)
    assert (scripts, mixed) == (set(found.scripts), found.mixed)


@pytest.mark.parametrize(
    ("a", "b"),
    [("Газпром", "Gazprom"), ("华为", "Huawei"), ("トヨタ", "Toyota"), ("Ελλάδα", "Ellada")],
)
def test_a_name_is_like_its_reading_in_latin_letters(a: str, b: str) -> None:
    """Which only finds it: another script is a veto."""
    found = likeness(a, b)
    assert found.score > WHOLE
    assert [veto for veto in found.vetoes(6.0) if veto.endswith("and latin script")]


@pytest.mark.parametrize(
    ("name", "heard"),
    [("サッポロ", "saporo"), ("トーキョーグループ", "tokyo group"), ("スズキ", "suzuki")],
)
def test_kana_is_romaji(name: str, heard: str) -> None:
    """Long vowels and doubled consonants are not heard; loans are the English words they are."""
    assert heard == " ".join(word.text for word in read(name).words)


def test_simplified_chinese_is_the_traditional_one() -> None:
    """The same characters, so the same name."""
    pytest.importorskip("opencc", reason="needs the extra cjk")
    assert read("中国铁建").native == read("中國鐵建").native
    assert 1 == compare("中国铁建股份有限公司", "中國鐵建股份有限公司")
    assert () == tuple(likeness("中国铁建", "中國鐵建").vetoes(6.0))


def test_a_character_with_variants_is_one() -> None:
    """Of one simplified character there may be more than one traditional."""
    pytest.importorskip("opencc", reason="needs the extra cjk")
    assert 1 == compare("华为", "華為")


@pytest.mark.parametrize(
    ("name", "heard"),
    [
        ("株式会社日立製作所", "hitachiseisakusho"),
        ("トヨタ自動車", "toyotajidosha"),
        ("東京フィナンシャルグループ", "tokyo financial group"),
    ],
)
def test_japanese_is_read_by_a_dictionary(name: str, heard: str) -> None:
    """Not character by character as in Chinese; loans are the English words they are."""
    pytest.importorskip("janome", reason="needs the extra cjk")
    assert heard == " ".join(word.text for word in read(name).words)


# Why


@pytest.mark.parametrize(
    ("asked", "stored", "reasons", "vetoes", "asks"),
    [
        (
            *("Huawei Tech. Co.", "Huawei Technologies Co., Ltd."),
            [
                "huawei: the same",
                "tech and technologies: the same meaning, 0.95",
                "legal forms: co and co ltd",
            ],
            [],
            (WHOLE, "no word is left over"),
        ),
        (
            *("13th Research Institute", "14th Research Institute"),
            ["research: the same", "institute: the same", "numbers: 13 and 14"],
            ["numbers differ: 13 and 14", "no distinctive word in common"],
            (WHOLE, "no word is left over"),
        ),
        (
            *("\u041duawei", "Huawei"),
            ["nuawei and huawei: another spelling, 0.83"],
            ["letters of two scripts that look alike in one word of '\u041duawei'"],
            (WHOLE, "no word is left over"),
        ),
        (
            *("OOO Vostok", "Vostok JSC"),
            ["vostok: the same", "legal forms: ooo and jsc"],
            ["legal forms of different kinds: ooo and jsc"],
            (WHOLE, "no word is left over"),
        ),
        (
            *("Acme Trading", "Acme"),
            ["acme: the same", "left over in 'Acme Trading': trading"],
            ["a word more is another company: trading (trade)"],
            (LEFT, "words are left over"),
        ),
        (
            *("Acme Holdings", "Acme"),
            ["acme: the same", "left over in 'Acme Holdings': holdings"],
            ["a word more is another company: holdings (unit)"],
            (LEFT, "words are left over"),
        ),
        (
            *("Zarya Khalid Bank", "Zaria Halid Bank"),
            [
                "bank: the same",
                "zarya and zaria: another spelling, 0.97",
                "khalid and halid: another spelling, 0.97",
            ],
            [],
            (WHOLE, "no word is left over"),
        ),
    ],
)
def test_likeness_says_why(
    asked: str, stored: str, reasons: list[str], vetoes: list[str], asks: tuple[float, str]
) -> None:
    """What met, what is left over, what forbids taking them for one, and how likely to be."""
    found = likeness(asked, stored)
    actual = ([*found.reasons], [*found.vetoes(6.0)], found.asks)
    assert (reasons, vetoes, asks) == actual


def test_own_words_and_other_characters_forbid() -> None:
    """Each name has a rare word that the other lacks; or they are two names in Chinese."""
    own = "each has a word of its own: werft and reederei"
    assert [own] == [*likeness("Nordlicht Werft", "Nordlicht Reederei").vetoes(6.0)]
    assert ["not the same characters"] == [*likeness("华为", "百度").vetoes(6.0)]


# The trees


def reference(told: dict[str, Any], row: list[float]) -> float:
    """Walk the trees as the docstring of `trees.py` says, one question at a time.

    In single precision, as CatBoost has it, until leaves are summed.
    """
    odds = told["bias"]
    for features, borders, leaves in zip(
        told["feature"], told["border"], told["leaves"], strict=True
    ):
        leaf = 0
        for level, (feature, border) in enumerate(zip(features, borders, strict=True)):
            if np.float32(row[feature]) > np.float32(border):
                leaf += 2**level
        odds += float(np.float32(leaves[leaf]) / np.float32(told["unit"]))
    return 1 / (1 + math.exp(-odds))


def test_trees_say_what_a_walk_through_them_says() -> None:
    """To 1e-9, on drawn features, on the very borders, and on the features of names."""
    text = (files("riskmon.naming") / "model.json").read_text("utf-8")
    told = json.loads(text)
    lots = random.Random(7)  # noqa: S311 (draws lots, guards nothing)
    asked: list[list[float]] = [[-0.1, 1.0] for _ in pairs.FEATURES]
    for features, borders in zip(told["feature"], told["border"], strict=True):
        for feature, border in zip(features, borders, strict=True):
            if border < 1e30:
                asked[feature].append(border)
    rows = [[lots.uniform(-0.1, 1.2 * max(of)) for of in asked] for _ in range(40)]
    rows += [[lots.choice(of) for of in asked] for _ in range(40)]
    drawn = [" ".join(lots.choices(PIECES, k=4)) for _ in range(40)]
    rows += [pairs.features(read(a), read(b)) for a, b in itertools.pairwise(drawn)]
    expected = [reference(told, row) for row in rows]
    assert trees.Trees(text).scores(rows).tolist() == pytest.approx(expected, abs=1e-9)


def test_trees_of_other_features_are_refused() -> None:
    """What ships was fitted on the features there are; a model of others would say nonsense."""
    told = json.loads((files("riskmon.naming") / "model.json").read_text("utf-8"))
    assert [*pairs.FEATURES] == told["features"]
    assert len(pairs.features(read("Acme"), read("Zarya"))) == len(pairs.FEATURES)
    told["features"] = told["features"][::-1]
    with pytest.raises(ValueError, match=r"^model\.json was fitted on other features: fit it"):
        trees.Trees(json.dumps(told))


def test_many_are_scored_as_one_by_one() -> None:
    """In the order in which they were given; of none, none."""
    stored = ["Huawei Technologies", "Baidu, Inc.", "", "Huawei Bank", "华为"]
    assert [compare("Huawei", name) for name in stored] == scored("Huawei", stored)
    assert [] == scored("Huawei", [])


# What is known of words


def test_words_stand_in_one_group_and_can_be_met() -> None:
    """In a-z, as names are read; no word twice, no legal form twice."""
    told = json.loads((files("riskmon.naming") / "same.json").read_text("utf-8"))
    counted = Counter(word for group in told["alike"] for word in group)
    assert {} == {word: count for word, count in counted.items() if count > 1}
    assert set(written.KINDS) == set(told["kinds"])
    known = {*counted, *written.KIND, *written.WEIGHTS}
    assert set() == {word for word in known if not re.fullmatch("[a-z]+", word)}
    forms = json.loads((files("riskmon.naming") / "forms.json").read_text("utf-8"))
    assert len(legal.CLASSES) == sum(map(len, forms.values()))


@pytest.fixture(scope="module")
def labelled(shared: Path) -> list[dict[str, str]]:
    """Return the labelled pairs."""
    file = shared / "data" / "matching" / "dev.csv"
    if not file.is_file():
        pytest.skip(f"needs the labelled names, {file.name}")
    with file.open(encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def test_no_labelled_sibling_is_likelier_than_siblings_are(labelled: list[dict[str, str]]) -> None:
    """Of two numbered companies of one publisher's list, each is somebody else."""
    siblings = [(row["name_a"], row["name_b"]) for row in labelled if row["kind"] == "neg_number"]
    assert siblings
    assert [] == [pair for pair in siblings if compare(*pair) > trees.SIBLINGS]


def test_a_korean_form_is_one_however_it_is_written() -> None:
    """In one character, in brackets, or in full."""
    names = ["\u321c한화", "(주)한화", "한화 주식회사"]
    assert ["한화"] * 3 == [written.written(name).native for name in names]
    assert [1.0, 1.0] == [compare(names[0], name) for name in names[1:]]
