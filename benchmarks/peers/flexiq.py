"""flexiq, a Rust core; its thread pool is its default."""

from __future__ import annotations

from flexiq import Queue

from peers.adapter import IS_ASYNC, IS_AT_REST, STORE, Adapter, Arguments
from peers.work import awork, work

# By default it claims a job every 50 ms, on Redis eight, and there hardly runs what waits when a worker starts.
# A worker at rest would only pay for looking more often.
FAST = {"scheduler_poll_interval_ms": 1, "scheduler_batch_size": 500, "push_dispatch": False}
PACE = {} if IS_AT_REST else FAST

if STORE.startswith("sqlite:"):
    queue = Queue(db_path=STORE.removeprefix("sqlite:///"), **PACE)
elif STORE.startswith("redis:"):
    queue = Queue(backend="redis", db_url=STORE, **PACE)
else:
    queue = Queue(backend="postgres", db_url=STORE, **PACE)
job = queue.task(name="work")(awork if IS_ASYNC else work)


def push_many(arguments: Arguments) -> None:
    queue.enqueue_many("work", list(arguments))


def worker(processes: int) -> list[list[str]]:
    """More than one process is its prefork pool, which has as many as there are processors."""
    pool = "thread" if processes == 1 else "prefork"
    return [["flexiq", "worker", "--app", "peers.flexiq:queue", "--pool", pool]]


ADAPTER = Adapter(
    push=job.delay,
    push_many=push_many,
    worker=worker,
    kinds=("sync", "async"),
)
