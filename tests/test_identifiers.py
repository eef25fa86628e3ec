"""Identifiers: one form of each, and never one that cannot be."""

from __future__ import annotations

import random

import pytest

from riskmon.identifiers import canonical, of_company

LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@pytest.mark.parametrize(
    ("kind", "written", "expected"),
    [
        ("lei", " hwupkr0mpou8fgxbt394 ", "HWUPKR0MPOU8FGXBT394"),
        ("isin", "us0378331005", "US0378331005"),
        ("cik", "0000320193", "320193"),
        ("cik", "320193", "320193"),
        ("ticker", "nasdaq:aapl", "NASDAQ:AAPL"),
        ("ticker", "NYSE:BRK-B", "NYSE:BRK-B"),
        ("opensanctions", " NK-aBc ", "NK-ABC"),
        ("uscc", "91440300708461136t", "91440300708461136T"),
    ],
)
def test_an_identifier_has_one_form(kind: str, written: str, expected: str) -> None:
    """Whatever the case, the spaces around it and the leading zeros; and it stays as it is."""
    assert expected == canonical(kind, written)
    assert expected == canonical(kind, expected)


@pytest.mark.parametrize(
    ("kind", "written", "why"),
    [
        ("lei", "HWUPKR0MPOU8FGXBT395", "expected an LEI whose check digits fit, got"),
        ("lei", "HWUPKR0MPOU8FGXBT39", "expected an LEI, 18 letters or digits and 2 check"),
        ("lei", "HWUPKR0MPOU8FGXBT39A", "expected an LEI, 18 letters or digits and 2 check"),
        ("lei", "HWUPKR0MPOU8FGXBT\u0663\u0669\u0664", "expected an LEI, 18 letters"),
        ("isin", "US0378331006", "expected an ISIN whose check digits fit, got"),
        ("isin", "0378331005", "expected an ISIN, 2 letters, 9 letters or digits and a check"),
        ("cik", "", "expected a CIK of 1 to 10 digits such as 320193, got"),
        ("cik", "0", "expected a CIK of 1 to 10 digits"),
        ("cik", "12345678901", "expected a CIK of 1 to 10 digits"),
        ("cik", "\u0663", "expected a CIK of 1 to 10 digits"),
        ("ticker", "AAPL", "expected a ticker with its exchange such as NASDAQ:AAPL, got"),
        ("ticker", ":AAPL", "expected a ticker with its exchange"),
        ("ticker", "NYSE:BRK B", "expected a ticker with its exchange"),
    ],
)
def test_what_cannot_be_an_identifier_says_why(kind: str, written: str, why: str) -> None:
    """With what was expected and what is there."""
    with pytest.raises(ValueError, match=rf"^{why}") as error:
        canonical(kind, written)
    assert f'"{written}"' in str(error.value)


def test_a_long_one_is_cut_in_the_message() -> None:
    """A megabyte in the wrong column is no megabyte on the terminal."""
    with pytest.raises(ValueError, match="expected an LEI") as error:
        canonical("lei", "A" * 1_000_000)
    assert len(str(error.value)) < 200


def test_a_company_has_several_tickers_and_one_lei() -> None:
    """Each once, in order; two of a kind of which a company has one are a conflict."""
    assert "NYSE:A" == of_company("ticker", ["nyse:a", "NYSE:A"])
    assert ("NYSE:B", "NYSE:A") == of_company("ticker", ["NYSE:B", "NYSE:A", "nyse:b"])
    assert "320193" == of_company("cik", ["0000320193", "320193"])
    assert "NK-aBc" == of_company("opensanctions", ["NK-aBc"])
    with pytest.raises(ValueError, match=r'expected one cik of a company, got \["1", "2"\]'):
        of_company("cik", ["1", "2"])
    with pytest.raises(ValueError, match="expected at least one lei"):
        of_company("lei", [])


def drawn(length: int, lots: random.Random) -> str:
    return "".join(lots.choice(LETTERS) for _ in range(length))


def test_the_formulas_are_those_of_python_stdnum() -> None:
    """For thousands of drawn numbers, right ones and ones with a character changed."""
    reason = "compares with python-stdnum, which is not installed"
    lei = pytest.importorskip("stdnum.lei", reason=reason)
    isin = pytest.importorskip("stdnum.isin", reason=reason)
    digits = pytest.importorskip("stdnum.iso7064.mod_97_10", reason=reason)
    lots = random.Random(17442)  # noqa: S311 (draws lots, guards nothing)
    answers = {True: 0, False: 0}
    for _ in range(2000):
        base = drawn(18, lots)
        country = lots.choice(["US", "CN", "HK", "KY", "DE", "XS"]) + drawn(9, lots)
        leis = [base + digits.calc_check_digits(base), base + f"{lots.randrange(100):02}"]
        isins = [country + isin.calc_check_digit(country), country + lots.choice("0123456789")]
        for kind, theirs, numbers in (("lei", lei, leis), ("isin", isin, isins)):
            for number in numbers:
                answers[theirs.is_valid(number)] += 1
                assert theirs.is_valid(number) == valid(kind, number), number
    assert answers[True] > 4000
    assert answers[False] > 3000


def valid(kind: str, number: str) -> bool:
    try:
        return number == canonical(kind, number)
    except ValueError:
        return False


@pytest.mark.parametrize("value", ["N/A", " none ", "Unknown", "-", "0"])
def test_a_word_for_none_is_no_identifier(value: str) -> None:
    """Else two companies without one would be the same."""
    with pytest.raises(ValueError, match=r"^expected an identifier, got .*: leave it out"):
        canonical("duns", value)
