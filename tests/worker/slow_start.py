"""The same application, for workers under test whose processes take long to begin."""

from __future__ import annotations

import time
from typing import Final

from tests.worker import jobs

TAKES: Final = 1.5
"""Seconds."""

time.sleep(TAKES)

app = jobs.app
