"""What a worker is told: which jobs, from where, how many at a time, and for how long."""

from __future__ import annotations

import os
import socket
from typing import Final

import msgspec
from msgspec.structs import force_setattr

from conveyor.errors import InvalidValue
from conveyor.payload import check_queue_name
from conveyor.times import seconds

ALL: Final = "*"
"""In place of a queue's name: all queues that are not named."""

SHORTEST_LEASE: Final = 1.0
"""Seconds. Leases are extended every third of one, by a thread that may have to wait for the store now and then."""


class QueueShare(msgspec.Struct, frozen=True):
    """A queue to claim from.

    Args:
        name: the queue's name, or `*` for each that is not named beside it, present or to come.
        weight: its share of the claims, next to the other queues' weights; `None` is 1 beside weighted queues. Where no
            queue has a weight, the queues are served strictly in the order given.

    Raises:
        InvalidValue: no queue may be called that, or the weight is not from 1 to 1,000.
    """

    name: str
    weight: int | None = None

    def __post_init__(self) -> None:
        if self.name != ALL:
            check_queue_name(self.name)
        if self.weight is not None and not 1 <= self.weight <= 1000:  # noqa: PLR2004 - the rule itself
            raise InvalidValue(
                f"the weight of queue {self.name!r} is {self.weight!r}; give a whole number from 1 to 1000"
            )

    @classmethod
    def parse(cls, text: str) -> QueueShare:
        """What people write: `emails`, or `emails:3` for a queue with a weight.

        A queue's name may hold colons too: only digits after the last one are a weight.

        Raises:
            InvalidValue: no queue may be called that, or the weight is not from 1 to 1,000.
        """
        name, colon, weight = text.rpartition(":")
        return cls(name, int(weight)) if colon and name and weight.isdecimal() else cls(text)


class WorkerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How a worker works. Checked once, then passed on as it is.

    Args:
        app: the application: "package.module:attribute".
        url: the store; `None` for the application's own.
        queues: where to claim; empty for every queue that the application's registered jobs name, in equal shares. `*`
            is served in its place among the others, the queues that it stands for in equal shares; new ones within
            about two seconds.
        exclude: queues not to claim from, whoever names them.
        processes: child processes.
        threads: sync jobs at a time in each child. Above 1 they cannot be interrupted at their timeout while they wait
            in C code, only killed with the child after the grace.
        async_limit: async jobs at a time in each child.
        timeout: seconds a job may run when neither it nor its type says; `None` for no limit.
        burst: end once nothing is ready and nothing of this worker's is running. Jobs due later are not waited for.
        once: claim one job, run it, and end; end at once when none is ready. Sets `burst`, and `processes`
            and `max_jobs` to 1.
        max_jobs: a child makes place for a new one after this many jobs; `None` for never.
        max_memory: likewise, once it has more bytes resident than this.
        max_time: likewise, this many seconds after its start. In all three cases the new one is ready first, and what
            runs in the old one may end, however long it takes.
        watch: directories; when a Python file in one of them changes, new children take over, with the new code.
        shutdown_timeout: seconds that running jobs have to end after the first SIGTERM or SIGINT.
        lease: seconds after which others take over the jobs of a worker that died with its machine; at least 1.
        grace: seconds from a job's timeout, or from its cancellation, until its process is killed.
        health_port: where it answers probes over HTTP; 0 for any port that is free, `None` for none.
        health_host: the address to answer at. By itself only this machine may ask.
        log_json: write each line of the log as a JSON object.
        log_args: let lines about jobs show their arguments, as they lie in the store.
        name: how the worker calls itself, as no other does. `None` makes a name of host, process id and chance.

    Raises:
        InvalidValue: one of them breaks its rule.
    """

    app: str
    url: str | None = None
    queues: tuple[QueueShare, ...] = ()
    exclude: tuple[str, ...] = ()
    processes: int = 1
    threads: int = 1
    async_limit: int = 100
    timeout: float | None = None
    burst: bool = False
    once: bool = False
    max_jobs: int | None = None
    max_memory: int | None = None
    max_time: float | None = None
    watch: tuple[str, ...] = ()
    shutdown_timeout: float = 30.0
    lease: float = 30.0
    grace: float = 5.0
    health_port: int | None = None
    health_host: str = "127.0.0.1"
    log_json: bool = False
    log_args: bool = False
    name: str | None = None

    def __post_init__(self) -> None:
        module, colon, attribute = self.app.partition(":")
        if not (module and colon and attribute):
            raise InvalidValue(f'app is {self.app!r}; give "module:attribute", such as "shop.jobs:app"')
        for field, most in (("processes", 1024), ("threads", 1024), ("async_limit", 100_000)):
            _check_count(field, getattr(self, field), most)
        if self.once:
            force_setattr(self, "burst", True)  # noqa: FBT003 - the function's own signature
            force_setattr(self, "processes", 1)
            force_setattr(self, "max_jobs", 1)
        for field in ("max_jobs", "max_memory"):
            if (value := getattr(self, field)) is not None:
                _check_count(field, value, 2**53)
        self._check_durations()
        self._check_queues()
        if self.name is not None and not (self.name.isprintable() and 1 <= len(self.name) <= 200):  # noqa: PLR2004 - the rule itself
            raise InvalidValue(f"name is {self.name!r}; give 1 to 200 printable characters")

    def _check_durations(self) -> None:
        for field in ("shutdown_timeout", "lease", "grace"):
            force_setattr(self, field, seconds(getattr(self, field), field))
        if self.lease < SHORTEST_LEASE:
            raise InvalidValue(f"lease is {self.lease!r}; give at least {SHORTEST_LEASE:g} second")
        for field in ("timeout", "max_time"):
            if (value := getattr(self, field)) is not None and seconds(value, field) == 0:
                raise InvalidValue(f"{field} is 0; give more than 0 seconds, or None for no limit")

    def _check_queues(self) -> None:
        if self.health_port is not None and not 0 <= self.health_port < 1 << 16:
            raise InvalidValue(f"health_port is {self.health_port}; give a port from 1 to 65535, or 0 for a free one")
        names = [share.name for share in self.queues]
        for name in names:
            if names.count(name) > 1:
                raise InvalidValue(f"queue {name!r} is given {names.count(name)} times; name each queue once")
        for name in self.exclude:
            check_queue_name(name)


def new_name() -> str:
    """A name no other worker has: process ids and even host names repeat, so part of it is chance."""
    return f"{socket.gethostname()}-{os.getpid()}-{os.urandom(3).hex()}"


def _check_count(name: str, value: object, most: int) -> None:
    if type(value) is not int or not 1 <= value <= most:
        raise InvalidValue(f"{name} is {value!r}; give a whole number from 1 to {most:,}")
