"""The events that a line cites, read from the ledger when they are looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import overload

from riskmon.model import Event


class Cited(Sequence[Event]):
    """Events by their positions; two are equal where those are."""

    __slots__ = ("_read", "positions")

    def __init__(
        self, positions: Sequence[int], read: Callable[[Sequence[int]], Sequence[Event]]
    ) -> None:
        self.positions = tuple(positions)
        self._read = read

    def __len__(self) -> int:
        return len(self.positions)

    def __iter__(self) -> Iterator[Event]:
        return iter(self._read(self.positions))

    @overload
    def __getitem__(self, index: int) -> Event: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Event]: ...
    def __getitem__(self, index: int | slice) -> Event | Sequence[Event]:
        if isinstance(index, slice):
            return Cited(self.positions[index], self._read)
        return self._read((self.positions[index],))[0]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Cited) and self.positions == other.positions

    def __hash__(self) -> int:
        return hash(self.positions)

    def __repr__(self) -> str:
        return f"<{len(self)} events>"
