from __future__ import annotations

import time

from conveyor.worker.pacing import SHORT_LIFE, Pacing


def test_the_first_short_lives_are_replaced_at_once_and_the_next_ever_more_slowly() -> None:
    pacing = Pacing()

    pauses = [pacing.died(0.1, was_ready=True) for _ in range(20)]

    # As many as a poison job is usually allowed to take.
    assert pauses[:3] == [0.0, 0.0, 0.0]
    assert pauses[3:] == sorted(pauses[3:])
    assert 0.0 < pauses[3] < 0.5
    assert pauses[-1] == 10.0
    assert 9.0 < pacing.next_start - time.monotonic() <= 10.0


def test_a_child_that_could_not_even_begin_is_not_replaced_at_once() -> None:
    pacing = Pacing()

    pauses = [pacing.died(0.1, was_ready=False) for _ in range(20)]

    assert pauses == sorted(pauses)
    assert 0.5 <= pauses[0] <= 1.0
    assert pauses[-1] == 30.0


def test_a_long_life_makes_the_short_ones_before_it_forgotten() -> None:
    pacing = Pacing()
    for _ in range(10):
        pacing.died(0.1, was_ready=True)

    assert pacing.died(SHORT_LIFE, was_ready=True) == 0.0
    assert pacing.died(0.1, was_ready=True) == 0.0
