"""`python -m tests.worker.start SETTINGS`: a worker with these settings, as JSON."""

from __future__ import annotations

import sys

import msgspec

from conveyor.worker.settings import WorkerSettings
from conveyor.worker.supervisor import run_worker

if __name__ == "__main__":
    sys.exit(run_worker(msgspec.json.decode(sys.argv[1], type=WorkerSettings)))
