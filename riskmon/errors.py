"""Errors for the person who must act: where, what was expected, what is there, what to do."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass


def safe(text: object) -> str:
    """Return text without what could act on a terminal: control and direction characters."""
    return "".join(
        "\N{REPLACEMENT CHARACTER}" if unicodedata.category(c) in {"Cc", "Cf", "Cs"} else c
        for c in str(text)
    )


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with an input, and where."""

    message: str
    file: str = ""
    line: int = 0
    field: str = ""
    location: tuple[str | int, ...] = ()
    """`field` as steps, to find its line."""

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        return ": ".join(part for part in (where, self.field, self.message) if part)


class RiskmonError(Exception):
    """Riskmon could not do what was asked."""

    exit_code = 1

    def __init__(self, message: str = "") -> None:
        super().__init__(message or (self.__doc__ or "").splitlines()[0])


class InputError(RiskmonError):
    """The input cannot be read."""


class UsageError(InputError):
    """What was asked cannot be understood."""

    exit_code = 2


class RulesError(RiskmonError):
    """The rules have problems; each is in `problems`."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        count = len(self.problems)
        heading = f"{count} problem{'s' if count > 1 else ''} in the rules:"
        super().__init__("\n  ".join([heading, *map(str, self.problems)]))


class EvaluatorError(RiskmonError):
    """An evaluator raised, or returned nonsense: its rule fails, the others stand."""


class UnknownCompanyError(RiskmonError):
    """No declared company has this id or name."""


class UnknownMatterError(RiskmonError):
    """No event was told of this matter."""


class DatabaseError(RiskmonError):
    """The database cannot be used."""


class BusyError(DatabaseError):
    """Another process is writing to the database; try again in a moment."""

    exit_code = 5


class ReplicaError(DatabaseError):
    """A read replica takes no writes."""


class MovedError(BusyError):
    """Another process took in another copy of the same list meanwhile; try again."""


class FencedError(RiskmonError):
    """Another process has taken this run over: what came after that was not stored."""

    exit_code = 5


class BrokenError(DatabaseError):
    """The database's file is damaged."""

    exit_code = 4


class VerificationError(RiskmonError):
    """The ledger is not what it was."""

    exit_code = 4

    def __init__(self, message: str = "", *, finding: str = "", position: int = 0) -> None:
        super().__init__(message)
        self.finding = finding
        """changed (an entry is not what was hashed), cut (the tail is missing), rewritten (another
        chain than that of the head kept outside), broken (the file cannot be read), or empty."""
        self.position = position
        """The first bad position; 0 where there is none to name."""


class MissingExtraError(RiskmonError):
    """An optional library is not installed."""

    def __init__(self, library: str, extra: str) -> None:
        super().__init__(f"this needs {library}: python3 -m pip install 'riskmon[{extra}]'")


class FetchError(RiskmonError):
    """A document cannot be fetched."""

    def __init__(self, url: str = "", tries: Iterable[str] = (), advice: str = "") -> None:
        self.url = url
        """Without its query, which may hold a secret."""
        self.tries = tuple(tries)
        """What happened, try by try."""
        lines = [f"try {number}: {what}" for number, what in enumerate(self.tries, 1)]
        heading = f"{url} cannot be fetched:" if url else ""
        super().__init__("\n  ".join(filter(None, [heading, *lines, advice])))
