"""Changed arguments for a job that is brought back, checked as a push would."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, cast

import msgspec

from conveyor.errors import InvalidValue, PayloadError
from conveyor.payload import JobCall
from conveyor.records import StoredJob

if TYPE_CHECKING:
    from conveyor.app import Conveyor

Edit = Mapping[str, Any] | Callable[[dict[str, Any]], Mapping[str, Any]]
"""New values of some arguments by name, or what makes new arguments from the old ones (as JSON has them)."""


def edited(app: Conveyor, job: StoredJob, edit: Edit) -> str:
    """The job's payload with its arguments changed.

    Raises:
        UnknownJobType: no job of its type is registered with the application.
        PayloadError: its payload cannot be read, or the changed arguments do not fit the job.
        InvalidValue: `edit` is neither, or answers no mapping.
    """
    job_type = app.job_types.named(job.type)
    try:
        arguments = msgspec.json.decode(app.codec.decode(job.payload, job.type), type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise PayloadError(f"the payload of job {job.id} is no JSON object, so it cannot be edited: {error}") from None
    changed = edit(dict(arguments)) if callable(edit) else {**arguments, **_checked(edit)}
    text = msgspec.json.encode(dict(_checked(changed))).decode()
    try:
        # Through what the job would read, so that what is stored is what a push would store.
        fit = job_type.load_job(app.codec.encode(text, job.type))
        return job_type.dump(fit.args, fit.kwargs) if isinstance(fit, JobCall) else job_type.dump_instance(fit)
    except PayloadError as error:
        raise PayloadError(
            f"the edited arguments do not fit job {job.id} of type {job.type!r}: {error.__cause__ or error}"
        ) from None


def _checked(mapping: object) -> Mapping[str, Any]:
    if not isinstance(mapping, Mapping):
        raise InvalidValue(f"edit is {mapping!r}; give arguments by name, or a function that answers them")
    return cast("Mapping[str, Any]", mapping)
