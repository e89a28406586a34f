"""work: what it tells the worker, and a real one that runs real jobs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from msgspec.structs import replace

from conveyor.worker.settings import QueueShare, WorkerSettings
from tests.cli.conftest import Cli
from tests.cli.program import PROGRAM, eventually, run

JOBS = """
from pathlib import Path
from conveyor import Conveyor

app = Conveyor()

@app.job("write", queue="files")
def write(name: str) -> int:
    return Path(name).write_text("done")
"""


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[WorkerSettings]:
    """What the worker was told, instead of a worker."""
    settings: list[WorkerSettings] = []

    def configure(level: int, *, as_json: bool) -> None:
        """Leaves the logging of the test run as it is."""

    def run_worker(given: WorkerSettings) -> int:
        settings.append(given)
        return 7

    monkeypatch.setattr("conveyor.worker.supervisor.run_worker", run_worker)
    monkeypatch.setattr("conveyor.worker.logs.configure", configure)
    return settings


def test_a_bare_worker_serves_all_queues_of_its_app(cli: Cli, told: list[WorkerSettings]) -> None:
    answer = cli("work", "--app", "shop.jobs:app", url=False)

    assert answer.code == 7
    assert told == [WorkerSettings(app="shop.jobs:app")]


@pytest.mark.parametrize(
    "queues",
    [
        ("high", "default:4"),
        ("high,default:4",),
        ("--queue", "high", "--queue", "default:4"),
        ("-q", "high,default:4"),
        ("high", "-q", "default:4"),
        ("high", "high", "-q", "default:4"),
    ],
)
def test_queues_can_be_written_in_many_ways(cli: Cli, told: list[WorkerSettings], queues: tuple[str, ...]) -> None:
    cli("worker", *queues, "-A", "shop.jobs:app", url=False)

    assert told[0].queues == (QueueShare("high"), QueueShare("default", 4))


def test_every_option_reaches_the_worker(cli: Cli, told: list[WorkerSettings]) -> None:
    options = {
        "app": "shop.jobs:app",
        "url": "sqlite:///a.db",
        "queue": "a",
        "processes": 2,
        "threads": 3,
        "async-limit": 4,
        "timeout": "5m",
        "max-jobs": 6,
        "max-memory": "512M",
        "max-time": "1h",
        "exclude": "b",
        "watch": ".",
        "shutdown-timeout": "7s",
        "lease": "8s",
        "health-port": 9,
        "health-host": "0.0.0.0",
        "name": "nine",
    }
    expected = WorkerSettings(
        app="shop.jobs:app",
        url="sqlite:///a.db",
        queues=(QueueShare("a"),),
        processes=2,
        threads=3,
        async_limit=4,
        timeout=300,
        burst=True,
        max_jobs=6,
        max_memory=512 << 20,
        max_time=3600,
        exclude=("b",),
        watch=(".",),
        shutdown_timeout=7,
        lease=8,
        health_port=9,
        health_host="0.0.0.0",
        log_json=True,
        log_args=True,
        name="nine",
    )
    environment = {
        f"CONVEYOR_{'' if name in ('app', 'url') else 'WORK_'}{name.upper().replace('-', '_')}": str(value)
        for name, value in options.items()
    }
    Path("conveyor.toml").write_text(
        'app = "shop.jobs:app"\n[work]\nburst = true\nlog-json = true\nlog-args = true\n'
        + "\n".join(f"{name} = {json.dumps(value)}" for name, value in options.items() if name not in ("app", "url"))
    )

    log = {"CONVEYOR_WORK_LOG_JSON": "1", "CONVEYOR_WORK_LOG_ARGS": "1"}
    cli("work", "--url", "sqlite:///a.db", url=False)
    Path("conveyor.toml").unlink()
    cli("work", url=False, env={**environment, "CONVEYOR_WORK_BURST": "true", **log})
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    cli("work", *words, "--stop-when-empty", "--log-json", "--log-args", url=False)

    from_file, from_environment, from_command_line = told
    assert from_file == from_command_line == expected
    # The app reads the environment's URL itself, or has its own.
    assert from_environment.url is None
    assert replace(from_environment, url="sqlite:///a.db") == expected


@pytest.mark.parametrize(
    ("arguments", "code", "problem"),
    [
        (("--processes", "0"), 2, "'0' is not a whole number from 1 up"),
        (("--lease", "0.1"), 1, "lease is 0.1; give at least 1 second"),
        (("a:0",), 1, "weight"),
        (("--log-level", "loud"), 2, "loud"),
        (("a", "a:2"), 1, "name each queue once"),
        (("--max-memory", "0"), 2, "'0' is not a size"),
        (("--exclude", "a b"), 1, "'a b'"),
    ],
)
def test_a_setting_that_cannot_work_is_refused(
    cli: Cli, told: list[WorkerSettings], arguments: tuple[str, ...], code: int, problem: str
) -> None:
    answer = cli("work", "--app", "shop.jobs:app", *arguments, url=False)

    assert answer.code == code
    assert problem in answer.err
    assert told == []


def test_once_is_told_and_wins_over_what_the_file_says(cli: Cli, told: list[WorkerSettings]) -> None:
    Path("conveyor.toml").write_text("[work]\nprocesses = 4\nmax-jobs = 100\nonce = true\n")

    cli("work", "--app", "shop.jobs:app", url=False)
    Path("conveyor.toml").unlink()
    cli("work", "--app", "shop.jobs:app", "--once", url=False)
    cli("work", "--app", "shop.jobs:app", url=False, env={"CONVEYOR_WORK_ONCE": "1"})

    assert told == [WorkerSettings(app="shop.jobs:app", once=True)] * 3
    assert (told[0].processes, told[0].max_jobs) == (1, 1)


def test_several_queues_are_excluded_and_directories_watched(cli: Cli, told: list[WorkerSettings]) -> None:
    arguments = (
        "--queue",
        "high:6",
        "--queue",
        "*",
        "-x",
        "a,b",
        "--exclude",
        "c",
        "--watch",
        "src",
        "--reload",
        "lib",
    )

    cli("work", "--app", "shop.jobs:app", *arguments, url=False)

    (settings,) = told
    assert settings.queues == (QueueShare("high", 6), QueueShare("*"))
    assert settings.exclude == ("a", "b", "c")
    assert settings.watch == ("src", "lib")


@pytest.fixture
def app(tmp_path: Path) -> str:
    (tmp_path / "writing.py").write_text(JOBS)
    return "writing:app"


def test_a_burst_runs_what_is_there_and_ends(app: str, tmp_path: Path) -> None:
    id = run("push", "write", '{"name": "out.txt"}', "--app", app).stdout.strip()

    answer = run("work", "--app", app, "--burst", timeout=60)

    assert answer.returncode == 0, answer.stderr
    assert answer.stdout == ""
    assert (tmp_path / "out.txt").read_text() == "done"
    job = json.loads(run("show", id, "--json").stdout)
    assert (job["status"], job["result"]) == ("completed", 4)


def test_a_worker_is_seen_while_it_works_and_drains_on_an_interrupt(app: str, tmp_path: Path) -> None:
    run("push", "write", '{"name": "first.txt"}', "--app", app)
    command = [*PROGRAM, "work", "files", "--app", app, "--name", "w1", "--log-level", "warning"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as worker:
        try:
            eventually((tmp_path / "first.txt").exists, "the first job")
            (seen,) = json.loads(run("status", "--json").stdout)["workers"]
            checked = run("check", "--app", app)
            worker.send_signal(2)
            out, err = worker.communicate(timeout=30)
        finally:
            worker.kill()

    assert (seen["name"], seen["queues"], seen["state"], seen["stale"]) == ("w1", ["files"], "running", False)
    assert checked.returncode == 0, checked.stdout
    assert "ok: worker w1 is running, serving files" in checked.stdout
    assert worker.returncode == 0
    assert (out, err) == ("", "")
    assert json.loads(run("status", "--json").stdout)["workers"] == []


def test_a_worker_does_not_import_what_draws_tables(app: str) -> None:
    code = "import sys, conveyor.cli\ntry: conveyor.cli.main()\nfinally: print('rich' in sys.modules)"

    answer = subprocess.run(
        [sys.executable, "-c", code, "work", "--app", app, "--burst"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert answer.stdout == "False\n"
