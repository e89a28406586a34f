"""RQ: jobs run in the worker's own process, as its notes on performance say for those of a few milliseconds."""

from __future__ import annotations

from redis import Redis
from rq import Queue

from peers.adapter import STORE, Adapter, Arguments
from peers.work import work

queue = Queue(connection=Redis.from_url(STORE))


def push_many(arguments: Arguments) -> None:
    queue.enqueue_many([Queue.prepare_data(work, each) for each in arguments])


ADAPTER = Adapter(
    push=lambda number, text: queue.enqueue(work, number, text),
    push_many=push_many,
    worker=lambda processes: [
        [
            *("rq", "worker-pool", "--worker-class", "rq.SimpleWorker", "--num-workers", str(processes)),
            *("--url", STORE, "--logging-level", "WARNING", "default"),
        ]
    ],
)
