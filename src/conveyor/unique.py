"""When two jobs are one: which jobs with a unique key are in the way of another, and what becomes of that one."""

from __future__ import annotations

from enum import StrEnum


class Until(StrEnum):
    """How long a job is in the way of another one with its unique key."""

    START = "start"
    """Until it is claimed for the first time."""
    SUCCESS = "success"
    """Until it has completed or was cancelled; as a dead letter it is in the way too, while it is kept."""
    FINAL = "final"
    """Until it has ended, well or badly."""


class OnConflict(StrEnum):
    """What becomes of a push when another job with its unique key is in the way. Never a second job."""

    IGNORE = "ignore"
    """It changes nothing, and answers that job."""
    RAISE = "raise"
    """As IGNORE for the store; whoever pushes raises DuplicateJob then."""
    REPLACE = "replace"
    """While that job is PENDING, it becomes what was pushed; else as IGNORE."""
