"""Processes that are killed at a chosen instant of what they tell a store: `python -m tests.faults.killed`.

Reads lines of URL, act and N, forks for each, and answers how the fork has ended. N counts the instants: before the
first word to a server, after it, before the second, and so on.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import Final
from unittest import mock

from msgspec.structs import replace

from conveyor.drivers.base import Driver
from conveyor.drivers.open import open_driver
from conveyor.drivers.redis.link import Link
from conveyor.lifecycle import after_success
from conveyor.records import Edits, Filter
from tests.contract.stores import a_job, an_id

QUEUES: Final = ("a", "b", "c", "d", "e")
"""Each in a partition of its own."""


def new_ids(act: str) -> list[int]:
    """The numbers of the ids that this act brings into the store."""
    return [] if act == "redrive" else list(range(1_000_001, 1_000_006))


def settle(driver: Driver) -> Callable[[], object]:
    """Complete the job of queue "a"; others follow in each queue."""
    (claim,) = driver.claim(["a"], limit=1, lease=600.0, worker="w")
    follow_ups = tuple(a_job(queue, id=an_id(number)) for queue, number in zip(QUEUES, new_ids("settle"), strict=True))
    return lambda: driver.settle([replace(after_success(claim, None), follow_ups=follow_ups)])


def push(driver: Driver) -> Callable[[], object]:
    """Push a batch, some to each queue."""
    batch = [a_job(queue, id=an_id(number)) for queue, number in zip(QUEUES, new_ids("push"), strict=True)]
    return lambda: driver.push(batch)


def redrive(driver: Driver) -> Callable[[], object]:
    """Bring the dead letter of queue "a" back in another."""
    return lambda: driver.redrive(Filter(queues=("a",)), edits=Edits(queue="b"))


def act_until(url: str, act: str, instant: int) -> None:
    """Do it, and be killed on the way."""
    begin = {"settle": settle, "push": push, "redrive": redrive}[act](open_driver(url))
    say: Callable[[Link, bytes], None] = Link._say
    left = instant

    def until_killed(link: Link, said: bytes) -> None:
        nonlocal left
        for has_spoken in (False, True):
            if has_spoken:
                say(link, said)
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            left -= 1

    with mock.patch.object(Link, "_say", until_killed):
        begin()


def main() -> None:
    for line in sys.stdin:
        url, act, instant = line.split()
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                act_until(url, act, int(instant))
                status = 0
            finally:
                os._exit(status)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
