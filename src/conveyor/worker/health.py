"""Whether a worker is of use: what it says of itself to the store, to probes and to people."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Sequence
from typing import Final

from conveyor.records import RunningJob, WorkerRecord
from conveyor.worker.memory import resident_bytes
from conveyor.worker.offspring import Offspring, State
from conveyor.worker.plans import BILLION

JOBS_SHOWN: Final = 20
"""Running jobs that a record names, at most: those that have run longest."""

LEASES: Final = 3
"""A worker whose claims have failed or stalled for so many leases is not ready."""

_ASKED_WITHIN: Final = 15.0
"""Seconds within which a child with nothing to run has asked for jobs, whatever the lease: it waits for 5 at a time."""

_TURNED_WITHIN: Final = 30.0
"""Seconds within which the supervisor's loop turns. It may wait for the store now and then, when a burst is to end."""


class Health:
    """What there is to know about a worker. Any thread may ask; the supervisor's loop and its upkeep tell.

    Args:
        processes: how many children it is to have.
        places: how many jobs each of them may run at a time.
        children: answers the children that live now.
        queues: answers the queues that are served now.
    """

    def __init__(
        self,
        *,
        name: str,
        lease: float,
        processes: int,
        places: int,
        children: Callable[[], Sequence[Offspring]],
        queues: Callable[[], Sequence[str]],
    ) -> None:
        self.state = "starting"
        """starting, running or draining."""
        self.asking_since: float | None = None
        """Since when the store owes the supervisor an answer, failed tries included (monotonic seconds)."""
        self._name = name
        self._lease = lease
        self._processes = processes
        self._places = places
        self._children = children
        self._queues = queues
        self._host = socket.gethostname()
        self._started_at = time.time_ns() // 1000
        self._turned: float | None = None

    def turned(self) -> None:
        """The supervisor's loop has come round."""
        self._turned = time.monotonic()

    @property
    def is_live(self) -> bool:
        """Whether the supervisor's loop turns. Before it has begun to, a store that is away may be waited for."""
        return self._turned is None or time.monotonic() - self._turned < _TURNED_WITHIN

    def trouble(self) -> str:
        """Why it is not ready to work, in words; "" when it is."""
        now = time.monotonic()
        patience = LEASES * self._lease
        if self.state == "draining":
            return "draining: it takes no more jobs"
        if self.asking_since is not None and now - self.asking_since > patience:
            return f"the store has not answered for {now - self.asking_since:.0f} s"
        if self.state == "starting" and self.asking_since is not None:
            return "starting: the store has not answered yet"
        working = [child for child in self._children() if child.state is State.WORKING]
        for child in working:
            if problem := _stalled(child, now, patience):
                return problem
        if len(working) < self._processes:
            return f"{len(working)} of {self._processes} child processes are up"
        return ""

    def record(self) -> WorkerRecord:
        """The worker as it is now."""
        children = self._children()
        headers = [child.slots.header() for child in children]
        running = [(child, job) for child in children for job in child.slots.running()]
        running.sort(key=lambda each: each[1].since)
        now = time.time_ns()
        behind = now - time.monotonic_ns()
        return WorkerRecord(
            name=self._name,
            host=self._host,
            pid=os.getpid(),
            started_at=self._started_at,
            queues=tuple(self._queues()),
            state=self.state,
            children=tuple(child.name for child in children),
            slots=self._processes * self._places,
            running=len(running),
            jobs=tuple(
                RunningJob(
                    id=job.key.id,
                    attempt=job.key.attempt,
                    type=child.types[job.type - 1] if 0 < job.type <= len(child.types) else "",
                    started_at=(behind + job.since) // 1000,
                )
                for child, job in running[:JOBS_SHOWN]
            ),
            rss_bytes=sum(resident_bytes(pid) for pid in (os.getpid(), *(child.pid for child in children))),
            last_claim_at=max((header.claimed_at for header in headers), default=0) or None,
            trouble=self.trouble(),
            beat_at=now // 1000,
        )


def _stalled(child: Offspring, now: float, patience: float) -> str:
    """What keeps a child from claiming, and for how long; "" when nothing does."""
    header = child.slots.header()
    if header.asking_since and now - header.asking_since / BILLION > patience:
        return f"{child.name} has had no answer to its claims for {now - header.asking_since / BILLION:.0f} s"
    if not header.asking_since and not header.held and not child.slots.running():
        silent = min(now - child.started, time.time() - header.claimed_at / 1e6)
        if silent > max(patience, _ASKED_WITHIN):
            return f"{child.name} has nothing to run and has not asked for jobs for {silent:.0f} s"
    return ""
