"""progress: bars on a terminal, lines in a pipe, a document for programs."""

from __future__ import annotations

import subprocess
from pathlib import Path
from uuid import uuid4

from conveyor.drivers.open import open_driver
from conveyor.ids import new_id
from conveyor.lifecycle import after_success
from conveyor.records import Claim, ClaimKey, NewJob, Progress
from tests.cli.conftest import Cli, Store
from tests.cli.program import PROGRAM, Terminal


def say(store: Store, claim: Claim, current: float) -> None:
    progress = Progress(current=current, total=10, message="row \x1b[2J", rate=2.0)
    assert store.driver.write_progress(ClaimKey(claim.id, claim.attempt), progress)


def test_it_says_how_far_each_job_is_until_all_have_ended(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/conveyor.db"
    driver = open_driver(url)
    store = Store(driver, url)
    first, second = store.push(), store.push()
    claim = store.claim()
    say(store, claim, 4)

    with subprocess.Popen(
        [*PROGRAM, "progress", str(first), str(second), "--url", url], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline().strip() for _ in range(2)]
        say(store, claim, 10)
        driver.settle([after_success(claim, None)])
        store.complete()
        lines += [line.strip() for line in process.stdout]
    driver.close()

    assert process.returncode == 0
    assert lines[0] == f"{first}  processing  4/10  40%  2/s  eta 3.0s  row \\x1b[2J"
    assert lines[1] == f"{second}  pending"
    assert f"{first}  completed   10/10  100%  2/s  row \\x1b[2J" in lines
    assert lines[-1] == f"{second}  completed"


def test_json_is_one_look(cli: Cli, store: Store) -> None:
    first, second = store.push(), store.push()
    say(store, store.claim(), 4)

    answer = cli("progress", first, second, first, "--json")

    assert answer.code == 0
    assert [(each["id"], each["status"]) for each in answer.json] == [
        (str(first), "processing"),
        (str(second), "pending"),
    ]
    said = answer.json[0]["progress"]
    assert (said["current"], said["total"], said["percentage"], said["rate"], said["eta"]) == (4, 10, 40, 2, 3)
    assert answer.json[1]["progress"] is None


def test_a_job_that_failed_is_told_by_the_exit_code(cli: Cli, store: Store) -> None:
    job = store.push()
    store.bury()

    answer = cli("progress", job)

    assert (answer.code, answer.out) == (1, f"{job}  failed\n")


def test_an_unknown_id_is_an_error(cli: Cli) -> None:
    unknown = uuid4()

    answer = cli("progress", unknown)

    assert answer.code == 1
    assert str(unknown) in answer.err


def test_a_terminal_is_drawn_bars_to_the_end(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/conveyor.db"
    driver = open_driver(url)
    (job,) = driver.push([NewJob(id=new_id(), type="import", queue="a", payload="{}")])
    (claim,) = driver.claim(["a"], limit=1, lease=30, worker="w")
    driver.write_progress(ClaimKey(job, 1), Progress(current=4, total=10))

    with Terminal(("progress", job, "--url", url)) as terminal:
        terminal.read_until("40%")
        driver.settle([after_success(claim, None)])
        assert terminal.finish() == 0

    driver.close()
    assert "import" in terminal.shown
    assert "completed" in terminal.shown
