"""A real PgBouncer before the shared PostgreSQL server, in transaction mode, where the machine has one."""

from __future__ import annotations

import atexit
import functools
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import psycopg

from tests import postgres

PROGRAM: Final = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin:/usr/local/sbin")

_DEADLINE: Final = 20.0
_PORT: Final = 6432
"""Of the socket in its own directory."""

_SETTINGS: Final = """
[databases]
postgres = host={server} port=5432 dbname=postgres
[pgbouncer]
pool_mode = transaction
default_pool_size = 4
max_client_conn = 200
admin_users = postgres
auth_type = trust
auth_file = {directory}/users
listen_port = {port}
unix_socket_dir = {directory}
logfile = {directory}/log
pidfile = {directory}/pid
"""


class Pooler:
    """One PgBouncer. Few server sessions serve its clients, so that whatever a client leaves in one, another finds."""

    def __init__(self, program: str, server: postgres.Server, *users: str) -> None:
        self._program: Final = program
        self.directory: Final = Path(tempfile.mkdtemp(prefix="conveyor-pool-"))
        self._owner: Final[dict[str, Any]] = postgres.owner(self.directory)
        settings = _SETTINGS.format(server=server.directory, directory=self.directory, port=_PORT)
        (self.directory / "settings").write_text(settings)
        (self.directory / "users").write_text("".join(f'"{user}" ""\n' for user in ("postgres", *users)))
        self._process: subprocess.Popen[Any] | None = None
        atexit.register(self.remove)
        self.start()

    def start(self) -> None:
        """Start it (again), and wait until it lets clients through."""
        process = self._process = subprocess.Popen(
            [self._program, "--quiet", str(self.directory / "settings")],
            cwd="/",
            preexec_fn=postgres.die_with_parent,  # noqa: PLW1509 - it is one system call
            **self._owner,
        )
        deadline = time.monotonic() + _DEADLINE
        while not self._is_up():
            assert process.poll() is None, (self.directory / "log").read_text()
            assert time.monotonic() < deadline, (self.directory / "log").read_text()
            time.sleep(0.02)

    def stop(self) -> None:
        """Stop it, and its clients' connections with it."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(_DEADLINE)

    def url(self, **options: str) -> str:
        """The URL of the server's database, by way of the pooler."""
        given = {"host": str(self.directory), "port": str(_PORT), **options}
        return "postgresql://postgres@/postgres?" + "&".join(f"{name}={value}" for name, value in given.items())

    @property
    def statements(self) -> int:
        """How many statements it has let through."""
        with psycopg.connect(self.url(dbname="pgbouncer"), autocommit=True) as console:
            cursor = console.execute("SHOW STATS_TOTALS")
            names = [column.name for column in cursor.description or ()]
            return sum(int(row[names.index("query_count")]) for row in cursor if row[0] == "postgres")

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    def _is_up(self) -> bool:
        try:
            psycopg.connect(self.url(), connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True


@functools.cache
def pooler() -> Pooler:
    """One for all tests of this process, before the server that they share."""
    assert PROGRAM is not None
    return Pooler(PROGRAM, postgres.server())


def clean_url() -> str:
    """The URL of an empty schema on the shared server, by way of the pooler."""
    postgres.clean_url()
    return pooler().url(schema="tested")


def describe() -> str:
    """Which one the tests use, in a few words."""
    if PROGRAM is None:
        return "no PgBouncer, whose tests are left out"
    done = subprocess.run([PROGRAM, "--version"], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[0]
