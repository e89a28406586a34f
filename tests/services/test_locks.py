from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from conveyor import Conveyor, InvalidValue, Lock, LockLost, LockTimeout, current_job
from conveyor.context import running
from conveyor.records import Claim, LockRecord
from tests.contract.stores import SPANNING, START, FakeClock, Kind, an_id
from tests.worker.tree import ROOT, wait_until

# ── one process ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_lock_is_held_in_its_block_and_free_after_it(app: Conveyor) -> None:
    fences: list[int] = []
    for _ in range(3):
        with app.lock("import") as lock:
            fences.append(lock.fence)
            lock.check()
            (record,) = app.locks()
            assert (record.name, record.fence) == ("import", lock.fence)
            assert f":{os.getpid()} " in record.owner
        assert not lock.is_held
        assert app.locks() == []

    assert fences == sorted(set(fences))


def test_a_lock_that_is_held_is_not_taken(app: Conveyor) -> None:
    with app.lock("import"):
        other = app.lock("import", wait=0.02)

        assert not other.try_acquire()
        with pytest.raises(LockTimeout, match=r"lock 'import' was held by others for 0\.02 s"), other:
            pytest.fail("two have it")
        with pytest.raises(LockTimeout), app.lock("import", wait=0):
            pytest.fail("two have it")
        another = app.lock("export")
        assert another.try_acquire()
        another.release()


def test_a_lock_is_waited_for(app: Conveyor) -> None:
    first = app.lock("import")
    first.acquire()
    waits = threading.Event()
    fences: list[int] = []

    def wait() -> None:
        waits.set()
        with app.lock("import", wait=20) as second:
            fences.append(second.fence)

    thread = threading.Thread(target=wait)
    thread.start()
    assert waits.wait(20)
    fence = first.fence
    first.release()
    thread.join(20)

    assert len(fences) == 1
    assert fences[0] > fence


def test_a_held_lock_is_renewed(app: Conveyor, clock: FakeClock) -> None:
    with app.lock("import", ttl=0.3) as lock:
        for _ in range(4):
            clock.step(0.2)
            wait_until(lambda: app.locks()[0].expires_at > clock.now + 250_000)

        assert lock.is_held


def test_a_holder_that_was_away_for_too_long_finds_out_and_changes_nothing(app: Conveyor, clock: FakeClock) -> None:
    lock = app.lock("import", ttl=0.3)
    lock.acquire()
    clock.step(1)
    other = app.lock("import", ttl=60)
    assert other.try_acquire()

    wait_until(lambda: not lock.is_held)

    with pytest.raises(LockLost, match="lock 'import' is lost") as lost:
        lock.check()
    assert (lost.value.name, lost.value.fence) == ("import", lock.fence)
    assert other.fence > lock.fence
    with pytest.raises(LockLost):
        lock.release()
    lock.release()
    assert [record.fence for record in app.locks()] == [other.fence]
    other.release()


def test_a_store_whose_clock_is_set_back_keeps_the_lock_for_its_holder(app: Conveyor, clock: FakeClock) -> None:
    with app.lock("import", ttl=0.3) as lock:
        fence = lock.fence
        clock.step(-3600)
        other = app.lock("import")

        assert not other.try_acquire()
        # The next renewal is by the new time, so that the lock does not outlive its holder by an hour.
        wait_until(lambda: app.locks()[0].expires_at <= clock.now + 300_000)
        assert lock.is_held
        lock.check()
    assert other.try_acquire()
    assert other.fence > fence
    other.release()


def test_a_holder_learns_of_a_store_whose_clock_is_set_forward_with_its_next_renewal(
    app: Conveyor, clock: FakeClock
) -> None:
    lock = app.lock("import", ttl=0.3)
    lock.acquire()
    fence = lock.fence
    clock.step(3600)

    # By the store's clock it has lapsed. For as long as the first holder does not know, the fence tells them apart.
    other = app.lock("import", ttl=60, wait=20)
    other.acquire()
    wait_until(lambda: not lock.is_held)

    assert other.fence > fence
    other.check()
    with pytest.raises(LockLost):
        lock.release()
    other.release()


def test_a_block_whose_lock_was_lost_ends_with_an_error_unless_it_has_one_already(
    app: Conveyor, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    def lose(lock: Lock) -> None:
        (record,) = app.locks()
        app.driver.release_lock(record.name, record.owner)
        wait_until(lambda: not lock.is_held)

    def fail(lock: Lock) -> None:
        lose(lock)
        raise KeyError("mine")

    with pytest.raises(LockLost), app.lock("import", ttl=0.1) as lock:
        lose(lock)
    with pytest.raises(KeyError, match="mine"), app.lock("import", ttl=0.1) as lock:
        fail(lock)

    assert "lock 'import' is lost" in caplog.text


def test_an_object_holds_a_lock_once(app: Conveyor) -> None:
    lock = app.lock("import")
    for premature in (lock.check, lambda: lock.fence):
        with pytest.raises(InvalidValue, match="is not acquired"):
            premature()

    with lock:
        with pytest.raises(InvalidValue, match="acquired by this object already"):
            lock.try_acquire()
        assert lock.is_held
    with lock:
        assert lock.is_held


@pytest.mark.parametrize(
    ("name", "options", "problem"),
    [
        ("", {}, "lock name is ''"),
        ("x" * 10_240, {}, r"lock name is 'x+'… of 10,240 characters; give 1 to 200"),
        ("a\nb", {}, "printable"),
        (7, {}, "lock name is 7"),
        ("\ud800", {}, "lock name"),
        ("a", {"ttl": 0}, "ttl is 0"),
        ("a", {"ttl": "1h"}, "ttl is '1h'"),
        ("a", {"wait": -1}, "wait is -1"),
    ],
)
def test_a_lock_that_cannot_be_is_refused(app: Conveyor, name: Any, options: dict[str, Any], problem: str) -> None:
    with pytest.raises(InvalidValue, match=problem):
        app.lock(name, **options)


def test_a_job_that_holds_a_lock_is_named_as_its_owner(app: Conveyor) -> None:
    claim = Claim(an_id(), 1, "t", "a", 500, "{}", "", 0, 0, 3, START)

    with running(claim, app), app.lock("import"):
        assert app.locks()[0].owner.startswith(f"job {current_job().id} on ")


# ── async ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_async_code_holds_locks_too(app: Conveyor) -> None:
    async def work() -> None:
        async with app.lock("import") as lock:
            assert [record.fence for record in await app.alocks()] == [lock.fence]
            assert not await app.lock("import").atry_acquire()
            with pytest.raises(LockTimeout):
                await app.lock("import", wait=0.01).aacquire()
        other = app.lock("import")
        await other.aacquire()
        await other.arelease()
        assert await app.alocks() == []

    asyncio.run(work())


def test_a_lock_taken_for_a_task_that_was_cancelled_meanwhile_is_released(app: Conveyor) -> None:
    began, go_on = threading.Event(), threading.Event()
    acquire = app.driver.acquire_lock

    def slowly(name: str, owner: str, ttl: float) -> LockRecord | None:
        began.set()
        assert go_on.wait(20)
        return acquire(name, owner, ttl)

    app.driver.acquire_lock = slowly  # type: ignore[method-assign]

    async def work() -> None:
        task = asyncio.create_task(app.lock("import").aacquire())
        await asyncio.to_thread(began.wait, 20)
        task.cancel()
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(work())
    app.driver.acquire_lock = acquire  # type: ignore[method-assign]
    other = app.lock("import", wait=20)
    other.acquire()
    other.release()


# ── many processes ───────────────────────────────────────────────────────────────────────────────────────────────────

spanning = pytest.mark.parametrize("kind", SPANNING, ids=lambda kind: kind.name)


def start(*arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.services.holder", *map(str, arguments)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


@spanning
def test_of_many_processes_one_has_the_lock_at_a_time(kind: Kind, tmp_path: Path) -> None:
    url = kind.url(tmp_path)
    Conveyor(url).driver.close()

    processes = [start("race", url, "import", tmp_path / "marker", 20) for _ in range(4)]
    said = [process.communicate(timeout=60)[0].split() for process in processes]

    assert [process.returncode for process in processes] == [0, 0, 0, 0]
    fences = [int(word) for words in said for word in words if word != "overlap"]
    assert len(fences) == 80
    assert len(set(fences)) == 80
    assert not any("overlap" in words for words in said)
    assert all(words == sorted(words, key=int) for words in said)


@spanning
def test_a_process_that_was_frozen_past_the_ttl_has_lost_the_lock_and_knows(kind: Kind, tmp_path: Path) -> None:
    url = kind.url(tmp_path)
    app = Conveyor(url)
    with start("hold", url, "import") as process:
        assert process.stdin is not None
        assert process.stdout is not None
        fence = int(process.stdout.readline())
        assert not app.lock("import").try_acquire()
        process.send_signal(signal.SIGSTOP)

        with app.lock("import", ttl=30, wait=20) as lock:
            process.send_signal(signal.SIGCONT)
            process.stdin.write("\n")
            process.stdin.flush()
            assert process.stdout.readline() == "lost\n"
            process.stdin.write("\n")
            process.stdin.flush()
            assert process.wait(20) == 1
            assert lock.fence > fence
            lock.check()
    app.close()


@spanning
def test_the_lock_of_a_process_that_was_killed_is_free_when_its_ttl_is_over(kind: Kind, tmp_path: Path) -> None:
    url = kind.url(tmp_path)
    app = Conveyor(url)
    with start("hold", url, "import") as process:
        assert process.stdout is not None
        fence = int(process.stdout.readline())
        process.kill()
        process.wait(20)

        with app.lock("import", wait=20) as lock:
            assert lock.fence > fence
    app.close()
