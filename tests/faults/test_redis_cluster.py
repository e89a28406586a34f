"""Slots of a cluster move, and its servers die, while jobs flow."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Generator
from functools import partial
from pathlib import Path

import pytest
from redis.crc import key_slot

from conveyor.drivers.redis.spread.layout import partitions_of
from conveyor.errors import StoreUnavailable
from tests.faults.test_redis_server import BACK, drain, settled, slow_jobs
from tests.topologies import Cluster
from tests.worker import tree
from tests.worker.tree import Bench, wait_until


@pytest.fixture(scope="module")
def cluster() -> Generator[Cluster]:
    made = Cluster(replicas=1)
    yield made
    made.remove()


def slot_of(bench: Bench, queue: str) -> int:
    """Where the queue's partition is."""
    prefix = bench.url.partition("prefix=")[2]
    return int(key_slot(f"{{{prefix}:{partitions_of(queue, 1)[0]}}}".encode()))


def at_work_again(bench: Bench) -> None:
    since, before = time.monotonic(), settled(bench)
    wait_until(lambda: settled(bench) > before)
    assert time.monotonic() - since < 2 * BACK


def test_slots_move_back_and_forth_while_jobs_flow_and_every_job_is_done_once(tmp_path: Path, cluster: Cluster) -> None:
    with tree.bench(tmp_path, url=cluster.url()) as bench:
        slow_jobs(bench, 300)
        worker = bench.worker(processes=2)
        slot = slot_of(bench, "slow")
        wait_until(lambda: settled(bench) > 20)
        home = cluster.owner(slot)
        for target in (next(each for each in cluster.servers[:3] if each is not home), home):
            assert cluster.move(slot, target, pause=0.02) > 5
            at_work_again(bench)

        drain(bench, worker, 300)


def test_a_worker_goes_on_when_a_replica_has_taken_over_for_a_dead_server(tmp_path: Path, cluster: Cluster) -> None:
    with tree.bench(tmp_path, url=cluster.url()) as bench:
        slow_jobs(bench, 300)
        dead = cluster.owner(slot_of(bench, "slow"))
        with dead.client() as client:
            # Nothing that was pushed is on one server alone.
            client.execute_command("WAIT", 1, 5000)
        worker = bench.worker(processes=2, lease=1.0)
        wait_until(lambda: settled(bench) > 20)

        dead.kill()
        wait_until(lambda: cluster.owner(slot_of(bench, "slow")) is not dead)
        wait_until(partial(answers, bench))
        at_work_again(bench)

        # What had ended without the replica knowing is done again.
        drain(bench, worker, 300, again=100)


def answers(bench: Bench) -> bool:
    """Whether the store answers: the first call after a server's death does not."""
    with contextlib.suppress(StoreUnavailable):
        bench.counts()
        return True
    return False
