"""A second process beside a test: `python racer.py <what> <url> …`. Says "ready", waits for a line, then goes."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence

from conveyor.drivers.base import Driver
from conveyor.drivers.open import open_driver
from conveyor.lifecycle import after_success
from conveyor.records import Claim, JobId, NewJob
from tests.contract.stores import an_id


def claim_all(driver: Driver, worker: str) -> list[Claim]:
    """Claim and complete until nothing is left, a few at a time."""
    taken: list[Claim] = []
    while claims := driver.claim(["a"], limit=3, lease=30, worker=worker):
        assert all(driver.settle([after_success(claim, None) for claim in claims]))
        taken += claims
    return taken


def push_unique(driver: Driver, offset: int, keys: int) -> list[JobId]:
    """Push one job for each key; answer the ids that stand for them."""
    return [
        driver.push([NewJob(id=an_id(offset + key), queue="a", type="t", payload="{}", unique=str(key))])[0]
        for key in range(keys)
    ]


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    what, url, *arguments = sys.argv[1:]
    driver = open_driver(url)
    say("ready")
    for line in sys.stdin:
        answer: Sequence[object]
        match what:
            case "claim":
                answer = [(str(claim.id), claim.attempt) for claim in claim_all(driver, arguments[0])]
            case "unique":
                answer = [str(job_id) for job_id in push_unique(driver, int(arguments[0]), int(arguments[1]))]
            case _:
                # Long enough for the other side to be waiting; if it is not, it is not woken but finds the job at once.
                time.sleep(0.05)
                driver.push([NewJob(id=an_id(int(line)), queue="a", type="t", payload="{}")])
                # The monotonic clock is one for all processes of a machine, on Linux and macOS.
                answer = [time.monotonic()]
        say(json.dumps(answer))
    driver.close()


if __name__ == "__main__":
    main()
