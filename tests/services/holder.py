"""A process that wants a lock: `python -m tests.services.holder race|endure|hold URL NAME …`."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from conveyor import Conveyor, LockLost, StoreUnavailable


def race(app: Conveyor, name: str, marker: Path, rounds: int) -> None:
    """Again and again, be the only one for a moment; say each fence, and "overlap" when somebody else was there."""
    for _ in range(rounds):
        # So long that nobody loses it, however busy the machine is.
        with app.lock(name, ttl=60, wait=60) as lock:
            try:
                marker.touch(exist_ok=False)
            except FileExistsError:
                say("overlap")
            time.sleep(0.002)
            marker.unlink()
            say(str(lock.fence))


def endure(app: Conveyor, name: str, marker: Path, rounds: int) -> None:
    """As `race`, through the store's absence: hold it so long that an absence meets somebody who does."""
    left = rounds
    while left:
        try:
            with app.lock(name, ttl=5, wait=60) as lock:
                try:
                    marker.touch(exist_ok=False)
                except FileExistsError:
                    say("overlap")
                time.sleep(0.03)
                lock.check()
                marker.unlink()
                say(str(lock.fence))
                left -= 1
        except StoreUnavailable:
            # Taken, or given up, and not told so: it lapses.
            time.sleep(0.05)


def hold(app: Conveyor, name: str) -> None:
    """Hold it until a line comes, then say whether it is held still."""
    with app.lock(name, ttl=1, wait=0) as lock:
        say(str(lock.fence))
        sys.stdin.readline()
        try:
            lock.check()
        except LockLost:
            say("lost")
        else:
            say("held")
        sys.stdin.readline()


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    what, url, name, *rest = sys.argv[1:]
    app = Conveyor(url)
    if what == "race":
        race(app, name, Path(rest[0]), int(rest[1]))
    elif what == "endure":
        endure(app, name, Path(rest[0]), int(rest[1]))
    else:
        hold(app, name)
