"""The libraries that are compared, and where each is installed: an environment of its own, with its newest release."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
ENVIRONMENTS: Final = Path(os.environ.get("BENCH_ENVIRONMENTS", ROOT / ".bench"))
"""Clones may share them. conveyor's own is always this clone's."""

REDIS, SQLITE, POSTGRES = STORES = ("redis", "sqlite", "postgres")
STORE_NAMES: Final = {REDIS: "Redis", SQLITE: "SQLite", POSTGRES: "PostgreSQL"}


@dataclass(frozen=True)
class Library:
    """One library, and the adapter in `benchmarks/peers` that speaks for it."""

    name: str
    packages: tuple[str, ...]
    """What pip is asked for."""
    stores: tuple[str, ...]
    kinds: tuple[str, ...] = ("sync",)
    has_push_many: bool = False
    has_apush: bool = False
    python: str = ""
    """Where it needs another Python than ours: the name of its program."""
    prerelease: bool = False
    adapter: str = ""
    """Where it is not called as the library is."""

    @property
    def module(self) -> str:
        return self.adapter or self.name

    @property
    def directory(self) -> Path:
        return (ROOT / ".bench" if self.packages[0].startswith(".") else ENVIRONMENTS) / self.name

    @property
    def programs(self) -> Path:
        """The directory of the programs that it brings."""
        return self.directory / "bin"

    @property
    def adapter_command(self) -> list[str]:
        """What runs its adapter; what to do follows."""
        return [str(self.programs / "python"), "-m", "peers.run", self.module]

    def import_command(self) -> list[str]:
        """What imports it and ends."""
        name = self.packages[0].partition("[")[0]
        return [str(self.programs / "python"), "-c", f"import {'conveyor' if name in {'.', ''} else name}"]

    def bare_command(self) -> list[str]:
        """What does as much without it."""
        return [str(self.programs / "python"), "-c", "pass"]

    def missing(self) -> str | None:
        """Why it cannot be measured here; `None` when it can."""
        # A version manager may have a program of this name that only says that it is not installed.
        if self.python and (found := shutil.which(self.python)) is not None:
            works = subprocess.run([found, "-c", ""], check=False, capture_output=True).returncode == 0
            return None if works else f"{found} does not run"
        return f"there is no {self.python} here" if self.python else None

    def install(self) -> None:
        """Make its environment, unless it is there.

        Raises:
            CalledProcessError: pip could not.
        """
        done, wanted = self.directory / ".installed", f"{self.packages} {self._changed_at()}"
        if done.exists() and done.read_text("utf-8") == wanted:
            return
        shutil.rmtree(self.directory, ignore_errors=True)
        self._install()
        done.write_text(wanted, "utf-8")

    def _changed_at(self) -> float:
        """When what is installed from this directory, not from a registry, was changed."""
        if not self.packages[0].startswith("."):
            return 0.0
        return max(file.stat().st_mtime for file in (ROOT / "src").rglob("*") if file.is_file())

    def _install(self) -> None:
        python = shutil.which(self.python) if self.python else sys.executable
        subprocess.run([str(python), "-m", "venv", str(self.directory)], check=True)
        pip = [str(self.programs / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, *(["--pre"] if self.prerelease else []), *self.packages], check=True, cwd=ROOT)

    @cached_property
    def installed(self) -> dict[str, str]:
        """What is in its environment besides pip: each distribution and its version."""
        command = [
            str(self.programs / "python"),
            "-m",
            "pip",
            "list",
            "--format",
            "json",
            "--disable-pip-version-check",
        ]
        listed = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
        return {each["name"].lower(): each["version"] for each in listed if each["name"] not in {"pip", "setuptools"}}

    @property
    def version(self) -> str:
        name = self.packages[0].partition("[")[0]
        return self.installed.get("conveyor" if name in {".", ""} else name, "?")

    def installed_bytes(self) -> int:
        """What its environment takes besides pip's own files."""
        packages = next((self.directory / "lib").glob("python3*")) / "site-packages"
        ours = [each for each in packages.iterdir() if not each.name.startswith(("pip", "setuptools", "_distutils"))]
        files = [file for each in ours for file in ([each] if each.is_file() else each.rglob("*"))]
        return sum(file.stat().st_size for file in files if file.is_file() and "__pycache__" not in file.parts)


class NodeLibrary(Library):
    """One that is written for Node; its adapter is a file of JavaScript."""

    @property
    def programs(self) -> Path:
        return self.directory / "node_modules" / ".bin"

    @property
    def adapter_command(self) -> list[str]:
        return ["node", str(self.directory / f"{self.module}.mjs")]

    def import_command(self) -> list[str]:
        return ["node", "-e", f"require({str(self.directory / 'node_modules' / self.name)!r})"]

    def bare_command(self) -> list[str]:
        return ["node", "-e", ""]

    def missing(self) -> str | None:
        return next((f"there is no {each} here" for each in ("node", "npm") if shutil.which(each) is None), None)

    def install(self) -> None:
        super().install()
        # Node looks for packages beside the file that imports them.
        shutil.copy(ROOT / "benchmarks" / "peers" / f"{self.module}.mjs", self.directory)

    def _install(self) -> None:
        self.directory.mkdir(parents=True)
        npm = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(self.directory)]
        subprocess.run([*npm, *self.packages], check=True, cwd=self.directory)

    @cached_property
    def installed(self) -> dict[str, str]:
        lock = json.loads((self.directory / "node_modules" / ".package-lock.json").read_text("utf-8"))
        return {name.removeprefix("node_modules/"): each["version"] for name, each in lock["packages"].items()}

    def installed_bytes(self) -> int:
        return sum(each.stat().st_size for each in (self.directory / "node_modules").rglob("*") if each.is_file())


CONVEYOR: Final = Library(
    "conveyor",
    (".[redis,postgres]",),
    (REDIS, SQLITE, POSTGRES),
    kinds=("sync", "async"),
    has_push_many=True,
    has_apush=True,
)
"""Installed as a user would, not editable."""

LIBRARIES: Final = (
    CONVEYOR,
    Library("celery", ("celery[redis]",), (REDIS,)),
    Library("rq", ("rq", "hiredis"), (REDIS,), has_push_many=True),
    Library("dramatiq", ("dramatiq[redis]", "hiredis"), (REDIS,)),
    Library("dramatiq_gevent", ("dramatiq[redis,gevent]", "hiredis"), (REDIS,)),
    Library("huey", ("huey", "redis", "hiredis"), (REDIS, SQLITE)),
    Library("taskiq", ("taskiq", "taskiq-redis", "hiredis", "uvloop"), (REDIS,), ("sync", "async"), has_apush=True),
    Library("saq", ("saq[redis,hiredis]", "typing_extensions"), (REDIS,), ("async",), has_apush=True),
    Library("arq", ("arq", "hiredis"), (REDIS,), ("async",), has_apush=True),
    NodeLibrary("bullmq", ("bullmq", "ioredis"), (REDIS,), ("async",), has_push_many=True, has_apush=True),
    Library("mayu", ("mayu",), (REDIS,), ("sync", "async"), python="python3.13"),
    Library("flexiq", ("flexiq[redis,postgres]",), (REDIS, SQLITE, POSTGRES), ("sync", "async"), has_push_many=True),
    Library("potatoq", ("potatoq[redis,postgres]",), (REDIS, SQLITE, POSTGRES), prerelease=True),
    Library("procrastinate", ("procrastinate",), (POSTGRES,), ("sync", "async"), has_push_many=True),
    Library("pgqueuer", ("pgqueuer[cli,asyncpg]", "uvloop"), (POSTGRES,), ("async",), has_push_many=True),
    Library("pgqueuer_1000", ("pgqueuer[cli,asyncpg]", "uvloop"), (POSTGRES,), ("async",), has_push_many=True),
    Library("gylo", ("gylo", "psycopg[binary]"), (POSTGRES,), ("sync", "async"), has_push_many=True, prerelease=True),
)
