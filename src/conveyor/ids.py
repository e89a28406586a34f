"""Job ids: UUIDv7 (RFC 9562), made in rising order within a process."""

from __future__ import annotations

from typing import Final
from uuid import UUID, SafeUUID

from uuid_utils import uuid7

from conveyor.errors import InvalidValue
from conveyor.records import JobId

# UUID forbids setting its attributes; its slots themselves do not.
_set_int: Final = UUID.__dict__["int"].__set__
_set_is_safe: Final = UUID.__dict__["is_safe"].__set__
_UNKNOWN: Final = SafeUUID.unknown


def new_id() -> JobId:
    """An id greater than every other made in this process; safe to call after a fork."""
    # What UUID(int=…) does after checking its arguments, which costs more than all the rest of this.
    made = object.__new__(UUID)
    _set_int(made, uuid7().int)
    _set_is_safe(made, _UNKNOWN)
    return JobId(made)


def job_id(value: object) -> JobId:
    """The id that `value` is: a UUID or its text.

    Raises:
        InvalidValue: it is neither.
    """
    if isinstance(value, UUID):
        return JobId(value)
    if isinstance(value, str):
        try:
            return JobId(UUID(value))
        except ValueError:
            pass
    raise InvalidValue(f"id is {value!r}; give a UUID or its text, such as str(handle.id)")
