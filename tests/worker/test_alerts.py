"""What workers tell of the rules."""

from __future__ import annotations

import functools
import threading
import time

import pytest

from tests.receiver import receiving
from tests.worker import alarmed
from tests.worker.tree import Bench, wait_until

APP = "tests.worker.alarmed:app"


def test_workers_tell_an_alert_once_though_they_are_killed_and_its_end_once(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    with receiving() as receiver:
        monkeypatch.setenv("TELL", receiver.url)
        receiver.answers = [503]
        workers = [bench.worker(app=APP, name=name) for name in ("w1", "w2")]
        bench.app.driver.push([alarmed.app.prepare(alarmed.fail.call()) for _ in range(2)])
        wait_until(lambda: receiver.got)

        for worker in workers:
            worker.kill_all()
        third = bench.worker(app=APP, name="w3")
        three_more_looks(bench)
        assert receiver.told == [("dead", "default", "firing")]
        bench.app.dead_letters.clear("default")
        wait_until(lambda: len(receiver.got) > 1)
        three_more_looks(bench)

        assert receiver.told == [("dead", "default", "firing"), ("dead", "default", "resolved")]
        assert third.stop() == 0
        assert "trying again" in third.said


def three_more_looks(bench: Bench) -> None:
    for _ in range(3):
        before = looked_at(bench)
        wait_until(functools.partial(has_looked, bench, before))


def has_looked(bench: Bench, before: int) -> bool:
    return looked_at(bench) != before


def looked_at(bench: Bench) -> int:
    return sum(status.looked_at or 0 for status in bench.app.alerts.list())


@pytest.mark.stores("sqlite")
def test_a_sink_that_hangs_holds_up_no_job_and_no_end(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    with receiving() as receiver:
        receiver.hang = threading.Event()
        monkeypatch.setenv("TELL", receiver.url)
        worker = bench.worker(app=APP)
        bench.app.driver.push([alarmed.app.prepare(alarmed.fail.call()) for _ in range(2)])
        wait_until(lambda: any(status.untold for status in bench.app.alerts.list()))

        (id,) = bench.app.driver.push([alarmed.app.prepare(alarmed.fail.call())])
        bench.ended(id)
        began = time.monotonic()
        assert worker.stop() == 0

        assert time.monotonic() - began < 5
        receiver.hang.set()


@pytest.mark.stores("sqlite")
def test_a_rule_that_cannot_work_stops_a_worker_from_starting(bench: Bench) -> None:
    worker = bench.worker(app="tests.worker.misalarmed:app")

    assert worker.wait() != 0
    assert "the alert 'slow' cannot work: no job of type 'misspelt' is registered" in worker.said
