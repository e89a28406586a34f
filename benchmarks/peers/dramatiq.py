"""Dramatiq: eight threads a process are its default."""

from __future__ import annotations

import dramatiq
from dramatiq.brokers.redis import RedisBroker

from peers import work
from peers.adapter import STORE, Adapter

dramatiq.set_broker(RedisBroker(url=STORE))
job = dramatiq.actor(work.work)

ADAPTER = Adapter(
    push=job.send,
    worker=lambda processes: [["dramatiq", "peers.dramatiq", "--processes", str(processes)]],
)
