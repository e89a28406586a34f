"""The worker: a supervisor and its child processes. Start one with `supervisor.run_worker(WorkerSettings(...))`."""
