"""What travels with a job for its worker alone: timeout, retry, metadata, parent. Stored as JSON beside the payload."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, cast

import msgspec
from msgspec.structs import force_setattr

from conveyor.errors import InvalidValue, PayloadError
from conveyor.records import Claim, JobId, NewJob
from conveyor.retry import RetryStrategy, load_retry


class JobMetadata(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What people want to know about a job; conveyor only stores, shows and finds it.

    Args:
        tags: words to find jobs by.
        correlation_id: what ties this job to a request, or to other jobs.
        fields: anything else that JSON can hold.

    Raises:
        InvalidValue: a tag is not a word, or a field is not JSON.
    """

    tags: tuple[str, ...] = ()
    correlation_id: str | None = None
    fields: dict[str, Any] = {}

    def __post_init__(self) -> None:
        force_setattr(self, "tags", _tags(self.tags))
        correlation_id = cast("object", self.correlation_id)
        if correlation_id is not None and not isinstance(correlation_id, str):
            raise InvalidValue(f"correlation_id is {correlation_id!r}; give text, such as str(request_id)")
        if self.fields:
            _check_fields(self.fields)

    @classmethod
    def of(cls, value: JobMetadata | Mapping[str, Any]) -> JobMetadata:
        """`value` itself, or a JobMetadata with `value` as its free fields.

        Raises:
            InvalidValue: it is neither, or holds something that is not JSON.
        """
        if isinstance(value, cls):
            return value
        if not isinstance(value, Mapping):
            raise InvalidValue(f"metadata is {value!r}; give JobMetadata(tags=…, fields=…) or a mapping of free fields")
        return cls(fields=dict(value))

    @classmethod
    def on(cls, job: NewJob | Claim) -> JobMetadata:
        """What was pushed with a job; an empty JobMetadata when nothing was. For middleware.

        Raises:
            PayloadError: its options cannot be read.
        """
        return JobOptions.decode(job.options).metadata or cls()

    def put_on(self, job: NewJob) -> NewJob:
        """The job with this metadata in place of what it had. For middleware."""
        options = msgspec.structs.replace(JobOptions.decode(job.options), metadata=self)
        return msgspec.structs.replace(job, options=options.encode())


class JobOptions(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The worker's part of how a job is delivered; `None` is as the job type says."""

    timeout: float | None = None
    """Seconds."""
    retry: dict[str, Any] | None = None
    """As `store_retry` stores it."""
    metadata: JobMetadata | None = None
    parent: JobId | None = None
    """The job that pushed it, with its own completion."""

    def encode(self) -> str:
        """As text: JSON, or "" when everything is left to the job type."""
        text = _ENCODER.encode(self).decode()
        return "" if text == "{}" else text

    @classmethod
    def decode(cls, text: str) -> JobOptions:
        """What `encode` wrote.

        Raises:
            PayloadError: it is something else.
        """
        if not text:
            return _NONE
        try:
            return _DECODER.decode(text)
        except (msgspec.DecodeError, msgspec.ValidationError) as error:
            raise PayloadError(
                f"the stored options {text[:200]!r} cannot be read: {error}; push the job anew"
            ) from error

    def strategy(self) -> RetryStrategy | None:
        """The retry strategy it carries.

        Raises:
            PayloadError: it carries one of no known kind.
        """
        if self.retry is None:
            return None
        try:
            return load_retry(self.retry)
        except InvalidValue as error:
            raise PayloadError(f"{error}; push the job anew") from error


_NONE: Final = JobOptions()
_ENCODER: Final = msgspec.json.Encoder()
_DECODER: Final = msgspec.json.Decoder(JobOptions)


def _tags(value: object) -> tuple[str, ...]:
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise InvalidValue(f'tags is {value!r}; give several words, such as ("billing", "monthly")')
    tags = tuple(cast("Iterable[object]", value))
    for tag in tags:
        if not isinstance(tag, str) or not tag:
            raise InvalidValue(f"tags holds {tag!r}; a tag is text that is not empty")
    return cast("tuple[str, ...]", tags)


def _check_fields(value: object) -> None:
    if not isinstance(value, Mapping):
        raise InvalidValue(f"fields is {value!r}; give a mapping of names to JSON values")
    for name in cast("Mapping[object, object]", value):
        if not isinstance(name, str):
            raise InvalidValue(f"fields has the name {name!r}; names are text, so write {str(name)!r}")
    try:
        _ENCODER.encode(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidValue(f"fields is {value!r}, which JSON cannot hold ({error}); use text and numbers") from None
