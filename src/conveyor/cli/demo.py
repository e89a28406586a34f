"""`conveyor demo`: real files, real worker processes, real failures."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import stat
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import quote

import click

from conveyor.cli.command import Command
from conveyor.cli.demo_jobs import QUEUE, app, read_file
from conveyor.cli.demo_report import Report
from conveyor.cli.documents import total
from conveyor.cli.options import NUMBER
from conveyor.cli.output import on_terminal, put, say
from conveyor.cli.words import count
from conveyor.drivers.base import Driver
from conveyor.errors import ConfigError, ConveyorError
from conveyor.records import Counts

MOST_FILES: Final = 3000
_MOST_SEEN: Final = 100_000
_BATCH: Final = 500
_SKIPPED: Final = frozenset({"__pycache__", "node_modules", "site-packages", "dist-packages"})
_LOOK: Final = 0.1
_LINE: Final = 2.0
_STOP: Final = 15.0


@click.command(
    cls=Command,
    examples=(
        "conveyor demo",
        "conveyor demo ~/projects --limit 500",
    ),
    epilog=(
        "Nothing is made up: the files are read, some cannot be, and all figures are counted from the store, which is "
        "kept so that you can try the other commands on it."
    ),
)
@click.argument("directory", required=False, metavar="[DIR]", type=click.Path(path_type=Path))
@click.option(
    "--limit",
    "-n",
    type=NUMBER,
    default=MOST_FILES,
    show_default=True,
    metavar="N",
    help="At most so many files.",
)
@click.option("--processes", "-p", type=NUMBER, default=2, show_default=True, metavar="N", help="Worker processes.")
def demo(directory: Path | None, limit: int, processes: int) -> None:
    """Run a job for each file under DIR (default: Python's own library), with live progress and a report at the end.

    Each job reads its file and counts lines, words and functions. Files that are not text, or not Python though
    they are called so, fail, are tried three times, and land in the dead letter queue.
    """
    directory = (directory or Path(sysconfig.get_path("stdlib"))).absolute()
    files, seen = _files(directory, limit)
    home = Path(tempfile.mkdtemp(prefix="conveyor-demo-"))
    app.url = url = f"sqlite:///{quote(str(home / 'demo.db'))}"
    say(f"{_phrase(len(files), seen)} under {directory}, one job each.\nStore: {url}")
    begun = time.monotonic()
    for start in range(0, len(files), _BATCH):
        read_file.push_many([(str(file),) for file in files[start : start + _BATCH]])
    say(
        f"Pushed in {time.monotonic() - begun:.1f}s. Starting {count(processes, 'worker process', 'worker processes')}."
    )
    try:
        with _worker(url, home / "worker.log", processes) as check:
            interrupted = _watch(app.driver, len(files), check)
        put(Report.of(app.driver, directory).text(_program(), url, home))
    finally:
        app.close()
    if interrupted:
        raise KeyboardInterrupt


def _files(directory: Path, limit: int) -> tuple[list[Path], int]:
    """Up to `limit` files under the directory, evenly spread when there are more, and how many there are."""
    if not directory.is_dir():
        problem = "is not a directory" if directory.exists() else "does not exist"
        raise ConfigError(f"{directory} {problem}; name one with files in it, or none for Python's own library")
    files: list[Path] = []
    for parent, names, found in os.walk(directory):
        names[:] = sorted(name for name in names if name not in _SKIPPED and not name.startswith("."))
        files += (Path(parent, name) for name in sorted(found) if _is_file(Path(parent, name)))
        if len(files) >= _MOST_SEEN:
            break
    if not files:
        raise ConfigError(f"{directory} has no files in it; name another directory")
    if len(files) <= limit:
        return files, len(files)
    return [files[index * len(files) // limit] for index in range(limit)], len(files)


def _is_file(path: Path) -> bool:
    if any("\udc80" <= char <= "\udcff" for char in str(path)):
        # Its name is not text, and so cannot be a job's argument.
        return False
    try:
        # Reading a pipe or a device could wait for ever.
        return stat.S_ISREG(path.stat().st_mode)
    except OSError:
        # A dangling link or a locked folder: a job may fail on it, as jobs do.
        return True


def _phrase(taken: int, seen: int) -> str:
    if taken == seen:
        return count(taken, "file")
    return f"{taken:,} of {'more than ' if seen >= _MOST_SEEN else ''}{count(seen, 'file')}"


@contextmanager
def _worker(url: str, log: Path, processes: int) -> Generator[Callable[[], None]]:
    """A real `conveyor work` as long as the block runs; yields what raises if it has stopped by itself."""
    arguments = ["work", "--app", "conveyor.cli.demo_jobs:app", "--url", url, "--queue", QUEUE]
    with log.open("wb") as sink:
        worker = subprocess.Popen(
            [sys.executable, "-m", "conveyor", *arguments, "--processes", str(processes)],
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            # In a group of its own: Ctrl-C is for the demo, which then stops its worker in order.
            start_new_session=True,
        )

    # Whoever ends the demo ends its worker: as by Ctrl-C, all that follows is done.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)

    def check() -> None:
        if worker.poll() is not None:
            tail = log.read_text(errors="replace")[-2000:].strip()
            raise ConveyorError(
                f"the demo's worker stopped with exit code {worker.returncode}; its log {log} ends:\n{tail}"
            )

    try:
        yield check
    finally:
        worker.send_signal(signal.SIGTERM)
        try:
            worker.wait(_STOP)
        except subprocess.TimeoutExpired:
            os.killpg(worker.pid, signal.SIGKILL)
            worker.wait()


def _watch(driver: Driver, number: int, check: Callable[[], None]) -> bool:
    """Show the counts of the store until every job has ended; answer whether Ctrl-C ended it before."""
    shown = _bar if on_terminal() else _lines
    try:
        with shown(number) as show:
            while True:
                counts = total(driver.counts([QUEUE])[0])
                show(counts)
                if counts.completed + counts.dead + counts.cancelled >= number:
                    return False
                check()
                time.sleep(_LOOK)
    except KeyboardInterrupt:
        say("Stopping the worker; the report is of what was done so far.")
        return True


def _told(counts: Counts) -> str:
    return f"{counts.processing:,} running, {counts.delayed:,} to be retried, {counts.dead:,} dead"


@contextmanager
def _bar(number: int) -> Generator[Callable[[Counts], None]]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    with Progress(*columns) as progress:
        task = progress.add_task("", total=number)

        def show(counts: Counts) -> None:
            progress.update(task, completed=counts.completed + counts.dead, description=_told(counts))

        yield show


@contextmanager
def _lines(number: int) -> Generator[Callable[[Counts], None]]:
    due = 0.0

    def show(counts: Counts) -> None:
        nonlocal due
        done = counts.completed + counts.dead
        if time.monotonic() >= due or done >= number:
            say(f"{done:,} of {number:,} done; {_told(counts)}")
            due = time.monotonic() + _LINE

    yield show


def _program() -> str:
    """How the reader calls this program from where they are."""
    called = sys.argv[0]
    on_path = shutil.which("conveyor")
    if on_path and Path(on_path).exists() and Path(called).exists() and Path(on_path).samefile(called):
        return "conveyor"
    return shlex.quote(called) if Path(called).name == "conveyor" else f"{shlex.quote(sys.executable)} -m conveyor"
