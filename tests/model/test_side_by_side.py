from __future__ import annotations

from typing import Final

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.contract.stores import CLUSTER, KINDS, SPREAD, Kind
from tests.model.machine import SideBySide, machine_for
from tests.model.spread import SpreadSideBySide

REAL: Final = (*(kind for kind in KINDS if kind.name != "memory"), CLUSTER, SPREAD)

# A story is long, and what it draws is many small choices.
_CHECKS: Final = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example)


def _examples(kind: Kind) -> int:
    """Servers that sync every step to disk, or are many, get fewer stories here; the soak makes up for it."""
    if "postgres" in kind.name:
        return 40
    return 15 if kind in {CLUSTER, SPREAD} else 200


def _machine(kind: Kind) -> type[SideBySide]:
    if kind in {CLUSTER, SPREAD}:
        return machine_for(kind, SpreadSideBySide, has_order=kind is CLUSTER)
    return machine_for(kind)


# Finding takes half a minute; only when something is found, telling it in few words takes longer.
@pytest.mark.timeout(900)
@pytest.mark.parametrize("kind", REAL, ids=lambda kind: kind.name)
def test_a_real_driver_and_the_memory_driver_live_through_the_same_story(kind: Kind) -> None:
    run_state_machine_as_test(
        _machine(kind),
        settings=settings(max_examples=_examples(kind), stateful_step_count=50, suppress_health_check=_CHECKS),
    )


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("kind", REAL, ids=lambda kind: kind.name)
def test_they_do_so_through_many_long_stories(kind: Kind) -> None:
    run_state_machine_as_test(
        _machine(kind),
        settings=settings(
            max_examples=400 if kind in {CLUSTER, SPREAD} else 1500,
            stateful_step_count=100,
            suppress_health_check=_CHECKS,
        ),
    )
