"""The same application without its async jobs, as many are: there the thread that runs jobs waits for them itself."""

from __future__ import annotations

from typing import Final

from conveyor import Conveyor, NoRetry
from tests.worker import jobs

APP: Final = "tests.worker.sync_jobs:app"

app = Conveyor("sqlite:///given-by-each-test.db", retry=NoRetry())
for job_type in jobs.app.job_types.values():
    if not job_type.is_async:
        app.job_types.add(job_type)
