"""A disk that notes what is written to it, and SQLite on it: apsw, dressed as sqlite3.

`Recorder` is a virtual file system of SQLite: each creation, write, truncation, sync and deletion
goes to its `log`, in order. `Driver` stands where SQLAlchemy expects the module sqlite3.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import apsw

WAL_OR_JOURNAL = apsw.SQLITE_OPEN_WAL | apsw.SQLITE_OPEN_MAIN_JOURNAL


class Op(NamedTuple):
    """What reached a file, or (with the position) an append that has returned."""

    what: Literal[
        "create", "write", "truncate", "sync", "sync-folder", "link", "delete", "acknowledge"
    ]
    name: str = ""
    place: int = 0
    """Where it was written, the new size, or the position that was acknowledged."""
    data: bytes = b""
    """What was written, or the name that got another one by a link."""


class Recorder(apsw.VFS):
    """The ordinary file system, with a log of what is done to it. Nothing is really synced."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.log: list[Op] = []
        super().__init__(name, "")

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802
        """Open a file; note it where it is new."""
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        new = path is not None and not Path(path).exists()
        opened = _File(name, flags, self.log)
        if new:
            self.log.append(Op("create", Path(str(path)).name))
        return opened

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: FBT001, N802
        """Delete a file, and note it."""
        super().xDelete(filename, syncdir)
        self.log.append(Op("delete", Path(filename).name))
        if syncdir:
            self.log.append(Op("sync-folder"))


class _File(apsw.VFSFile):
    def __init__(
        self, name: str | apsw.URIFilename | None, flags: list[int], log: list[Op]
    ) -> None:
        path = name.filename() if isinstance(name, apsw.URIFilename) else str(name)
        self._name, self._log = Path(path).name, log
        # As SQLite's own file system does at the first sync of a log that it opened.
        self._folder_too = bool(flags[0] & WAL_OR_JOURNAL and flags[0] & apsw.SQLITE_OPEN_CREATE)
        super().__init__("", name, flags)

    def xWrite(self, data: Any, offset: int) -> None:  # noqa: N802
        super().xWrite(data, offset)
        self._log.append(Op("write", self._name, offset, bytes(data)))

    def xTruncate(self, newsize: int) -> None:  # noqa: N802
        super().xTruncate(newsize)
        self._log.append(Op("truncate", self._name, newsize))

    def xSync(self, flags: int) -> None:  # noqa: ARG002, N802
        self._log.append(Op("sync", self._name))
        if self._folder_too:
            self._log.append(Op("sync-folder"))
            self._folder_too = False


class Driver:
    """What SQLAlchemy and riskmon use of the module sqlite3, on apsw and a recorder.

    `pragmas` stand where riskmon sets others.
    """

    paramstyle = "qmark"
    apilevel = "2.0"
    threadsafety = 1
    sqlite_version_info = tuple(map(int, apsw.sqlite_lib_version().split(".")))

    Error = apsw.Error
    Warning = type("Warning", (Exception,), {})
    InterfaceError = DatabaseError = DataError = OperationalError = IntegrityError = apsw.Error
    InternalError = ProgrammingError = NotSupportedError = apsw.Error

    def __init__(self, recorder: str, pragmas: Mapping[str, str]) -> None:
        self._recorder, self._pragmas = recorder, pragmas

    def connect(self, database: str, **_: Any) -> _Connection:
        """Open a database on the recorder; sqlite3's options do not matter here."""
        connection = _Connection(apsw.Connection(database, vfs=self._recorder), self._pragmas)
        for name in self._pragmas:
            connection.execute(f"PRAGMA {name}=default")
        return connection


class _Connection:
    """An apsw connection as one of sqlite3 with its own transactions switched off."""

    isolation_level = None

    def __init__(self, wrapped: apsw.Connection, pragmas: Mapping[str, str]) -> None:
        self.wrapped, self.pragmas = wrapped, pragmas

    def cursor(self) -> _Cursor:
        return _Cursor(self)

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> _Cursor:
        return self.cursor().execute(sql, parameters)

    def executemany(self, sql: str, rows: Iterable[Sequence[Any]]) -> _Cursor:
        return self.cursor().executemany(sql, rows)

    def commit(self) -> None:
        self._end("COMMIT")

    def rollback(self) -> None:
        self._end("ROLLBACK")

    def _end(self, how: str) -> None:
        if self.wrapped.in_transaction:
            self.execute(how)

    def create_function(
        self, name: str, count: int, function: Callable[..., Any], *, deterministic: bool = False
    ) -> None:
        self.wrapped.create_scalar_function(name, function, count, deterministic=deterministic)

    def close(self) -> None:
        self.wrapped.close()


class _Cursor:
    """An apsw cursor that has fetched all rows, and names their columns where there are none."""

    arraysize = 1
    lastrowid = None

    def __init__(self, connection: _Connection) -> None:
        self._connection = connection
        self._rows: list[Any] = []
        self.description: tuple[tuple[Any, ...], ...] | None = None
        self.rowcount = -1

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> _Cursor:
        name = sql.removeprefix("PRAGMA ").partition("=")[0]
        if "=" in sql and name in self._connection.pragmas:
            sql = f"PRAGMA {name}={self._connection.pragmas[name]}"
        self.description = None
        cursor = self._connection.wrapped.cursor()
        cursor.exec_trace = self._describe
        self._rows = cursor.execute(sql, tuple(parameters)).fetchall()[::-1]
        self.rowcount = self._connection.wrapped.changes()
        return self

    def _describe(self, cursor: apsw.Cursor, *_: object) -> bool:
        named = cursor.get_description()
        self.description = tuple((one[0], *[None] * 6) for one in named) or None
        return True

    def executemany(self, sql: str, rows: Iterable[Sequence[Any]]) -> _Cursor:
        self._connection.wrapped.cursor().executemany(sql, rows)
        return self

    def __iter__(self) -> Iterator[Any]:
        return iter(self.fetchall())

    def fetchone(self) -> Any:
        return self._rows.pop() if self._rows else None

    def fetchmany(self, size: int = 1) -> list[Any]:
        return [self._rows.pop() for _ in range(min(size, len(self._rows)))]

    def fetchall(self) -> list[Any]:
        return self.fetchmany(len(self._rows))

    def close(self) -> None:
        self._rows = []
