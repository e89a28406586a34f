from __future__ import annotations

from collections.abc import Generator

import pytest

from conveyor import Conveyor, ExponentialBackoff, Job
from tests.contract.stores import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def app(clock: FakeClock) -> Generator[Conveyor]:
    """An application of its own, in memory, on a clock that moves when told to."""
    made = Conveyor("memory://", clock=clock)
    yield made
    made.close()


@pytest.fixture
def send_welcome(app: Conveyor) -> Job[..., dict[str, str]]:
    @app.job("email.welcome", queue="emails", priority="high", timeout=30, retry=ExponentialBackoff(max_attempts=5))
    def send_welcome(user_id: int, email: str = "ada@example.org") -> dict[str, str]:
        """Say welcome."""
        return {"sent_to": f"{user_id} {email}"}

    return send_welcome
