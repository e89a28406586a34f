"""`python -m benchmarks.guard`: name what has become slower, next to a bare loop, than it was written down to be.

Only shares are compared: they mean the same on another machine, and on this one when it is busy.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from benchmarks import drain, push, push_many
from benchmarks.kit.figures import Effort
from benchmarks.kit.store import Store
from benchmarks.stores.known import STORES

SHARES: Final = Path(__file__).with_name("shares.json")
"""What they were."""

ALLOWED: Final = 0.15
"""The part of a share that may be lost; less is noise."""

_ALWAYS: Final = ("sqlite", "valkey")
"""Stores that are there wherever the development tools are."""

_SCRIPTS: Final = (push, push_many, drain)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.guard", description=__doc__)
    parser.add_argument("--store", choices=STORES, action="append", help="this one; sqlite and valkey by themselves")
    parser.add_argument("--write", action="store_true", help=f"write the shares to {SHARES.name}, in place of older")
    given = parser.parse_args()
    known: dict[str, dict[str, float]] = json.loads(SHARES.read_text("utf-8")) if SHARES.exists() else {}
    fell: list[str] = []
    for name in given.store or _ALWAYS:
        store = STORES[name]()
        before, now = known.get(name, {}), shares(store)
        # What fell is asked again before it is called slower: a busy minute is no regression.
        if suspects := fallen(before, now):
            again = shares(store)
            now |= {what: max(now[what], again[what]) for what in suspects}
        for what, share in now.items():
            print(
                f"{name}: {what}: {share:.3f}, was {before[what]:.3f}"
                if what in before
                else f"{name}: {what}: {share:.3f}"
            )
        fell += [f"{name}: {what}" for what in fallen(before, now)]
        known[name] = now
    if given.write:
        SHARES.write_text(json.dumps(known, indent=2) + "\n", "utf-8")
        return 0
    print(f"\nslower by more than {ALLOWED:.0%}: {'; '.join(fell) or 'none'}")
    return 1 if fell else 0


def shares(store: Store) -> dict[str, float]:
    """Measure quickly; answer the shares by what they are of."""
    figures = [figure for script in _SCRIPTS for figure in script.run(Effort(quick=True), store)]
    return {figure.what: figure.median for figure in figures if not figure.unit}


def fallen(before: Mapping[str, float], now: Mapping[str, float]) -> Iterable[str]:
    """What has lost more than is allowed."""
    return [what for what, share in now.items() if share < before.get(what, 0.0) * (1 - ALLOWED)]


if __name__ == "__main__":
    sys.exit(main())
