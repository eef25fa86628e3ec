"""The companies declared by some position, numbered, and whom the names of a log mean."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from riskmon.evaluators import Ints
from riskmon.model import Company
from riskmon.names import Names

NOBODY = -1


class Roster:
    """Declared companies, numbered in the order of their ids. It only grows by names."""

    def __init__(self, companies: Mapping[str, Company]) -> None:
        self.companies = dict(companies)
        self.ids = sorted(companies)
        self.codes = {one: number for number, one in enumerate(self.ids)}
        self.names = Names(companies.values())
        self._resolved = np.zeros(0, np.int64)

    def resolved(self, named: Sequence[Any]) -> Ints:
        """Return for each of a log's names the company's number, -1 for nobody known."""
        fresh = named[len(self._resolved) :]
        if fresh:
            found = [self._number(*named) for named in fresh]
            self._resolved = np.append(self._resolved, np.array(found, np.int64))
        return self._resolved

    def _number(self, company: str | None, names: Iterable[str], identifiers: Iterable[Any]) -> int:
        if company is None and names:
            company = self.names.resolve(names, dict(identifiers)).company
        return self.codes.get(company, NOBODY) if company is not None else NOBODY
