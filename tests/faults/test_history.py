"""A Redis or Valkey server loses everything under load, and a rebuild brings it back."""

from __future__ import annotations

import collections
import threading
from collections.abc import Callable, Generator
from pathlib import Path
from uuid import UUID

import psycopg
import pytest

from conveyor.errors import StoreError
from conveyor.history import History
from conveyor.ids import new_id
from conveyor.payload import JobPayload
from conveyor.records import JobId
from conveyor.retry import NoRetry
from tests import postgres, servers
from tests.servers import Server
from tests.worker import jobs, tree
from tests.worker.tree import Bench, wait_until


@pytest.fixture
def server() -> Generator[Server]:
    """One that keeps nothing on disk."""
    made = Server(servers.VALKEY, "--appendonly", "no", "--save", "")
    yield made
    made.remove()


def sqlite_history(directory: Path) -> str:
    return f"sqlite:///{directory}/history.db"


def postgres_history(_directory: Path) -> str:
    with psycopg.connect(postgres.server().url(), autocommit=True) as connection:
        connection.execute("DROP SCHEMA IF EXISTS kept CASCADE")
    return postgres.server().url(schema="kept")


def flushed(server: Server) -> set[JobId]:
    """Delete everything; answer which jobs ran at that moment."""
    (key,) = server.client().keys("*:running")
    running, _ = server.client().pipeline(transaction=True).hkeys(key).flushall().execute()
    return {JobId(UUID(bytes=id)) for id in running}


def restarted(server: Server) -> set[JobId] | None:
    """Kill the server, and start it with nothing; which jobs ran at that moment nobody knows."""
    server.kill()
    server.start()
    return None


class Producer:
    """Pushes jobs one by one until it is stopped: each leaves its number in the notes, but for a few, which fail."""

    def __init__(self, bench: Bench) -> None:
        self.ids: dict[JobId, int] = {}
        self.failing: dict[JobId, int] = {}
        self._bench = bench
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        number = 0
        while not self._stopping.wait(0.002):
            fails = number % 20 == 7
            call = jobs.fail.call("gone wrong") if fails else jobs.note_slow.call(self._bench.path, str(number), 0.004)
            # Delays and priorities too; its own id, so that a push whose answer was lost can be repeated.
            payload = JobPayload(
                call,
                id=new_id(),
                delay=number % 5 * 0.05,
                priority=("high", "low")[number % 2],
                retry=NoRetry() if fails else None,
            )
            while True:
                try:
                    (handle,) = self._bench.app.push_many([payload])
                except StoreError:
                    self._stopping.wait(0.01)
                else:
                    break
            (self.failing if fails else self.ids)[handle.id] = number
            number += 1


@pytest.mark.parametrize(
    ("database", "lose"),
    [
        pytest.param(sqlite_history, flushed, id="flushed, SQLite"),
        pytest.param(postgres_history, flushed, id="flushed, PostgreSQL", marks=pytest.mark.soak),
        pytest.param(sqlite_history, restarted, id="killed, SQLite", marks=pytest.mark.soak),
    ],
)
def test_no_job_is_lost_with_a_server_that_loses_everything_and_only_running_ones_run_twice(
    tmp_path: Path,
    server: Server,
    monkeypatch: pytest.MonkeyPatch,
    database: Callable[[Path], str],
    lose: Callable[[Server], set[JobId] | None],
) -> None:
    url = database(tmp_path)
    monkeypatch.setenv("CONVEYOR_TEST_HISTORY", url)
    history = History(url)
    with tree.bench(tmp_path, url=server.url()) as bench:
        history.record(bench.app)
        worker = bench.worker(app="tests.faults.recorded:app", processes=2)
        producer = Producer(bench)
        wait_until(lambda: bench.counts().completed > 50 and bench.counts().dead > 2)

        running = lose(server)
        pushed_before = len(producer.ids)
        rebuilt = history.rebuild(bench.app)
        wait_until(lambda: len(producer.ids) > pushed_before + 50)
        producer.stop()
        again = history.rebuild(bench.app)

        def is_done() -> bool:
            found = history.statistics()
            return (found.completed, found.failed) == (len(producer.ids), len(producer.failing))

        wait_until(is_done, 60)
        ended = collections.Counter(note.removeprefix("end ") for note in bench.notes if note.startswith("end "))
        assert ended.keys() == {str(number) for number in producer.ids.values()}
        twice = {id for id, number in producer.ids.items() if ended[str(number)] > 1}
        assert running is None or twice <= running
        assert rebuilt.put_back >= rebuilt.running
        assert rebuilt.dead_letters > 2
        assert (again.put_back, again.dead_letters) == (0, 0)
        dead = list(bench.app.dead_letters.each())
        assert {letter.id for letter in dead} == set(producer.failing)
        assert {letter.errors[-1].message for letter in dead} == {"gone wrong"}
        assert worker.stop() == 0
    history.close()
