"""What every worker does for the store on the side: rescue what dead workers held, promote, expire, prune."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from typing import Final

from conveyor import lifecycle
from conveyor.drivers.base import STEP, Driver
from conveyor.failures import failure_of
from conveyor.records import Claim, ClaimKey, Outcome, Reason, Tended

PAUSE: Final = 1.0
"""Seconds between two rounds, when the last one found something to do and has not left any of it behind."""

IDLE_PAUSE: Final = 1.25
"""Likewise, when it found nothing: work whose lease is over is to be under way again within two seconds."""

IDLE_TEND: Final = 3.5
"""Seconds between two rounds that tend, when the last one found nothing. Whatever is due meanwhile in queues that
somebody serves, their claims find."""

LAPSED: Final = "its lease lapsed: its worker has died or was stopped, or could not reach the store"


def rescue(
    driver: Driver, *, keep: Callable[[Sequence[Claim]], Collection[ClaimKey]] | None = None, limit: int = STEP
) -> list[Outcome]:
    """Offer again what is held under leases that are over, up to `limit`; answer what was settled so.

    Each counts as a crash, for nobody knows whether the job took its worker down; the last one that `max_crashes`
    allows buries the job. Safe to run from every worker at once: the fence lets one of them settle each claim.

    Args:
        keep: answers which of these claims are still in good hands, and are to be left alone.

    Raises:
        StoreUnavailable: what was not settled is found again the next time.
    """
    claims = driver.lapsed(limit)
    if not claims:
        return []
    kept = keep(claims) if keep is not None else ()
    outcomes = [
        lifecycle.after_crash(claim, failure_of(LAPSED, claim, Reason.CRASHED))
        for claim in claims
        if ClaimKey(claim.id, claim.attempt) not in kept
    ]
    if not outcomes:
        return []
    return [outcome for outcome, held in zip(outcomes, driver.settle(outcomes), strict=True) if held]


class Tending:
    """The rounds: one about every second, and the next at once while there is more.

    Args:
        types: the job types known here; held jobs of these are offered again.
        keep: as for `rescue`.
        on_rescued: told of every claim that was rescued.
    """

    def __init__(
        self,
        driver: Driver,
        types: Sequence[str],
        *,
        keep: Callable[[Sequence[Claim]], Collection[ClaimKey]] | None = None,
        on_rescued: Callable[[Outcome], None] | None = None,
    ) -> None:
        self._driver = driver
        self.types = types
        self._keep = keep
        self._on_rescued = on_rescued
        self._no_rescue_before = 0.0
        self._no_tending_before = 0.0

    def spare(self, seconds: float) -> None:
        """Rescue nothing for so long: after the store was away, every worker is first to extend its leases."""
        self._no_rescue_before = time.monotonic() + seconds

    def run_once(self) -> float:
        """One round; answer the seconds until the next.

        Raises:
            StoreUnavailable: the store does not answer; the next round does what this one did not.
        """
        rescued: list[Outcome] = []
        now = time.monotonic()
        if now >= self._no_rescue_before:
            rescued = rescue(self._driver, keep=self._keep)
            if self._on_rescued is not None:
                for outcome in rescued:
                    self._on_rescued(outcome)
        tended = self._driver.tend(self.types) if now >= self._no_tending_before else Tended()
        if tended.more or len(rescued) == STEP:
            return 0.0
        if tended.promoted or tended.expired or tended.unheld or tended.pruned:
            return PAUSE
        if now >= self._no_tending_before:
            self._no_tending_before = now + IDLE_TEND
        return IDLE_PAUSE
