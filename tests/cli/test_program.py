"""The program as a whole: exit codes, pipes, terminals, what it imports."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest

from conveyor.drivers.open import open_driver
from conveyor.ids import new_id
from conveyor.lifecycle import given_up
from conveyor.records import Failure, NewJob, Reason
from tests.cli.program import PROGRAM, Terminal, run

URL = "sqlite:///conveyor.db"


@pytest.fixture
def jobs() -> None:
    """The default store of the working directory: 300 jobs of emails, one of them a dead letter."""
    driver = open_driver(URL)
    driver.push([NewJob(id=new_id(), queue="emails", type="email.welcome", payload="{}") for _ in range(300)])
    (claim,) = driver.claim(["emails"], limit=1, lease=30, worker="w")
    failure = Failure(attempt=1, reason=Reason.FAILED, error_type="builtins.ValueError", message="[red]no[/red] user")
    driver.settle([given_up(claim, failure)])
    driver.close()


def test_success_is_0_and_data_is_on_stdout(jobs: None) -> None:
    answer = run("status", "--json")

    assert answer.returncode == 0
    assert json.loads(answer.stdout)["queues"][0]["ready"] == 299
    assert answer.stderr == ""


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("status", "--url", "sqlite:///none.db"), "there is no store at"),
        (("status", "--url", "mysql://me:secret@host/db"), "known"),
        (("push", "t", "{}", "--url", "sqlite:////proc/none/conveyor.db"), "/proc/none"),
        (("show", str(uuid4())), "no job"),
        (("push", "t", "[]"), "not a JSON object"),
        (("clear", "emails"), "--yes"),
        (("check", "--app", "nowhere:app"), ""),
        (("work", "--app", "nowhere:app"), "nowhere"),
        (("demo", "no/such/directory"), "no/such/directory does not exist"),
    ],
)
def test_trouble_is_1_and_one_line_on_stderr(jobs: None, arguments: tuple[str, ...], problem: str) -> None:
    answer = run(*arguments)

    assert answer.returncode == 1
    assert problem in answer.stderr
    assert "Traceback" not in answer.stderr
    assert "secret" not in answer.stderr
    if arguments[0] != "check":
        assert answer.stdout == ""
        assert answer.stderr.startswith("conveyor: ")
        assert len(answer.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("statsu",), "status"),
        (("status", "--quue", "x"), "--queue"),
        (("show", "7"), "'7' is not a job id"),
        (("work",), "--app"),
        (("retry",), "Say which"),
    ],
)
def test_a_wrong_use_is_2_and_says_what_would_be_right(arguments: tuple[str, ...], problem: str) -> None:
    answer = run(*arguments)

    assert answer.returncode == 2
    assert answer.stdout == ""
    assert problem in answer.stderr
    assert "Traceback" not in answer.stderr


def test_a_reader_that_has_enough_is_left_in_peace(jobs: None) -> None:
    # Unbuffered, Python itself swallows what a closed pipe did not take.
    env = os.environ | {"PYTHONUNBUFFERED": ""}
    command = [*PROGRAM, "jobs", "--limit", "300", "--json"]
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        assert program.stderr is not None
        assert program.stdout.readline() == "[\n"
        program.stdout.close()

        assert program.stderr.read() == ""
        assert program.wait(30) == 141


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no disk that is always full")
@pytest.mark.parametrize("arguments", [("status",), ("jobs", "--json"), ("--help",), ("--version",)])
def test_a_full_disk_where_the_output_goes_is_one_line(jobs: None, arguments: tuple[str, ...]) -> None:
    with Path("/dev/full").open("w") as full:
        answer = subprocess.run(
            [*PROGRAM, *arguments], stdout=full, stderr=subprocess.PIPE, text=True, check=False, timeout=30
        )

    assert answer.returncode == 1
    assert answer.stderr == "conveyor: the output cannot be written: No space left on device\n"


def test_in_a_directory_that_was_removed_only_what_would_be_in_it_is_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    open_driver(f"sqlite:///{tmp_path}/jobs.db").close()
    monkeypatch.chdir(gone)
    gone.rmdir()

    relative, made = run("status"), run("push", "t")
    absolute = run("status", "--url", f"sqlite:///{tmp_path}/jobs.db")
    pushed = run("push", "t", "--app", "shop:app")
    checked = run("check", "--url", f"sqlite:///{tmp_path}/jobs.db")

    assert (relative.returncode, relative.stdout) == (1, "")
    assert relative.stderr.startswith("conveyor: there is no store at conveyor.db")
    assert made.returncode == 1
    assert "the working directory was removed, and conveyor.db would be in it" in made.stderr
    assert "Traceback" not in made.stderr
    assert (absolute.returncode, absolute.stderr) == (0, "Nothing has been pushed to this store yet.\n")
    assert pushed.returncode == 1
    assert pushed.stderr.startswith("conveyor: the app 'shop:app': there is no module 'shop'")
    assert len(relative.stderr.splitlines()) == len(pushed.stderr.splitlines()) == 1
    assert (checked.returncode, checked.stdout.splitlines()[0]) == (0, "ok: no conveyor.toml in .")


def test_a_pipe_gets_plain_text_whose_words_line_up(jobs: None) -> None:
    lines = run("status").stdout.splitlines()

    header, row = lines[0].split(), lines[1].split()
    assert header[:2] == ["QUEUE", "READY"]
    assert row[:2] == ["emails", "299"]
    assert len(header) == len(row)
    assert lines[0].index("READY") + len("READY") == lines[1].index("299") + len("299")


def test_a_terminal_gets_a_drawn_table_without_columns_that_say_nothing(jobs: None) -> None:
    with Terminal(("status",)) as terminal:
        assert terminal.finish() == 0

    assert "─" in terminal.shown
    assert "\x1b[1m" in terminal.shown
    assert "ready" in terminal.shown
    assert "held" not in terminal.shown
    assert "No worker is running" in terminal.shown


def test_what_jobs_say_is_no_markup_on_a_terminal(jobs: None) -> None:
    with Terminal(("failed",), columns=160) as terminal:
        assert terminal.finish() == 0

    assert "ValueError: [red]no[/red] user" in terminal.shown


def test_ids_are_whole_on_a_narrow_terminal(jobs: None) -> None:
    id = json.loads(run("failed", "--json").stdout)[0]["id"]

    with Terminal(("failed",), columns=80) as terminal:
        assert terminal.finish() == 0

    assert id in terminal.shown


def test_what_matters_less_makes_room_on_a_narrow_terminal(jobs: None) -> None:
    shown: dict[int, str] = {}
    for columns in (80, 120):
        with Terminal(("jobs", "--limit", "5", "--status", "pending"), columns=columns) as terminal:
            assert terminal.finish() == 0
        shown[columns] = terminal.shown

    assert "priority" in shown[120]
    assert "priority" not in shown[80]
    assert max(len(line) for line in shown[80].replace("\r", "").splitlines() if "\x1b" not in line) <= 80


def test_colour_can_be_turned_off(jobs: None) -> None:
    with Terminal(("jobs", "--limit", "5"), env={"NO_COLOR": "1"}) as terminal:
        assert terminal.finish() == 0

    assert "\x1b[31m" not in terminal.shown


def test_watching_redraws_until_an_interrupt(jobs: None) -> None:
    with Terminal(("status", "--watch")) as terminal:
        terminal.read_until("emails", times=2)
        driver = open_driver(URL)
        driver.push([NewJob(id=new_id(), queue="reports", type="report", payload="{}")])
        driver.close()
        terminal.read_until("reports")
        terminal.interrupt()

        assert terminal.finish() == 130

    assert "a second" in terminal.shown
    assert "Traceback" not in terminal.shown


def test_watching_in_a_pipe_adds_a_document_a_line(jobs: None) -> None:
    with subprocess.Popen([*PROGRAM, "status", "--watch", "--json"], stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        lines = [program.stdout.readline() for _ in range(2)]
        program.send_signal(2)

        assert program.wait(30) == 130

    assert [json.loads(line)["queues"][0]["ready"] for line in lines] == [299, 299]


@pytest.mark.parametrize(("reply", "code"), [("y\r", 0), ("n\r", 1), ("\r", 1), ("\x04", 1)])
def test_a_person_at_the_terminal_is_asked(jobs: None, reply: str, code: int) -> None:
    with Terminal(("clear", "emails")) as terminal:
        terminal.read_until("Delete 299 waiting jobs of queue 'emails'? [y/N]: ")
        terminal.type(reply)

        assert terminal.finish() == code

    left = json.loads(run("status", "--json").stdout)["queues"][0]["ready"]
    assert left == (0 if code == 0 else 299)


def test_an_interrupt_is_130_and_an_answer_to_any_question(jobs: None) -> None:
    with Terminal(("clear", "emails")) as terminal:
        terminal.read_until("[y/N]: ")
        terminal.interrupt()

        assert terminal.finish() == 130

    assert "Traceback" not in terminal.shown
    assert json.loads(run("status", "--json").stdout)["queues"][0]["ready"] == 299


@pytest.mark.parametrize(
    ("arguments", "unwanted"),
    [
        (("--help",), ("rich", "msgspec", "conveyor.drivers", "conveyor.cli.work")),
        (("--version",), ("rich", "conveyor.drivers")),
        (("work", "--help"), ("rich", "conveyor.cli.status")),
        (("status",), ("rich", "conveyor.app", "conveyor.worker.supervisor")),
        (("jobs", "--json"), ("rich", "conveyor.app", "conveyor.worker.supervisor")),
    ],
)
def test_a_command_imports_what_it_needs_and_no_more(
    jobs: None, arguments: tuple[str, ...], unwanted: tuple[str, ...]
) -> None:
    code = (
        "import sys, conveyor.cli\n"
        "try: conveyor.cli.main()\n"
        f"finally: print(*(name for name in {unwanted!r} if name in sys.modules), file=sys.stderr)"
    )

    answer = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True, timeout=30
    )

    assert answer.stderr.splitlines()[-1] == ""


def test_the_version_is_the_package_s(jobs: None) -> None:
    import conveyor

    assert run("--version").stdout == f"conveyor {conveyor.__version__}\n"
