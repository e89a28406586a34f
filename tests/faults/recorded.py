"""The application of tests.worker.jobs, with a history: where it is, the environment says."""

from __future__ import annotations

import os

from conveyor.history import History
from tests.worker.jobs import app

__all__ = ["app"]

History(os.environ["CONVEYOR_TEST_HISTORY"]).record(app)
