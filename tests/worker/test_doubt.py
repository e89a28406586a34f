"""Claims that the store made for a child, and that the child never heard of, or has no word of any more."""

from __future__ import annotations

import time

from conveyor import JobStatus
from conveyor.drivers.open import open_driver
from conveyor.ids import new_id
from conveyor.records import ClaimKey, NewJob
from conveyor.worker.doubt import FIRST_PAUSE, Doubt
from tests.worker import jobs
from tests.worker.tree import Bench, wait_until


def test_claims_whose_answer_was_lost_are_handed_back_by_the_child_they_were_made_for(bench: Bench) -> None:
    bench.push(jobs.note_slow.call(bench.path, "at work", 2.0))
    tree = bench.worker(lease=1.0)
    wait_until(lambda: bench.notes)
    (child,) = bench.app.driver.workers()[0].children
    # In a queue that it does not serve, so that it does not hear of them otherwise.
    ids = bench.push(*(bench.payload(jobs.add.call(number, 1), queue="elsewhere") for number in range(3)))
    assert len(bench.app.driver.claim(["elsewhere"], limit=3, lease=0.1, worker=child)) == 3

    wait_until(lambda: {bench.get(id).status for id in ids} == {JobStatus.PENDING})

    found = [bench.get(id) for id in ids]
    assert {(job.attempt, job.failures, job.crashes) for job in found} == {(1, 0, 0)}
    assert tree.said.count("handing back 3 claims") == 1
    assert tree.stop() == 0
    assert bench.counts().completed == 1


def test_a_claim_is_handed_back_only_after_two_looks_that_are_some_time_apart() -> None:
    driver = open_driver("memory://doubt")
    driver.push([NewJob(id=new_id(), queue="q", type="t", payload="{}") for _ in range(2)])
    known, unknown = driver.claim(["q"], limit=2, lease=10, worker="w")
    doubt = Doubt(driver, "w", 10, lambda: {ClaimKey(known.id, known.attempt)})
    assert doubt.strangers() == []
    began = time.monotonic()

    doubt.arise()
    assert doubt.strangers() == []
    while not (found := doubt.strangers()):
        # However often it is told.
        doubt.arise()

    assert [claim.id for claim in found] == [unknown.id]
    assert time.monotonic() - began >= FIRST_PAUSE
    driver.close()
