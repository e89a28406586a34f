"""What a run takes is measured for itself: its peak is not that of the run before."""

from __future__ import annotations

import sys
import time

import pytest

from conveyor.worker.memory import Gauge
from tests.worker import jobs
from tests.worker.tree import Bench

MIB = 1 << 20


@pytest.mark.skipif(sys.platform != "linux", reason="there is no high-water mark to set back without /proc")
def test_the_peak_of_a_run_is_its_own(bench: Bench) -> None:
    ids = bench.push(
        *(
            jobs.wait.call(bench.path, 0.06),
            jobs.take_memory.call(200),
            jobs.wait.call(bench.path, 0.06),
            jobs.wait.call(bench.path, 0.06),
        ),
    )

    bench.burst()

    naps, taker = [bench.get(id).memory for id in (ids[0], ids[2], ids[3])], bench.get(ids[1]).memory
    assert taker is not None
    assert taker.peak - taker.before >= 190 * MIB
    for memory in naps:
        assert memory is not None
        assert memory.before > 5 * MIB
        assert memory.peak - memory.before < 50 * MIB
    figures = bench.app.metrics.total(type="take.memory")
    assert figures.peak_memory == pytest.approx(taker.peak, rel=0.0201)


def test_where_jobs_run_beside_each_other_nothing_is_measured(bench: Bench) -> None:
    (id,) = bench.push(jobs.take_memory.call(10))

    bench.burst(threads=2)

    assert bench.get(id).memory is None


def test_short_runs_are_sampled(bench: Bench) -> None:
    ids = bench.push(*(jobs.add.call(number, 1) for number in range(2000)))

    bench.burst()

    measured = [id for id in ids if bench.get(id).memory is not None]
    assert 0 < len(measured) < len(ids) / 4


@pytest.mark.skipif(sys.platform != "linux", reason="there is nothing to measure with without /proc")
def test_measuring_a_run_costs_less_than_30_microseconds() -> None:
    gauge = Gauge(runs_alone=True)

    def cost() -> int:
        began = time.perf_counter_ns()
        gauge.end(gauge.begin(began))
        return time.perf_counter_ns() - began

    # The least of many: what else the machine does only adds to it.
    assert min(cost() for _ in range(1000)) < 30_000
