from __future__ import annotations

import asyncio
import inspect
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import psycopg
import pytest

from conveyor import Cancel, Conveyor, ExponentialBackoff, GiveUp, JobPayload, Unique
from conveyor.errors import (
    ConfigError,
    InvalidValue,
    JobNotFound,
    SchemaMismatch,
    StoreUnavailable,
)
from conveyor.history import History, PersistentQueue
from conveyor.history.recorder import Recorder
from conveyor.history.recording import RecordingDriver
from conveyor.lifecycle import after_success
from conveyor.maintenance import rescue
from conveyor.records import Filter, JobId, JobStatus, Reason
from conveyor.retention import Retention
from tests import postgres, servers
from tests.contract.stores import FakeClock
from tests.worker.tree import wait_until

COMPLETED, PENDING, PROCESSING, RETRYING = (
    JobStatus.COMPLETED,
    JobStatus.PENDING,
    JobStatus.PROCESSING,
    JobStatus.RETRYING,
)

LOSE: Final[dict[str, Callable[[], object]]] = {
    "memory": lambda: None,  # closing it is enough
    "valkey": lambda: servers.valkey().client().flushall(),
    "postgres": postgres.clean_url,
}


class Bench:
    """A store, a history elsewhere, and an application with a queue that has it."""

    def __init__(self, directory: Path, history: str, store: str) -> None:
        self.clock: Final = FakeClock()
        self.store: Final = store
        self.opened: Final[list[History]] = []
        self.history_url: Final = sqlite_history(directory) if history == "sqlite" else postgres_history()
        self.history = self.another_history()
        url = {"memory": lambda: "memory://", "valkey": servers.valkey().url, "postgres": postgres.clean_url}[store]()
        self.app = Conveyor(url, clock=self.clock, retry=ExponentialBackoff(max_attempts=2, base=60, jitter="none"))
        self.queue = PersistentQueue(self.app.queue("kept"), self.history)

        @self.app.job("add", queue="kept")
        def add(a: int, b: int) -> int:
            return a + b

        self.add = add

    def another_history(self, **bounds: float | timedelta | None) -> History:
        self.opened.append(made := History(self.history_url, clock=self.clock, **bounds))  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
        return made

    def push(self, a: int = 1, **delivery: object) -> JobId:
        payload = JobPayload(self.add.call(a, 2), **delivery)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
        return self.queue.push(payload).id

    def lose_everything(self) -> None:
        self.history.flush()
        self.recording.inner.close()
        LOSE[self.store]()
        with self.app._lock:
            self.app._driver = None

    @property
    def recording(self) -> RecordingDriver:
        driver = self.app.driver
        assert isinstance(driver, RecordingDriver)
        return driver

    def status(self, id: JobId) -> JobStatus:
        assert self.history.flush()
        return self.history.get(id).status

    def steps(self, id: JobId) -> list[tuple[str, int]]:
        assert self.history.flush()
        return [(event.status.value, event.attempt) for event in self.history.timeline(id)]


def sqlite_history(directory: Path) -> str:
    return f"sqlite:///{directory}/history.db"


def postgres_history() -> str:
    with psycopg.connect(postgres.server().url(), autocommit=True) as connection:
        connection.execute("DROP SCHEMA IF EXISTS kept CASCADE")
    return postgres.server().url(schema="kept")


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody else writes, so that a rebuild need not wait long for them."""
    monkeypatch.setattr("conveyor.history.rebuild.PATIENCE", 0.02)
    monkeypatch.setattr("conveyor.history.letters.PATIENCE", 0.02)


@pytest.fixture(params=["sqlite-memory", "sqlite-valkey", "postgres-memory", "postgres-postgres"])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Generator[Bench]:
    yield from made(tmp_path, *request.param.split("-"))


@pytest.fixture
def light(tmp_path: Path) -> Generator[Bench]:
    """Where neither the store nor the database matters."""
    yield from made(tmp_path, "sqlite", "memory")


def made(directory: Path, history: str, store: str) -> Generator[Bench]:
    bench = Bench(directory, history, store)
    yield bench
    bench.app.close()
    for opened in bench.opened:
        opened.close()


# ── what is recorded ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_job_is_in_the_history_when_push_answers_and_as_it_was_pushed(bench: Bench) -> None:
    id = bench.push(delay=60, priority="high", unique=Unique("key"))

    entry = bench.another_history().get(id)

    assert (entry.queue, entry.type, entry.payload) == ("kept", "add", '{"a":1,"b":2}')
    assert (entry.status, entry.priority, entry.attempt) == (PENDING, 750, 0)
    assert entry.due_at == bench.clock() + 60_000_000
    assert entry.is_alone
    assert bench.steps(id) == [("pending", 0)]


def test_every_step_of_a_job_is_in_its_timeline(bench: Bench) -> None:
    id = bench.push()
    first = bench.queue.pop()
    assert first is not None
    bench.queue.fail(first, ValueError("no"))
    bench.clock.step(61)
    second = bench.queue.pop()
    assert second is not None
    bench.queue.complete(second, 3)

    assert bench.steps(id) == [
        ("pending", 0),
        ("processing", 1),
        ("retrying", 1),
        ("processing", 2),
        ("completed", 2),
    ]
    timeline = bench.history.timeline(id)
    assert timeline[2].failure is not None
    assert (timeline[2].failure.message, timeline[2].failure.error_type) == ("no", "builtins.ValueError")
    assert timeline[2].due_at == timeline[2].at + 60_000_000
    assert timeline[1].worker
    entry = bench.history.get(id)
    assert (entry.result, entry.failures, entry.attempt) == ("3", 1, 2)


def test_dead_letters_and_their_return_are_recorded(bench: Bench) -> None:
    id = bench.push()
    for _ in range(2):
        payload = bench.queue.pop()
        assert payload is not None
        bench.queue.fail(payload, ValueError("no"))
        bench.clock.step(61)
    assert bench.status(id) is JobStatus.FAILED
    assert bench.history.get(id).reason is Reason.FAILED

    assert bench.app.dead_letters.retry_all(edit={"a": 5}) == 1

    assert bench.status(id) is PENDING
    entry = bench.history.get(id)
    assert (entry.failures, entry.attempt, entry.payload) == (0, 2, '{"a":5,"b":2}')
    assert bench.history.timeline(id)[-1].note == "brought back from the dead letters"


def test_a_job_that_is_cancelled_or_cleared_away_is_not_to_be_done_any_more(bench: Bench) -> None:
    first, second = bench.push(), bench.push()
    bench.queue.cancel(first)
    assert bench.queue.clear() == 1

    assert bench.status(first) is JobStatus.CANCELLED
    assert bench.status(second) is JobStatus.CANCELLED
    assert bench.history.timeline(second)[-1].note == "its queue was cleared"
    assert bench.queue.rebuild().put_back == 0


def test_workers_find_what_the_store_buries_by_itself(bench: Bench) -> None:
    id = bench.push(expires=10)
    bench.clock.step(11)

    assert bench.queue.pop() is None
    bench.app.driver.tend()
    bench.recording._upkeep.run_once()

    assert bench.status(id) is JobStatus.EXPIRED
    assert bench.queue.statistics().expired == 1


def test_what_a_dead_worker_held_is_recorded_when_it_is_rescued(bench: Bench) -> None:
    id = bench.push()
    bench.app.driver.claim(["kept"], limit=1, lease=5, worker="gone")
    bench.clock.step(6)

    rescue(bench.app.driver)

    assert bench.steps(id)[1:] == [("processing", 1), ("pending", 1)]


def test_follow_ups_are_recorded_with_the_end_of_their_parent(bench: Bench) -> None:
    bench.push()
    (claim,) = bench.app.driver.claim(["kept"], limit=1, lease=5, worker="w")
    child = bench.app.prepare(bench.add.call(7, 7))

    bench.app.driver.settle([after_success(claim, None, follow_ups=(child,))])

    assert bench.status(child.id) is PENDING
    bench.lose_everything()
    assert bench.queue.rebuild().put_back == 1


def test_a_job_that_another_one_stands_for_is_not_in_the_history(bench: Bench) -> None:
    first = bench.push(unique=Unique("key"))
    assert bench.push(a=2, unique=Unique("key")) == first
    assert bench.push(a=3, unique=Unique("key", on_conflict="replace")) == first

    assert bench.history.flush()
    assert bench.queue.statistics().total == 1
    assert bench.history.get(first).payload == '{"a":3,"b":2}'


def test_pushing_an_id_again_changes_nothing(bench: Bench) -> None:
    id = bench.push()
    payload = bench.queue.pop()
    assert payload is not None
    bench.queue.complete(payload)
    bench.history.flush()

    assert bench.push(id=id) == id

    assert bench.status(id) is COMPLETED


def test_moves_count_in_whatever_order_they_are_told(light: Bench) -> None:
    id = light.push()
    (claim,) = light.app.driver.claim(["kept"], limit=1, lease=5, worker="w")
    bare = light.another_history()
    from conveyor.history import moves

    light.app.driver.settle([after_success(claim, None)])
    assert light.status(id) is COMPLETED
    bare.recorder.add([moves.claimed(claim, "late", light.clock())])
    bare.close()

    assert light.status(id) is COMPLETED
    assert light.steps(id) == [("pending", 0), ("processing", 1), ("completed", 1)]


def test_queues_that_were_not_named_are_not_recorded(light: Bench) -> None:
    light.app.queue("other").push(light.add.call(1, 2))
    light.push()
    assert light.queue.statistics().total == light.history.statistics().total == 1

    light.history.record(light.app)
    light.app.queue("other").push(light.add.call(1, 2))

    assert light.history.statistics("other").total == 1


def test_an_end_inside_a_transaction_is_recorded_when_that_is_committed_and_not_before(tmp_path: Path) -> None:
    app, history = Conveyor(f"sqlite:///{tmp_path}/jobs.db"), History(sqlite_history(tmp_path))
    history.record(app)

    @app.job("add")
    def add(a: int, b: int) -> int:
        return a + b

    ids = [add.push(number, 1).id for number in range(2)]
    first, second = app.driver.claim(["default"], limit=2, lease=30, worker="w")
    with pytest.raises(ZeroDivisionError), app.driver.transaction() as connection:  # noqa: PT012 - the block is the point
        assert app.driver.settle_in(connection, after_success(first, "1"))
        raise ZeroDivisionError
    with app.driver.transaction() as connection:
        assert app.driver.settle_in(connection, after_success(second, "2"))
        assert history.flush()
        assert {history.get(id).status for id in ids} == {PROCESSING}

    app.driver.claim(["default"], limit=1, lease=30, worker="w")
    wait_until(lambda: history.get(second.id).status is COMPLETED)

    assert history.get(first.id).status is PROCESSING
    app.close()


# ── look ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_jobs_are_found_by_queue_type_status_and_time(bench: Bench) -> None:
    old = [bench.push() for _ in range(3)]
    bench.clock.step(3600)
    new = [bench.push() for _ in range(2)]
    payload = bench.queue.pop()
    assert payload is not None
    bench.queue.complete(payload)
    bench.history.flush()
    find = bench.history.find

    assert [entry.id for entry in find()] == [*new[::-1], *old[::-1]]
    assert [entry.id for entry in find(status="completed")] == [payload.id]
    assert [entry.id for entry in find(since=1800, status=["pending", "retrying"])] == new[::-1]
    assert [entry.id for entry in find(until=timedelta(minutes=30))] == [id for id in old[::-1] if id != payload.id]
    assert find(queue="other") == find(type="other") == []
    page = find(limit=2)
    assert [entry.id for entry in find(limit=2, after=page[-1])] == old[::-1][:2]


def test_statistics_count_by_what_became_of_jobs(bench: Bench) -> None:
    for _ in range(4):
        bench.push()
    for _ in range(2):
        payload = bench.queue.pop()
        assert payload is not None
        bench.queue.complete(payload)
    payload = bench.queue.pop()
    assert payload is not None
    bench.queue.fail(payload, ValueError())
    bench.history.flush()

    found = bench.queue.statistics()

    assert (found.total, found.completed, found.retrying, found.pending) == (4, 2, 1, 1)
    assert (found.processing, found.failed, found.cancelled, found.expired) == (0, 0, 0, 0)


@pytest.mark.parametrize(
    ("conditions", "says"),
    [
        ({"status": "gone"}, "status is 'gone'; give one of pending"),
        ({"limit": 0}, "limit is 0; give a whole number from 1 up"),
        ({"since": -1}, "since is -1; give a duration"),
        ({"after": "x"}, "id is 'x'; give a UUID"),
    ],
)
def test_a_condition_that_breaks_its_rule_is_named(light: Bench, conditions: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidValue, match=says):
        light.history.find(**conditions)


@pytest.mark.parametrize(("bounds", "says"), [({"count": -1}, "count is -1; give a whole"), ({"age": -1}, "age is -1")])
def test_a_bound_that_breaks_its_rule_is_named(bounds: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidValue, match=says):
        History("sqlite:///a.db", **bounds)


def test_what_is_no_queue_or_no_history_is_named(light: Bench) -> None:
    wrong: Any = "kept"
    with pytest.raises(InvalidValue, match="queue is 'kept'; give a queue such as"):
        PersistentQueue(wrong, light.history)
    with pytest.raises(InvalidValue, match="history is 'kept'; give History"):
        PersistentQueue(light.app.queue("kept"), wrong)


def test_an_unknown_id_is_a_clear_error(bench: Bench) -> None:
    with pytest.raises(JobNotFound):
        bench.history.timeline("01890a5d-ac96-774b-bcce-b302099a8057")


# ── retention ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_has_ended_is_kept_by_age_and_count(bench: Bench) -> None:
    ids = [bench.push() for _ in range(5)]
    for _ in range(4):
        payload = bench.queue.pop()
        assert payload is not None
        bench.queue.complete(payload)
        bench.clock.step(60)
    bench.history.flush()
    counted, aged = bench.another_history(count=3), bench.another_history(age=100)

    assert counted.prune() == 1
    assert [entry.id for entry in bench.history.find()] == ids[:0:-1]
    assert aged.prune() == 2
    assert [entry.id for entry in bench.history.find()] == ids[:2:-1]
    assert (counted.prune(), aged.prune()) == (0, 0)
    assert bench.history.forget(ids[3])
    assert not bench.history.forget(ids[4]), "it is still to be done"


# ── rebuild ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_rebuild_puts_back_what_is_still_to_be_done_as_it_was(bench: Bench) -> None:
    later = bench.push(delay=600, priority="low", unique=Unique("key"))
    done = bench.push()
    retried = bench.push(a=2)
    for _ in range(2):
        payload = bench.queue.pop()
        assert payload is not None
        if payload.id == done:
            bench.queue.complete(payload)
        else:
            bench.queue.fail(payload, ValueError())
    ran = bench.push(a=3)
    bench.queue.pop()
    due = {id: bench.app.handle(id).refresh().due_at for id in (later, retried)}
    bench.lose_everything()

    rebuilt = bench.queue.rebuild()

    assert (rebuilt.put_back, rebuilt.running, rebuilt.kept, rebuilt.replaced) == (3, 1, 0, 0)
    waiting = {id: bench.app.handle(id).refresh() for id in (later, retried, ran)}
    assert {job.status for job in waiting.values()} == {PENDING}
    assert {id: waiting[id].due_at for id in due} == due
    assert waiting[later].priority == 250
    assert waiting[later].unique
    assert (waiting[retried].attempt, waiting[retried].failures, waiting[ran].attempt) == (1, 1, 1)
    with pytest.raises(JobNotFound):
        bench.app.handle(done).refresh()
    again = bench.queue.rebuild()
    assert (again.put_back, again.kept) == (0, 3)
    assert bench.steps(ran)[1:] == [("processing", 1), ("pending", 1)]
    assert bench.history.timeline(ran)[-1].note == "put back: the store had lost it"


def test_a_rebuild_puts_back_dead_letters_with_their_errors_but_those_that_were_forgotten(bench: Bench) -> None:
    letters = bench.app.dead_letters
    dead, gone, redriven = [bench.push(unique=Unique(name)) for name in ("dead", "gone", "redriven")]
    for error in ("first", "last"):
        while payload := bench.queue.pop():
            bench.queue.fail(payload, ValueError(error))
        bench.clock.step(60)
    overdue = bench.push(expires=1)
    bench.clock.step(2)
    bench.app.driver.tend()
    bench.recording._upkeep.run_once()
    letters.retry(redriven)
    assert letters.forget(gone)
    before = {letter.id: letter for letter in letters.list()}
    bench.lose_everything()

    rebuilt = bench.queue.rebuild()

    assert (rebuilt.put_back, rebuilt.dead_letters) == (1, 2)
    after = {letter.id: letter for letter in letters.list()}
    assert after.keys() == before.keys() == {dead, overdue}
    assert [error.message for error in after[dead].errors] == ["first", "last"]
    for id, letter in after.items():
        shown = ("errors", "payload", "options", "status", "reason", "attempt", "failures", "finished_at", "unique")
        assert [getattr(letter, name) for name in shown] == [getattr(before[id], name) for name in shown]
    again = bench.queue.rebuild()
    assert (again.put_back, again.kept, again.dead_letters) == (0, 1, 0)
    assert bench.steps(gone)[-2:] == [("failed", 2), ("failed", 2)]
    assert bench.history.timeline(gone)[-1].note == "deleted from the dead letters"
    assert letters.retry_all() == 2
    assert bench.status(dead) is PENDING


def test_forgetting_through_a_history_takes_what_the_conditions_say(bench: Bench) -> None:
    driver = bench.app.driver
    done, dead, cancelled = bench.push(), bench.push(), bench.push()
    for _ in range(3):
        payload = bench.queue.pop()
        assert payload is not None
        if payload.id == done:
            bench.queue.complete(payload)
        else:
            bench.queue.fail(payload, GiveUp("x") if payload.id == dead else Cancel("y"))

    assert driver.forget(Filter(statuses=(COMPLETED,))) == 1
    assert [job is None for job in driver.get([done, dead, cancelled])] == [True, False, False]
    assert driver.forget(Filter(), limit=1) == 1
    assert [job is None for job in driver.get([done, dead, cancelled])] == [True, True, False]
    assert driver.forget(Filter(statuses=(PENDING,))) == 0
    assert driver.forget(Filter()) == 1
    bench.history.flush()
    assert bench.queue.rebuild().dead_letters == 0


def test_what_the_store_would_prune_is_no_lost_dead_letter(light: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(light.app, "retention", Retention(dead_age=100, dead_count=2))
    ids = [light.push() for _ in range(4)]
    for step in (60, 60):
        while payload := light.queue.pop():
            light.queue.fail(payload, ValueError())
        light.clock.step(step)
    light.lose_everything()

    assert light.queue.rebuild().dead_letters == 2
    assert light.queue.rebuild().dead_letters == 0

    assert [letter.id for letter in light.app.dead_letters.list()] == ids[:1:-1]
    light.clock.step(100)
    light.app.dead_letters.forget_all()
    assert light.queue.rebuild().dead_letters == 0


def test_a_lost_job_that_was_replaced_meanwhile_is_not_put_back(light: Bench) -> None:
    lost = light.push(unique=Unique("key"))
    light.lose_everything()
    new = light.push(a=2, unique=Unique("key"))

    rebuilt = light.queue.rebuild()

    assert (rebuilt.put_back, rebuilt.replaced, rebuilt.kept) == (0, 1, 1)
    assert light.status(lost) is JobStatus.CANCELLED
    assert light.status(new) is PENDING


def test_a_rebuild_takes_over_what_the_store_alone_knows(bench: Bench) -> None:
    id = bench.push()
    bare = Conveyor(bench.app.url, clock=bench.clock) if bench.store != "memory" else None
    driver = bench.recording.inner if bare is None else bare.driver
    (claim,) = driver.claim(["kept"], limit=1, lease=5, worker="w")
    driver.settle([after_success(claim, "3")])
    if bare is not None:
        bare.close()

    rebuilt = bench.queue.rebuild()

    assert (rebuilt.caught_up, rebuilt.put_back) == (1, 0)
    assert bench.status(id) is COMPLETED


def test_only_the_jobs_of_the_queue_are_put_back(light: Bench) -> None:
    light.history.record(light.app)
    light.app.queue("other").push(light.add.call(1, 2))
    light.push()
    light.lose_everything()

    assert light.queue.rebuild().put_back == 1
    assert light.history.rebuild(light.app).put_back == 1


# ── a producer dies ──────────────────────────────────────────────────────────────────────────────────────────────────

_DIES = """
import os, signal, sys
from conveyor import Conveyor
from conveyor.history import History, PersistentQueue
app = Conveyor(sys.argv[1])
history = History(sys.argv[2])
queue = PersistentQueue(app.queue("kept"), history)
@app.job("add", queue="kept")
def add(a: int, b: int) -> int: return a + b
app.driver.inner.push = lambda jobs, connection=None: os.kill(os.getpid(), signal.SIGKILL)
add.push(1, 2)
"""


def test_a_job_whose_producer_is_killed_between_history_and_store_is_put_back_once(tmp_path: Path) -> None:
    store, history_url = f"sqlite:///{tmp_path}/jobs.db", sqlite_history(tmp_path)
    app, history = Conveyor(store), History(history_url)
    queue = PersistentQueue(app.queue("kept"), history)

    died = subprocess.run([sys.executable, "-c", _DIES, store, history_url], check=False)

    assert died.returncode == -signal.SIGKILL
    assert queue.size() == 0
    assert (queue.rebuild().put_back, queue.rebuild().put_back) == (1, 0)
    assert queue.size() == 1
    app.close()


# ── the history is away ──────────────────────────────────────────────────────────────────────────────────────────────


def locked(path: str) -> sqlite3.Connection:
    """A connection that keeps everybody else from writing."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("BEGIN EXCLUSIVE")
    return connection


def test_while_the_history_is_away_nothing_is_pushed_and_work_goes_on(light: Bench, tmp_path: Path) -> None:
    ids = [light.push() for _ in range(3)]
    light.app.close()
    history = History(f"{light.history_url}?timeout=0.2", clock=light.clock)
    app = Conveyor(f"sqlite:///{tmp_path}/jobs.db", clock=light.clock)
    queue = PersistentQueue(app.queue("kept"), history)

    @app.job("add", queue="kept")
    def add(a: int, b: int) -> int:
        return a + b

    assert queue.rebuild().put_back == 3
    history.flush()

    in_the_way = locked(str(tmp_path / "history.db"))
    with pytest.raises(StoreUnavailable, match="the history cannot be written, so nothing was pushed: another process"):
        queue.push(add.call(1, 2))
    assert queue.size() == 3
    for _ in range(3):
        payload = queue.pop()
        assert payload is not None
        queue.complete(payload)
    assert not history.flush(0.3)
    in_the_way.execute("ROLLBACK")
    in_the_way.close()

    assert history.flush(10)
    assert {history.get(id).status for id in ids} == {COMPLETED}
    app.close()


def test_a_bounded_number_of_moves_is_kept_while_the_history_is_away(caplog: pytest.LogCaptureFixture) -> None:
    back = threading.Event()
    written: list[JobId] = []

    class Away:
        url = ""

        def run(self, *steps: tuple[str, dict[str, list[JobId]]]) -> list[tuple[object, ...]]:
            if not back.is_set():
                raise StoreUnavailable("away")
            written.extend(steps[0][1]["ids"])
            return []

        def close(self) -> None: ...

    from conveyor.ids import new_id

    recorder = Recorder(Away, most=10)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    recorder.add([new_id()])
    while recorder._since is None:
        threading.Event().wait(0.01)
    for _ in range(30):
        recorder.add([new_id()])
    back.set()

    assert recorder.flush(10)
    assert len(written) == 11
    assert "20 moves of jobs are not in the history, which was away for too long" in caplog.text
    recorder.stop(5)


# ── the tables ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("url", ["redis://localhost", "memory://", "history.db", 7])
def test_a_history_lives_in_sql(url: str) -> None:
    with pytest.raises(ConfigError, match=r"the URL of a history"):
        History(url)


def test_the_history_of_a_newer_release_is_refused_and_that_of_none_is_made(bench: Bench) -> None:
    bench.push()
    postgres_url = None if bench.history_url.startswith("sqlite") else postgres.server().url()
    if postgres_url is None:
        with closing(sqlite3.connect(bench.history_url.removeprefix("sqlite:///"), isolation_level=None)) as file:
            file.execute("UPDATE conveyor_history_schema SET version = 99")
    else:
        with psycopg.connect(postgres_url, autocommit=True) as connection:
            connection.execute("UPDATE kept.history_schema SET version = 99")

    with pytest.raises(SchemaMismatch, match=r"has schema version 99, this conveyor knows versions up to 1: a newer"):
        bench.another_history().statistics()


def test_tables_that_may_not_be_made_are_a_clear_error(bench: Bench, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/new.db?migrate=false"
    if not bench.history_url.startswith("sqlite"):
        url = postgres.server().url(schema="nothing_there", migrate="false")

    with pytest.raises(SchemaMismatch, match="has no tables yet, and its URL says migrate=false"):
        History(url).statistics()


def test_what_people_ask_of_a_history_has_an_async_twin_of_the_same_signature() -> None:
    for kind in (History, PersistentQueue):
        twins = [name for name in vars(kind) if inspect.iscoroutinefunction(getattr(kind, name))]

        assert {"atimeline", "astatistics", "arebuild"} <= set(twins)
        for twin in twins:
            assert inspect.signature(getattr(kind, twin)) == inspect.signature(getattr(kind, twin[1:]))
    unlike = {"record", "store", "entries", "failures", "open_jobs", "last_open", "overdue", "prune_some"}
    sync = {name for name, of in vars(History).items() if inspect.isfunction(of) and name[0] != "_"} - unlike
    assert {name for name in sync if not inspect.iscoroutinefunction(getattr(History, name))} == {
        name[1:] for name in sync if inspect.iscoroutinefunction(getattr(History, name))
    }


def test_the_async_twins_do_the_same(bench: Bench) -> None:
    id, other = bench.push(), bench.push()
    bench.queue.cancel(other)

    async def ask() -> None:
        assert await bench.history.aflush()
        assert (await bench.history.aget(id)).id == id
        assert [entry.id for entry in await bench.history.afind(status="pending")] == [id]
        assert len(await bench.history.atimeline(other)) == len(await bench.queue.atimeline(other)) == 2
        assert (await bench.history.astatistics("kept")) == await bench.queue.astatistics()
        assert (await bench.history.arebuild(bench.queue)).kept == (await bench.queue.arebuild()).kept == 1
        assert await bench.history.aforget(other)
        assert await bench.history.aprune() == 0
        await bench.history.aclose()

    asyncio.run(ask())

    assert bench.history.get(id).status is PENDING
