"""The primary that sentinels watch dies or gives way, and a replica takes its place."""

from __future__ import annotations

import time
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.faults.test_redis_server import BACK, drain, settled, slow_jobs
from tests.servers import Server
from tests.topologies import SERVICE, Sentinels
from tests.worker import jobs, tree
from tests.worker.tree import Bench, wait_until


@pytest.fixture
def sentinels() -> Generator[Sentinels]:
    made = Sentinels()
    yield made
    made.remove()


@pytest.mark.parametrize(
    "dies", [pytest.param(True, id="dies"), pytest.param(False, id="gives way", marks=pytest.mark.soak)]
)
def test_a_worker_goes_on_at_the_new_primary_once_it_is_told_of_it(
    tmp_path: Path, sentinels: Sentinels, dies: bool
) -> None:
    with tree.bench(tmp_path, url=sentinels.url()) as bench:
        slow_jobs(bench, 200)
        old = sentinels.primary
        with old.client() as client:
            # Nothing that was pushed is on one server alone.
            client.execute_command("WAIT", 2, 5000)
        worker = bench.worker(processes=2, lease=1.0)
        wait_until(lambda: settled(bench) > 20)

        if dies:
            old.kill()
        else:
            # It takes writes for ten seconds more, which are lost when it becomes a replica.
            with sentinels.sentinels[0].client() as client:
                client.execute_command("SENTINEL", "FAILOVER", SERVICE)
        wait_until(lambda: sentinels.primary is not old)
        at_work_at(sentinels.primary, bench)

        wait_until(lambda: bench.counts().ready + bench.counts().processing == 0, 60)
        bench.push(jobs.note_slow.call(bench.path, "200", 0.0))
        # What had ended without the new primary knowing is done again.
        drain(bench, worker, 201, again=200)


def at_work_at(server: Server, bench: Bench) -> None:
    """Jobs end on this server, soon after it has become the primary."""
    since = time.monotonic()
    with server.client() as client:

        def ended() -> int:
            return int(client.xlen(f"{bench.url.partition('prefix=')[2]}:finished"))

        before = ended()
        wait_until(lambda: ended() > before)
    assert time.monotonic() - since < 2 * BACK
