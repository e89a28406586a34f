from __future__ import annotations

import signal

from hypothesis import settings

from tests import pgbouncer, postgres, servers

# Two busy cores make any one example slow now and then; pytest-timeout bounds the whole test. What else holds, and that
# CI repeats the same examples, comes from the profile Hypothesis has chosen.
settings.register_profile("conveyor", settings(deadline=None))
settings.load_profile("conveyor")


def pytest_configure() -> None:
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # As in `nohup make test &`. Programs inherit what is ignored, not what is handled: tests interrupt theirs.
        signal.signal(signal.SIGINT, _pass_over)


def _pass_over(number: int, frame: object) -> None:
    pass


def pytest_report_header() -> str:
    return f"servers: {servers.describe()}; {postgres.describe()}; {pgbouncer.describe()}"
