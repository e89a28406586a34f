"""The libraries that are compared, and where each is installed: an environment of its own, with its newest release."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
ENVIRONMENTS: Final = ROOT / ".bench"

REDIS, SQLITE, POSTGRES = "redis", "sqlite", "postgres"


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
        return ENVIRONMENTS / self.name

    @property
    def interpreter(self) -> Path:
        return self.directory / "bin" / "python"

    def missing(self) -> str | None:
        """Why it cannot be measured here; `None` when it can."""
        if self.python and shutil.which(self.python) is None:
            return f"there is no {self.python} here"
        return None

    def install(self) -> None:
        """Make its environment, unless it is there.

        Raises:
            CalledProcessError: pip could not.
        """
        done = self.directory / ".installed"
        if done.exists() and done.read_text("utf-8") == str(self.packages):
            return
        shutil.rmtree(self.directory, ignore_errors=True)
        python = shutil.which(self.python) if self.python else sys.executable
        subprocess.run([str(python), "-m", "venv", str(self.directory)], check=True)
        pip = [str(self.interpreter), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, *(["--pre"] if self.prerelease else []), *self.packages], check=True, cwd=ROOT)
        done.write_text(str(self.packages), "utf-8")

    @cached_property
    def installed(self) -> dict[str, str]:
        """What is in its environment besides pip: each distribution and its version."""
        command = [str(self.interpreter), "-m", "pip", "list", "--format", "json", "--disable-pip-version-check"]
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
    Library("mayu", ("mayu",), (REDIS,), ("sync", "async"), python="python3.13"),
    Library("flexiq", ("flexiq[redis,postgres]",), (REDIS, SQLITE, POSTGRES), ("sync", "async"), has_push_many=True),
    Library("potatoq", ("potatoq[redis,postgres]",), (REDIS, SQLITE, POSTGRES), prerelease=True),
    Library("procrastinate", ("procrastinate",), (POSTGRES,), ("sync", "async"), has_push_many=True),
    Library("pgqueuer", ("pgqueuer[cli,asyncpg]", "uvloop"), (POSTGRES,), ("async",), has_push_many=True),
    Library("gylo", ("gylo", "psycopg[binary]"), (POSTGRES,), ("sync", "async"), has_push_many=True, prerelease=True),
)
