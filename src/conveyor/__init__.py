"""conveyor runs background jobs for Python programs: push work now, run it later, lose nothing, see everything."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from conveyor.alerts.alert import Alert, AlertState, Severity
    from conveyor.alerts.alerts import Alerts, AlertStatus, FiringSubject, SinkAnswer
    from conveyor.alerts.condition import Condition
    from conveyor.alerts.mail import EmailSink
    from conveyor.alerts.queue_conditions import (
        DeadLetterGrowth,
        DeadLetterSize,
        OldestWaiting,
        QueueDepth,
        StalledQueue,
    )
    from conveyor.alerts.run_conditions import FailureRate, SlowJobs
    from conveyor.alerts.sinks import CallSink, JobSink, LogSink, Sink
    from conveyor.alerts.webhook import WebhookSink
    from conveyor.alerts.worker_conditions import MissingWorkers
    from conveyor.app import Conveyor
    from conveyor.codec import Codec, Compressed, Encrypted, Layers, PlainCodec, Signed
    from conveyor.context import CurrentJob, current_job
    from conveyor.dead_letters import DeadLetters, DeadLetterStatistics
    from conveyor.errors import (
        AlertNotFound,
        ClaimLost,
        ConfigError,
        ConveyorError,
        DuplicateAlert,
        DuplicateHandler,
        DuplicateJob,
        DuplicateJobType,
        DuplicateSchedule,
        HandlerNotFound,
        InvalidValue,
        JobFailed,
        JobNotFound,
        LockLost,
        LockTimeout,
        NoCurrentJob,
        PayloadError,
        PayloadTooLarge,
        ResultTimeout,
        ScheduleNotFound,
        SchemaMismatch,
        StoreError,
        StoreFull,
        StoreUnavailable,
        UnknownJobType,
    )
    from conveyor.findings import DeadGroup
    from conveyor.handle import JobHandle
    from conveyor.health import Health, QueueHealth, WorkerHealth, WorkersHealth
    from conveyor.history import (
        History,
        HistoryEntry,
        HistoryEvent,
        HistoryStatistics,
        PersistentQueue,
        Rebuilt,
    )
    from conveyor.job import AsyncJob, Job
    from conveyor.job_transaction import JobTransaction
    from conveyor.job_type import JobType
    from conveyor.leases import LeasedPayload
    from conveyor.locks import Lock
    from conveyor.measures import Memory
    from conveyor.metrics import Figures, JobFigures, Metrics, Spread
    from conveyor.middleware import Middleware
    from conveyor.options import JobMetadata
    from conveyor.payload import JobCall, JobPayload
    from conveyor.priority import Priority
    from conveyor.progress import atrack, track
    from conveyor.queue import Queue
    from conveyor.records import (
        CancelAnswer,
        Claim,
        Failure,
        JobId,
        JobStatus,
        LockRecord,
        NewJob,
        Progress,
        Reason,
        StoredJob,
    )
    from conveyor.retention import Retention
    from conveyor.retry import ExponentialBackoff, NoRetry, RetrySchedule, RetryStrategy
    from conveyor.schedules import Schedule, Schedules
    from conveyor.signals import Cancel, GiveUp, JobCancelled, JobTimeout, Retry, Snooze
    from conveyor.stats import QueueStats
    from conveyor.unique import Unique

__version__ = "0.1.0"

__all__ = [
    "Alert",
    "AlertNotFound",
    "AlertState",
    "AlertStatus",
    "Alerts",
    "AsyncJob",
    "CallSink",
    "Cancel",
    "CancelAnswer",
    "Claim",
    "ClaimLost",
    "Codec",
    "Compressed",
    "Condition",
    "ConfigError",
    "Conveyor",
    "ConveyorError",
    "CurrentJob",
    "DeadGroup",
    "DeadLetterGrowth",
    "DeadLetterSize",
    "DeadLetterStatistics",
    "DeadLetters",
    "DuplicateAlert",
    "DuplicateHandler",
    "DuplicateJob",
    "DuplicateJobType",
    "DuplicateSchedule",
    "EmailSink",
    "Encrypted",
    "ExponentialBackoff",
    "Failure",
    "FailureRate",
    "Figures",
    "FiringSubject",
    "GiveUp",
    "HandlerNotFound",
    "Health",
    "History",
    "HistoryEntry",
    "HistoryEvent",
    "HistoryStatistics",
    "InvalidValue",
    "Job",
    "JobCall",
    "JobCancelled",
    "JobFailed",
    "JobFigures",
    "JobHandle",
    "JobId",
    "JobMetadata",
    "JobNotFound",
    "JobPayload",
    "JobSink",
    "JobStatus",
    "JobTimeout",
    "JobTransaction",
    "JobType",
    "Layers",
    "LeasedPayload",
    "Lock",
    "LockLost",
    "LockRecord",
    "LockTimeout",
    "LogSink",
    "Memory",
    "Metrics",
    "Middleware",
    "MissingWorkers",
    "NewJob",
    "NoCurrentJob",
    "NoRetry",
    "OldestWaiting",
    "PayloadError",
    "PayloadTooLarge",
    "PersistentQueue",
    "PlainCodec",
    "Priority",
    "Progress",
    "Queue",
    "QueueDepth",
    "QueueHealth",
    "QueueStats",
    "Reason",
    "Rebuilt",
    "ResultTimeout",
    "Retention",
    "Retry",
    "RetrySchedule",
    "RetryStrategy",
    "Schedule",
    "ScheduleNotFound",
    "Schedules",
    "SchemaMismatch",
    "Severity",
    "Signed",
    "Sink",
    "SinkAnswer",
    "SlowJobs",
    "Snooze",
    "Spread",
    "StalledQueue",
    "StoreError",
    "StoreFull",
    "StoreUnavailable",
    "StoredJob",
    "Unique",
    "UnknownJobType",
    "WebhookSink",
    "WorkerHealth",
    "WorkersHealth",
    "atrack",
    "current_job",
    "track",
]

# Where each name lives. It is imported when it is first used: `import conveyor` alone stays light.
_HOMES: Final = {
    "Alert": "conveyor.alerts.alert",
    "AlertState": "conveyor.alerts.alert",
    "Severity": "conveyor.alerts.alert",
    "AlertStatus": "conveyor.alerts.alerts",
    "Alerts": "conveyor.alerts.alerts",
    "FiringSubject": "conveyor.alerts.alerts",
    "SinkAnswer": "conveyor.alerts.alerts",
    "Condition": "conveyor.alerts.condition",
    "DeadLetterGrowth": "conveyor.alerts.queue_conditions",
    "DeadLetterSize": "conveyor.alerts.queue_conditions",
    "FailureRate": "conveyor.alerts.run_conditions",
    "MissingWorkers": "conveyor.alerts.worker_conditions",
    "OldestWaiting": "conveyor.alerts.queue_conditions",
    "QueueDepth": "conveyor.alerts.queue_conditions",
    "SlowJobs": "conveyor.alerts.run_conditions",
    "StalledQueue": "conveyor.alerts.queue_conditions",
    "EmailSink": "conveyor.alerts.mail",
    "CallSink": "conveyor.alerts.sinks",
    "JobSink": "conveyor.alerts.sinks",
    "LogSink": "conveyor.alerts.sinks",
    "Sink": "conveyor.alerts.sinks",
    "WebhookSink": "conveyor.alerts.webhook",
    "AlertNotFound": "conveyor.errors",
    "DuplicateAlert": "conveyor.errors",
    "Conveyor": "conveyor.app",
    "Codec": "conveyor.codec",
    "Compressed": "conveyor.codec",
    "Encrypted": "conveyor.codec",
    "Layers": "conveyor.codec",
    "PlainCodec": "conveyor.codec",
    "Signed": "conveyor.codec",
    "CurrentJob": "conveyor.context",
    "current_job": "conveyor.context",
    "DeadLetterStatistics": "conveyor.dead_letters",
    "DeadLetters": "conveyor.dead_letters",
    "Retention": "conveyor.retention",
    "ClaimLost": "conveyor.errors",
    "ConfigError": "conveyor.errors",
    "ConveyorError": "conveyor.errors",
    "DuplicateHandler": "conveyor.errors",
    "HandlerNotFound": "conveyor.errors",
    "DuplicateJob": "conveyor.errors",
    "DuplicateJobType": "conveyor.errors",
    "InvalidValue": "conveyor.errors",
    "JobFailed": "conveyor.errors",
    "JobNotFound": "conveyor.errors",
    "LockLost": "conveyor.errors",
    "LockTimeout": "conveyor.errors",
    "NoCurrentJob": "conveyor.errors",
    "PayloadError": "conveyor.errors",
    "PayloadTooLarge": "conveyor.errors",
    "ResultTimeout": "conveyor.errors",
    "SchemaMismatch": "conveyor.errors",
    "StoreError": "conveyor.errors",
    "StoreFull": "conveyor.errors",
    "StoreUnavailable": "conveyor.errors",
    "UnknownJobType": "conveyor.errors",
    "DuplicateSchedule": "conveyor.errors",
    "ScheduleNotFound": "conveyor.errors",
    "DeadGroup": "conveyor.findings",
    "JobHandle": "conveyor.handle",
    "Health": "conveyor.health",
    "QueueHealth": "conveyor.health",
    "WorkerHealth": "conveyor.health",
    "WorkersHealth": "conveyor.health",
    "History": "conveyor.history.history",
    "PersistentQueue": "conveyor.history.queue",
    "HistoryEntry": "conveyor.history.records",
    "HistoryEvent": "conveyor.history.records",
    "HistoryStatistics": "conveyor.history.records",
    "Rebuilt": "conveyor.history.records",
    "AsyncJob": "conveyor.job",
    "Job": "conveyor.job",
    "JobTransaction": "conveyor.job_transaction",
    "JobType": "conveyor.job_type",
    "LeasedPayload": "conveyor.leases",
    "Lock": "conveyor.locks",
    "Memory": "conveyor.measures",
    "Figures": "conveyor.metrics",
    "JobFigures": "conveyor.metrics",
    "Metrics": "conveyor.metrics",
    "Spread": "conveyor.metrics",
    "Middleware": "conveyor.middleware",
    "JobMetadata": "conveyor.options",
    "JobCall": "conveyor.payload",
    "JobPayload": "conveyor.payload",
    "Priority": "conveyor.priority",
    "atrack": "conveyor.progress",
    "track": "conveyor.progress",
    "Queue": "conveyor.queue",
    "CancelAnswer": "conveyor.records",
    "Claim": "conveyor.records",
    "Failure": "conveyor.records",
    "JobId": "conveyor.records",
    "JobStatus": "conveyor.records",
    "LockRecord": "conveyor.records",
    "NewJob": "conveyor.records",
    "Progress": "conveyor.records",
    "Reason": "conveyor.records",
    "StoredJob": "conveyor.records",
    "ExponentialBackoff": "conveyor.retry",
    "NoRetry": "conveyor.retry",
    "RetrySchedule": "conveyor.retry",
    "RetryStrategy": "conveyor.retry",
    "Schedule": "conveyor.schedules",
    "Schedules": "conveyor.schedules",
    "Cancel": "conveyor.signals",
    "GiveUp": "conveyor.signals",
    "JobCancelled": "conveyor.signals",
    "JobTimeout": "conveyor.signals",
    "Retry": "conveyor.signals",
    "Snooze": "conveyor.signals",
    "QueueStats": "conveyor.stats",
    "Unique": "conveyor.unique",
}


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


if not TYPE_CHECKING:  # a type checker would take any name for one that is there

    def __getattr__(name: str) -> object:
        home = _HOMES.get(name)
        if home is None:
            raise AttributeError(f"module 'conveyor' has no attribute {name!r}")
        import importlib

        value = getattr(importlib.import_module(home), name)
        globals()[name] = value
        return value
