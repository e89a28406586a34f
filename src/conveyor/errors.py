"""Every error conveyor raises, as one tree.

    ConveyorError
    ├── InvalidValue (also a ValueError)     a priority, delay, moment, queue name or option that breaks its rule
    ├── ConfigError                          a URL, setting, flag or app reference that cannot work
    ├── PayloadError                         arguments that do not fit the job, or a stored payload that cannot be read
    │   └── PayloadTooLarge                  more bytes than the payload limit
    ├── UnknownJobType                       no job of that type is registered here
    ├── DuplicateJobType                     two jobs want one type
    ├── DuplicateJob                         another job with the unique key is in the way
    ├── DuplicateSchedule                    two schedules want one name
    ├── ScheduleNotFound                     there is no schedule of that name
    ├── DuplicateHandler                     two handlers want one command
    ├── HandlerNotFound                      no handler takes commands of that class
    ├── DuplicateAlert                       two alerts want one name
    ├── AlertNotFound                        there is no alert of that name
    ├── NoCurrentJob                         `current_job()` outside a job, or a job that has ended
    ├── JobNotFound                          no job with that id is kept
    ├── ClaimLost                            the job is no longer held under this claim
    ├── ResultTimeout (also a TimeoutError)  the job had not ended in the time given
    ├── LockTimeout (also a TimeoutError)    others held the lock all the time
    ├── LockLost                             the lock was not renewed in time, or somebody released it
    ├── JobFailed                            the job ended without a result
    └── StoreError                           the store refused or could not be used
        ├── StoreUnavailable                 it did not answer in time; trying again may help
        ├── StoreFull                        it has no room left; nothing was written
        └── SchemaMismatch                   it is not a conveyor store, or one of a newer release

What a job raises to steer its own fate (`Retry`, `Snooze`, `Cancel`, `GiveUp`) is a signal: see `signals.py`.
"""

from __future__ import annotations


class ConveyorError(Exception):
    """The root: catch this to catch everything conveyor raises on purpose."""


class InvalidValue(ConveyorError, ValueError):
    """A value that breaks its rule. The message names the value, the rule and the remedy."""


class ConfigError(ConveyorError):
    """A URL, setting, flag or app reference that cannot work; raised before anything starts."""


class PayloadError(ConveyorError):
    """Arguments that do not fit the job's signature, or a stored payload that cannot be read."""


class PayloadTooLarge(PayloadError):
    """Arguments, or a result, above the payload limit.

    Attributes:
        payload_bytes: the size it would have had.
        limit_bytes: the size allowed.
    """

    def __init__(self, job_type: str, payload_bytes: int, limit_bytes: int, what: str = "arguments") -> None:
        takes, hand_on = ("takes", "return") if what == "result" else ("take", "push")
        super().__init__(
            f"the {what} of {job_type!r} {takes} {payload_bytes:,} bytes, the limit is {limit_bytes:,}; "
            f"store the data elsewhere and {hand_on} a reference to it, or raise Conveyor(payload_limit=…)"
        )
        self.payload_bytes = payload_bytes
        self.limit_bytes = limit_bytes


class UnknownJobType(ConveyorError):
    """No job of this type is registered with the application."""

    def __init__(self, job_type: str, known: tuple[str, ...] = ()) -> None:
        listed = ", ".join(repr(name) for name in sorted(known)[:8]) or "none"
        super().__init__(
            f"no job of type {job_type!r} is registered (registered: {listed}); "
            "import the module that defines it, or correct the name"
        )
        self.job_type = job_type


class DuplicateJobType(ConveyorError):
    """Two jobs were registered under one type."""

    def __init__(self, job_type: str, first: str, second: str) -> None:
        super().__init__(
            f"job type {job_type!r} is already taken by {first}, so {second} cannot have it; "
            "give one of them another name"
        )
        self.job_type = job_type


class DuplicateJob(ConveyorError):
    """A push with `on_conflict="raise"` met another job with its key; it stored nothing.

    What was pushed together with it is stored, unless your own transaction takes it back.

    Attributes:
        job_type: what was to be pushed.
        job_id: the job that is in the way.
    """

    def __init__(self, job_type: str, key: str, job_id: object) -> None:
        super().__init__(
            f"job {job_id} is in the way of a job of type {job_type!r} with the unique key {key!r}; "
            "wait for its end, or push with on_conflict='ignore' to be given its handle"
        )
        self.job_type = job_type
        self.job_id = job_id


class DuplicateSchedule(ConveyorError):
    """Two schedules were given one name."""

    def __init__(self, name: str, first: str) -> None:
        super().__init__(f"there is a schedule {name!r} already: {first}. Give this one another name with name=…")
        self.name = name


class ScheduleNotFound(ConveyorError):
    """There is no schedule of that name, neither in the code nor in the store."""

    def __init__(self, name: object) -> None:
        super().__init__(
            f'there is no schedule {name!r}; see them with app.schedules.list(), or "conveyor schedule list --app …"'
        )
        self.name = name


class DuplicateHandler(ConveyorError):
    """Two handlers were registered for one class of commands.

    Attributes:
        command: the class.
    """

    def __init__(self, command: type, first: str, second: str) -> None:
        super().__init__(
            f"{command.__name__} is handled by {first} already, so {second} cannot have it too: a command has one "
            "handler. Call one from the other, or tell others with an event"
        )
        self.command = command


class HandlerNotFound(ConveyorError):
    """A command of a class that no handler is registered for.

    Attributes:
        command: the class.
    """

    def __init__(self, command: type, known: tuple[str, ...]) -> None:
        handled = ", ".join(sorted(known)) or "none"
        super().__init__(
            f"no handler takes {command.__name__}; those that are handled are {handled}. Register one with "
            f"@bus.handler({command.__name__}), and import its module"
        )
        self.command = command


class DuplicateAlert(ConveyorError):
    """Two alerts were given one name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"there is an alert {name!r} already; give this one another name, or remove the other first")
        self.name = name


class AlertNotFound(ConveyorError):
    """There is no alert of that name in the application."""

    def __init__(self, name: object, known: tuple[str, ...] = ()) -> None:
        listed = ", ".join(repr(each) for each in sorted(known)[:8]) or "none"
        super().__init__(f"there is no alert {name!r} (there are: {listed}); name one of these, or add it")
        self.name = name


class NoCurrentJob(ConveyorError):
    """`current_job()` where no job runs, or a push with the completion of a job that has ended."""


class JobNotFound(ConveyorError):
    """The store keeps no job with this id: it never existed, or its record was pruned."""

    def __init__(self, job_id: object) -> None:
        super().__init__(f"no job {job_id} is kept; it never existed, or its record was pruned (see Retention)")
        self.job_id = job_id


class ClaimLost(ConveyorError):
    """The job is no longer held under this claim: its lease lapsed, or it was settled, cancelled or forgotten."""

    def __init__(self, job_id: object, attempt: int) -> None:
        super().__init__(
            f"job {job_id} is no longer held by attempt {attempt}: its lease lapsed or it was settled elsewhere; "
            "nothing was changed. Extend the lease in time, or ask for a longer one"
        )
        self.job_id = job_id
        self.attempt = attempt


class ResultTimeout(ConveyorError, TimeoutError):
    """The job had not ended within the time given to `result`; it goes on unharmed."""


class LockTimeout(ConveyorError, TimeoutError):
    """The lock was held by others for as long as it was waited for."""

    def __init__(self, name: str, waited: float) -> None:
        super().__init__(
            f"lock {name!r} was held by others for {waited:g} s; wait longer, or see who holds it with conveyor locks"
        )
        self.name = name


class LockLost(ConveyorError):
    """The lock is no longer held: its holder was frozen or cut off for longer than its ttl, or somebody released it.

    Attributes:
        name: the lock.
        fence: the number of the acquisition that was lost.
    """

    def __init__(self, name: str, fence: int) -> None:
        super().__init__(
            f"lock {name!r} is lost: it was not renewed in time, or somebody released it, and another holder may have "
            "it by now; undo what must not be done twice, or give it a longer ttl"
        )
        self.name = name
        self.fence = fence


class JobFailed(ConveyorError):
    """The job ended without a result.

    Attributes:
        job_id: which job.
        status: how it ended, as a word: failed, expired or cancelled.
        error_type: the name of the last exception's type, `None` when there was none.
        traceback: the last traceback as text, "" when there was none.
    """

    def __init__(self, job_id: object, status: str, error_type: str | None, message: str, traceback: str = "") -> None:
        cause = f": {error_type}: {message}" if error_type else (f": {message}" if message else "")
        super().__init__(f"job {job_id} ended as {status}{cause}")
        self.job_id = job_id
        self.status = status
        self.error_type = error_type
        self.traceback = traceback


class StoreError(ConveyorError):
    """The store refused an operation or could not be used."""


class StoreUnavailable(StoreError):
    """The store did not answer within its time limit.

    The operation may or may not have happened; a push may be repeated with the same id, which changes nothing then.
    """


class StoreFull(StoreError):
    """The store has no room left. Nothing was written."""


class SchemaMismatch(StoreError):
    """The store is not a conveyor store, or one written by a newer release."""
