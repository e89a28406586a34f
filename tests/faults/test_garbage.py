"""What lies in the store is only ever data: garbage stands in nobody's way, and nothing that is stored is executed."""

from __future__ import annotations

import ast
import base64
import os
import pickle
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest

import conveyor
from conveyor import JobStatus, Reason
from conveyor.ids import new_id
from conveyor.records import NewJob
from tests import servers
from tests.contract.damage import DAMAGE, Hand
from tests.worker import jobs
from tests.worker.tree import Bench

GARBAGE: Final = {
    "no JSON": b"\x00\x01 garbage {",
    "no UTF-8": b"\xff\xfe\x80 garbage",
    "other JSON": b"[1, 2, 3]",
    "empty": b"",
}


@pytest.mark.stores("sqlite")
@pytest.mark.parametrize("kind", GARBAGE)
@pytest.mark.parametrize("column", ["payload", "options"])
def test_a_raw_garbage_job_goes_to_the_dead_letters_with_its_bytes_and_the_others_run(
    bench: Bench, kind: str, column: str
) -> None:
    before = bench.push(*(jobs.add.call(number, 1) for number in range(10)))
    (id,) = bench.push(jobs.add.call(1, 1))
    after = bench.push(*(jobs.add.call(number, 2) for number in range(10)))
    write(bench, f"UPDATE conveyor_job SET {column} = CAST(? AS TEXT) WHERE id = ?", GARBAGE[kind], str(id))

    bench.burst()

    assert {job.status for job in bench.ended(*before, *after)} == {JobStatus.COMPLETED}
    if kind == "empty" and column == "options":
        # No options at all is what most jobs have.
        assert bench.get(id).status is JobStatus.COMPLETED
        return
    job = bench.get(id)
    assert (job.status, job.reason, job.failures, job.crashes) == (JobStatus.FAILED, Reason.UNREADABLE, 0, 0)
    kept = job.payload if column == "payload" else job.options
    bytes_of = GARBAGE[kind]
    assert (bytes_of.hex().upper() if kind == "no UTF-8" else bytes_of.decode()) in kept


@pytest.mark.stores("valkey")
def test_damaged_records_on_a_server_go_to_the_dead_letters_with_their_bytes_and_the_others_run(bench: Bench) -> None:
    fine = bench.push(*(jobs.add.call(number, 1) for number in range(40)))
    damaged = bench.push(*(jobs.add.call(number, 2) for number in range(len(DAMAGE))))
    fine += bench.push(*(jobs.add.call(number, 3) for number in range(40)))
    with servers.valkey().client() as client:
        hand = Hand(client, bench.url.partition("prefix=")[2])
        left = {id: hand.damage(id, kind) for id, kind in zip(damaged, DAMAGE, strict=True)}

    tree = bench.burst(processes=2)

    assert {job.status for job in bench.ended(*fine)} == {JobStatus.COMPLETED}
    dead = bench.ended(*damaged)
    assert {(job.status, job.reason) for job in dead} == {(JobStatus.FAILED, Reason.UNREADABLE)}
    assert all(left[job.id].hex().upper().endswith(job.payload) for job in dead)
    assert "Traceback" not in tree.said


class Bomb:
    """Unpickled, it makes a file."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return (os.mkdir, (self.path,))


# PostgreSQL takes no NUL in a text, so that a raw pickle never gets in.
@pytest.mark.stores("sqlite", "valkey")
def test_nothing_that_is_stored_is_executed(bench: Bench) -> None:
    """Pickles and names of functions, in every place that a worker reads."""
    trap = bench.directory / "executed"
    pickled = pickle.dumps(Bomb(str(trap)))
    texts = [pickled.decode("latin-1"), base64.b64encode(pickled).decode(), f'{{"path": "{trap}"}}']
    for number, text in enumerate(texts):
        for type in ("add", "os.mkdir", "os:mkdir", "posix.mkdir", "tests.worker.jobs.note"):
            bench.app.driver.push([NewJob(id=new_id(), queue="default", type=type, payload=text)])
        options = f'{{"retry": {{"kind": "os.mkdir", "path": "{trap}"}}}}' if number else text
        bench.app.driver.push([NewJob(id=new_id(), queue="default", type="fail", payload="{}", options=options)])

    bench.burst()

    assert not trap.exists()
    counts = bench.counts()
    # Of the types that nobody knows, none runs; what cannot be read is dead.
    assert (counts.completed, counts.held, counts.dead) == (0, 12, 6)
    pickle.loads(pickled)
    assert trap.exists()


def test_the_package_has_nothing_that_executes_data() -> None:
    for file in Path(conveyor.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
            if isinstance(node, ast.ImportFrom):
                names.append(node.module or "")
            assert not {name.partition(".")[0] for name in names} & {"pickle", "marshal", "shelve", "dill"}, file
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in {"eval", "exec"}, file


def write(bench: Bench, statement: str, *values: object) -> None:
    """Change the file behind everybody's back."""
    with closing(sqlite3.connect(bench.directory / "jobs.db")) as connection, connection:
        assert connection.execute(statement, values).rowcount == 1
