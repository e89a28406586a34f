"""Dramatiq with gevent, the faster of its two ways to run jobs."""

from __future__ import annotations

from peers import dramatiq
from peers.adapter import Adapter

ADAPTER = Adapter(
    push=dramatiq.job.send,
    worker=lambda processes: [["dramatiq-gevent", "peers.dramatiq", "--processes", str(processes)]],
)
