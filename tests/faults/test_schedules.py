"""Schedules while workers die: one job for each slot, and none left out."""

from __future__ import annotations

from conveyor.records import Filter
from conveyor.times import SECOND
from tests.worker import jobs
from tests.worker.tree import Bench, wait_until


def test_workers_that_are_killed_leave_no_slot_out_and_take_none_twice(bench: Bench) -> None:
    bench.app.schedules.add("tick", 1, jobs.add.call(1, 1), missed="all")
    begun = bench.app.driver.schedules().schedules[0].handled_at
    trees = [bench.worker() for _ in range(3)]

    def pushed() -> list[int]:
        return [round(job.due_at / SECOND) for job in bench.app.driver.find(Filter(), limit=1000).jobs]

    for tree in trees[:2]:
        count = len(pushed())
        wait_until(lambda count=count: len(pushed()) > count + 2)  # type: ignore[misc]
        tree.kill_all()
    count = len(pushed())
    wait_until(lambda: len(pushed()) > count + 2)
    assert trees[2].stop() == 0

    handled = bench.app.driver.schedules().schedules[0].handled_at
    found = bench.app.driver.find(Filter(), limit=1000).jobs
    assert len(found) == (handled // SECOND) - (begun // SECOND)
    assert len({job.id for job in found}) == len(found)
    # Stored jobs are due at their slot, or when they were pushed if that was later.
    assert all(job.due_at >= begun for job in found)
