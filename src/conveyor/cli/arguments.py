"""A job's arguments as the command line takes them: a JSON object by parameter name."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import msgspec

from conveyor.arguments import ArgumentSchema
from conveyor.errors import PayloadError, UnknownJobType
from conveyor.payload import Delivery
from conveyor.records import NewJob

if TYPE_CHECKING:
    from conveyor.app import Conveyor


def read_object(text: str) -> str:
    """The text of a JSON object; "-" stands for what comes on stdin.

    Raises:
        PayloadError: it is something else.
    """
    if text == "-":
        text = sys.stdin.read()
    try:
        msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise PayloadError(
            f"the arguments {text[:200]!r} are not a JSON object: {error}; "
            "give them by parameter name, such as '{\"user_id\": 7}'"
        ) from None
    return text


def checked(app: Conveyor, name: str, text: str, delivery: Delivery, *, in_vain: str) -> NewJob:
    """The job as the app itself would push it.

    Args:
        in_vain: what was not done, should the arguments not fit: "nothing was pushed".

    Raises:
        UnknownJobType: the app has no such job.
        PayloadError: the arguments do not fit it.
    """
    job_type = app.job_types.get(name)
    if job_type is None:
        raise UnknownJobType(name, tuple(app.job_types))
    try:
        if isinstance(job_type.function, type):
            instance = ArgumentSchema.of_class(job_type.function).load_instance(text)
            return job_type.new_job(job_type.dump_instance(instance), delivery)
        args, kwargs = ArgumentSchema.of_function(job_type.function).load(text)
        return job_type.new_job(job_type.dump(args, kwargs), delivery)
    except PayloadError as error:
        # The schema speaks of a stored payload; nothing is stored yet.
        raise PayloadError(f"{in_vain}, the arguments do not fit {name!r}: {error.__cause__ or error}") from None
