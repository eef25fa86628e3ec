"""Identifiers of companies, in the one form in which two of a kind are compared.

A replay has to compare as the first run did, whatever is installed beside riskmon: hence these
few lines of published formulas, and no library.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping

from riskmon.validation import shown

SINGLE = frozenset({"lei", "cik", "opensanctions"})
"""Kinds of which a company has one: two different ones are a conflict."""

LEI = re.compile(r"[0-9A-Za-z]{18}[0-9]{2}")
ISIN = re.compile(r"[A-Za-z]{2}[0-9A-Za-z]{9}[0-9]")
CIK = re.compile(r"0*([1-9][0-9]{0,9})")
TICKER = re.compile(r"[0-9A-Za-z]+:[!-9;-~]+")
"""An exchange and what stands for a share there: no spaces, no second colon."""


NONE = frozenset({"", "-", "--", "0", "N/A", "NA", "NONE", "NULL", "NIL", "UNKNOWN", "TBD", "-0-"})
"""What lists write where there is no identifier: two companies without one are not the same."""


def canonical(kind: str, value: str) -> str:
    """Return an identifier as it is compared; ValueError where it cannot be one of its kind.

    Kinds without a form of their own are stripped, in upper case; a word for none is none.
    """
    if kind not in FORMS and value.strip().upper() in NONE:
        raise ValueError(f"expected an identifier, got {value!r}: leave it out where there is none")
    return FORMS.get(kind, str.upper)(value.strip())


def of_company(kind: str, values: Iterable[str]) -> str | tuple[str, ...]:
    """Return a company's identifiers of one kind: the one, or all in order, each once.

    Kinds with a form of their own are canonical, others as written. Raises ValueError for one
    that cannot be of its kind, for none, and for several of a kind of which a company has one.
    """
    written = {canonical(kind, value): value.strip() for value in values}
    found = tuple(written if kind in FORMS else written.values())
    if not found:
        raise ValueError(f"expected at least one {kind}")
    if kind in SINGLE and len(found) > 1:
        raise ValueError(f"expected one {kind} of a company, got {shown(found)}")
    return found[0] if len(found) == 1 else found


def _lei(value: str) -> str:
    """ISO 17442: 18 characters and two check digits by ISO 7064 MOD 97-10."""
    if not LEI.fullmatch(value):
        raise ValueError(
            f"expected an LEI, 18 letters or digits and 2 check digits, got {shown(value)}"
        )
    if int(_digits(value)) % 97 != 1:
        raise ValueError(_mistyped("LEI", value))
    return value.upper()


def _isin(value: str) -> str:
    """ISO 6166: a country, nine characters and a check digit by Luhn's formula."""
    if not ISIN.fullmatch(value):
        raise ValueError(
            "expected an ISIN, 2 letters, 9 letters or digits and a check digit, "
            f"got {shown(value)}"
        )
    last_first = [int(digit) for digit in reversed(_digits(value))]
    doubled = [sum(divmod(2 * digit, 10)) for digit in last_first[1::2]]
    if (sum(last_first[::2]) + sum(doubled)) % 10:
        raise ValueError(_mistyped("ISIN", value))
    return value.upper()


def _cik(value: str) -> str:
    """Return the SEC's Central Index Key without leading zeros."""
    found = CIK.fullmatch(value)
    if not found:
        raise ValueError(f"expected a CIK of 1 to 10 digits such as 320193, got {shown(value)}")
    return found[1]


def _ticker(value: str) -> str:
    """Return an exchange and a symbol: without its exchange, a symbol names nobody."""
    if not TICKER.fullmatch(value):
        raise ValueError(
            f"expected a ticker with its exchange such as NASDAQ:AAPL, got {shown(value)}"
        )
    return value.upper()


def _digits(value: str) -> str:
    """Return letters as two digits each: A is 10, Z is 35."""
    return "".join(str(int(character, 36)) for character in value)


def _mistyped(kind: str, value: str) -> str:
    return f"expected an {kind} whose check digits fit, got {shown(value)}: is it mistyped?"


FORMS: Mapping[str, Callable[[str], str]] = {
    "lei": _lei,
    "isin": _isin,
    "cik": _cik,
    "ticker": _ticker,
}
