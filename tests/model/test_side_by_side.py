from __future__ import annotations

from typing import Final

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.contract.stores import KINDS, Kind
from tests.model.machine import machine_for

REAL: Final = tuple(kind for kind in KINDS if kind.name != "memory")

# A story is long, and what it draws is many small choices.
_CHECKS: Final = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example)


def _examples(kind: Kind) -> int:
    """A server that syncs every step to disk gets a shorter story here; the soak makes up for it."""
    return 40 if "postgres" in kind.name else 200


# Finding takes half a minute; only when something is found, telling it in few words takes longer.
@pytest.mark.timeout(900)
@pytest.mark.parametrize("kind", REAL, ids=lambda kind: kind.name)
def test_a_real_driver_and_the_memory_driver_live_through_the_same_story(kind: Kind) -> None:
    run_state_machine_as_test(
        machine_for(kind),
        settings=settings(max_examples=_examples(kind), stateful_step_count=50, suppress_health_check=_CHECKS),
    )


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("kind", REAL, ids=lambda kind: kind.name)
def test_they_do_so_through_many_long_stories(kind: Kind) -> None:
    run_state_machine_as_test(
        machine_for(kind),
        settings=settings(max_examples=1500, stateful_step_count=100, suppress_health_check=_CHECKS),
    )
