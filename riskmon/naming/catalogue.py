"""Stored names, each with whose it is, found by likeness; more may come, a few at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar

from riskmon.naming.index import Index
from riskmon.naming.written import Written

Owner = TypeVar("Owner")

MOST_INDICES = 8
"""Small indices are made one before there are more."""


class Catalogue(Generic[Owner]):
    """Names and their owners. Names are read when they are first looked for."""

    def __init__(self) -> None:
        self._indices: list[tuple[Index, list[tuple[Owner, str]]]] = []
        self._unread: list[tuple[Owner, str]] = []

    def add(self, owner: Owner, name: str) -> None:
        """Take a name in."""
        self._unread.append((owner, name))

    def copy(self) -> Catalogue[Owner]:
        """Return one that grows by itself, and shares what was read."""
        fresh: Catalogue[Owner] = Catalogue()
        fresh._indices, fresh._unread = list(self._indices), list(self._unread)
        return fresh

    def near(self, name: Written, limit: int) -> Iterator[tuple[Owner, str]]:
        """Yield the names most like `name`, each with its owner; `limit` of each index."""
        if self._unread:
            self._read()
        for index, stored in self._indices:
            yield from (stored[place] for place in index.near(name, limit))

    def _read(self) -> None:
        if len(self._indices) >= MOST_INDICES:
            before = [pair for _, stored in self._indices for pair in stored]
            self._indices, self._unread = [], before + self._unread
        stored = list(dict.fromkeys(self._unread))
        self._indices.append((Index([name for _, name in stored]), stored))
        self._unread = []

    def __len__(self) -> int:
        return len(self._unread) + sum(len(stored) for _, stored in self._indices)

    def owners(self) -> Iterable[Owner]:
        """Yield the owners of all names."""
        for _, stored in self._indices:
            yield from (owner for owner, _ in stored)
        yield from (owner for owner, _ in self._unread)
