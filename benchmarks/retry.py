"""How long it takes to bring 100,000 dead letters back, all at once, and with an argument edited."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any, Final

from benchmarks.kit.figures import Effort, Figure
from benchmarks.kit.jobs import app, noop
from benchmarks.kit.store import BATCH, NO_BAR, Store, new_store, push_noops
from conveyor.lifecycle import after_failure
from conveyor.records import Failure, Reason
from conveyor.retry import NoRetry

_LETTERS: Final = 100_000
_ROUNDS: Final = 3


def run(effort: Effort, store: Store) -> Iterable[Figure]:
    letters = effort.of(_LETTERS)
    for what, options in (("", {}), (", with an argument edited", {"edit": {"text": "edited"}})):
        rounds = tuple(_retry(store, letters, options) for _ in range(_ROUNDS))
        bar = store.bars.get("retry edited" if options else "retry", NO_BAR)
        yield Figure(what=f"retry of {letters:,} dead letters{what}", unit="s", rounds=rounds, at_most=bar.at_most)


def _retry(store: Store, letters: int, options: Mapping[str, Any]) -> float:
    with new_store(store):
        push_noops(letters)
        _bury()
        began = time.perf_counter()
        done = app.dead_letters.retry_all(**options)
        took = time.perf_counter() - began
        if done != letters or app.dead_letters.statistics().count:
            raise AssertionError(f"{done:,} of {letters:,} came back")
        return took


def _bury() -> None:
    """Let all jobs that wait fail for good."""
    while claims := app.driver.claim([noop.job_type.queue], limit=BATCH, lease=30.0, worker="bare"):
        app.driver.settle(
            [
                after_failure(
                    claim,
                    Failure(
                        attempt=claim.attempt,
                        reason=Reason.FAILED,
                        error_type="builtins.ValueError",
                        message="it broke",
                        traceback="Traceback (most recent call last): …\n" * 20,
                        fingerprint="0123456789abcdef",
                    ),
                    NoRetry(),
                )
                for claim in claims
            ]
        )
