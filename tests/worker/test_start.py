from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest

from conveyor.errors import ConfigError
from conveyor.worker.settings import WorkerSettings
from conveyor.worker.supervisor import run_worker
from tests.worker.tree import ROOT, Bench, wait_until


def start(**settings: Any) -> subprocess.CompletedProcess[str]:
    made = WorkerSettings(**settings)
    command = [sys.executable, "-m", "tests.worker.start", msgspec.json.encode(made).decode()]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=30)


@pytest.mark.parametrize(
    ("app", "words"),
    [
        ("no.such.module:app", "no.such.module:app"),
        ("tests.worker.jobs:nothing", "'nothing'"),
        ("tests.worker.tree:ROOT", "not a Conveyor"),
    ],
)
def test_an_application_that_cannot_be_imported_is_said_before_anything_starts(app: str, words: str) -> None:
    run = start(app=app, url="sqlite:///never-made.db")

    assert run.returncode != 0
    assert words in run.stderr
    assert not (ROOT / "never-made.db").exists()


def test_a_store_in_memory_cannot_serve_a_worker() -> None:
    with pytest.raises(ConfigError, match="memory://"):
        run_worker(WorkerSettings(app="tests.worker.jobs:app", url="memory://"))


def test_a_worker_whose_children_cannot_begin_ends_and_says_why(tmp_path: Path) -> None:
    """The application can be imported where the supervisor is, and fails where the children are."""
    (tmp_path / "odd.py").write_text(
        "import sys\n"
        "from conveyor import Conveyor\n"
        "app = Conveyor()\n"
        "if 'conveyor.worker.supervisor' not in sys.modules:\n"
        "    raise RuntimeError('not in a child')\n",
        encoding="utf-8",
    )
    settings = WorkerSettings(app="odd:app", url=f"sqlite:///{tmp_path}/odd.db")
    code = (
        "import sys, msgspec; from conveyor.worker.settings import WorkerSettings; "
        "from conveyor.worker.supervisor import run_worker; "
        "sys.exit(run_worker(msgspec.json.decode(sys.argv[1], type=WorkerSettings)))"
    )

    run = subprocess.run(
        [sys.executable, "-c", code, msgspec.json.encode(settings).decode()],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )

    assert run.returncode == 1
    assert "could not begin" in run.stderr
    assert "not in a child" in run.stderr


def test_a_worker_reports_itself_and_leaves_when_it_stops(bench: Bench) -> None:
    tree = bench.worker(processes=2, name="alpha")

    (record,) = wait_until(lambda: [each for each in bench.app.driver.workers() if len(each.children) == 2])

    assert (record.name, record.pid, record.queues) == ("alpha", tree.process.pid, ("default", "slow"))
    # Not the bare name: another worker may have had it before.
    assert all(re.fullmatch(r"alpha-[0-9a-f]{6}\.[12]", child) for child in record.children)
    assert record.rss_bytes > 20 << 20
    assert tree.stop() == 0
    assert bench.app.driver.workers() == []


def test_an_idle_worker_takes_little_memory_and_time(bench: Bench) -> None:
    tree = bench.worker(queues=(), grace=5.0, lease=30.0)
    wait_until(lambda: "running" in {each.state for each in bench.app.driver.workers()})
    pids = [tree.process.pid, *tree.children]
    before = sum(map(_cpu_seconds, pids))

    # Two heartbeats' worth of idling.
    first = bench.app.driver.workers()[0].beat_at
    wait_until(lambda: bench.app.driver.workers()[0].beat_at > first + 15_000_000, 40.0)
    spent = sum(map(_cpu_seconds, pids)) - before
    taken = sum(map(_own_bytes, pids))

    # 0.3 s a minute; here a quarter of one, by a clock that counts hundredths. 90 MiB together.
    assert spent <= 0.3 / 4 + 0.02
    assert taken < 90 << 20
    assert tree.stop() == 0


def _cpu_seconds(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return times.user + times.system


def _own_bytes(pid: int) -> int:
    """The memory it takes: its share of what is shared where the system tells that, else what it has for itself."""
    info = psutil.Process(pid).memory_full_info()
    return int(getattr(info, "pss", info.uss))


@pytest.mark.parametrize(
    ("declared", "says"),
    [
        ("app.every('gone', hours=1)", "the schedule 'gone' cannot work: no job of type 'gone' is registered"),
        ("app.cron('0 0 31 2 *', 'gone')", "the cron expression '0 0 31 2 *' cannot be"),
        ("app.cron('@daily', 'gone', timezone='Mars/Base')", "the time zone 'Mars/Base' is not known here"),
        ("app.every('gone', hours=1); app.every('gone', hours=2)", "there is a schedule 'gone' already"),
    ],
)
def test_a_schedule_that_cannot_work_is_said_at_start(tmp_path: Path, declared: str, says: str) -> None:
    (tmp_path / "clocked.py").write_text(f"from conveyor import Conveyor\napp = Conveyor()\n{declared}\n", "utf-8")
    command = [sys.executable, "-m", "conveyor", "work", "--app", "clocked:app", "--url", f"sqlite:///{tmp_path}/c.db"]

    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=30)

    assert run.returncode == 1
    assert says in run.stderr.splitlines()[-1]
