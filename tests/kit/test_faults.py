from __future__ import annotations

import pytest

from conveyor import Conveyor, InvalidValue, Job, JobFailed, JobStatus, current_job
from conveyor.testing import Kit


@pytest.fixture
def ran() -> list[int]:
    return []


@pytest.fixture
def charge(app: Conveyor, ran: list[int]) -> Job[[], int]:
    @app.job("charge")
    def charge() -> int:
        ran.append(current_job().attempt)
        current_job().push(receipt.call())
        return len(ran)

    @app.job("receipt")
    def receipt() -> None: ...

    return charge


def test_a_run_whose_settle_is_lost_comes_again_and_pushes_its_follow_ups_once(
    kit: Kit, charge: Job[[], int], ran: list[int]
) -> None:
    kit.lose_settle(charge)
    handle = charge.push()

    kit.drain()

    assert ran == [1, 2]
    assert handle.result() == 2
    assert handle.info.crashes == 1
    assert "before the store knew" in handle.info.errors[0].message
    kit.assert_pushed("receipt", times=1)


def test_a_worker_that_dies_after_its_claim_has_not_begun(kit: Kit, charge: Job[[], int], ran: list[int]) -> None:
    kit.crash_after_claim("charge", times=2)
    handle = charge.push()

    kit.drain()

    assert ran == [3]
    assert handle.info.crashes == 2


def test_three_crashes_bury_a_job(kit: Kit, charge: Job[[], int], ran: list[int]) -> None:
    kit.crash_after_claim(charge, times=3)
    charge.push()

    with pytest.raises(JobFailed, match=r"its worker died before it began \(crash_after_claim\)"):
        kit.drain()

    assert ran == []


def test_a_job_that_runs_at_most_once_is_not_run_again(app: Conveyor, kit: Kit) -> None:
    ran: list[int] = []

    @app.job("gift", at_most_once=True)
    def gift() -> None:
        ran.append(1)

    kit.lose_settle(gift)
    handle = gift.push()
    kit.drain(raises=False)

    assert ran == [1]
    assert handle.status is JobStatus.FAILED


def test_a_run_that_failed_and_whose_settle_is_lost_failed_for_nobody(app: Conveyor, kit: Kit) -> None:
    @app.job("work")
    def work() -> int:
        if current_job().attempt == 1:
            raise ValueError("once")
        return 1

    kit.lose_settle(work)
    with kit.inline():
        handle = work.push()

    assert handle.result() == 1
    assert handle.info.failures == 0


def test_each_fault_is_met_as_often_as_was_said(kit: Kit, charge: Job[[], int]) -> None:
    with pytest.raises(InvalidValue, match=r"times is 0; give a whole number from 1 up"):
        kit.lose_settle(charge, times=0)
