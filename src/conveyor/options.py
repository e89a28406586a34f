"""What travels with a job for its worker alone: timeout, retry, metadata, parent. Stored as JSON beside the payload."""

from __future__ import annotations

import reprlib
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Final, cast

import msgspec
from msgspec.structs import force_setattr

from conveyor.errors import InvalidValue, PayloadError
from conveyor.records import Claim, JobId, NewJob
from conveyor.retry import RetryStrategy, load_retry
from conveyor.text import unicode
from conveyor.times import LONGEST

MAX_METADATA: Final = 65_536
"""Bytes as JSON: it travels with every claim."""


MAX_DEPTH: Final = 100
"""How deep fields may nest: stores, and whoever reads them, give up at some depth."""


class JobMetadata(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What people want to know about a job; conveyor only stores, shows and finds it.

    Args:
        tags: words to find jobs by.
        correlation_id: what ties this job to a request, or to other jobs.
        fields: anything else that JSON can hold.

    Raises:
        InvalidValue: a tag is not a word, a field is not JSON or nests more than 100 deep, or all together take more
            than 65,536 bytes as JSON.
    """

    tags: tuple[str, ...] = ()
    correlation_id: str | None = None
    fields: dict[str, Any] = {}

    def __post_init__(self) -> None:
        force_setattr(self, "tags", _tags(self.tags))
        correlation_id = cast("object", self.correlation_id)
        if correlation_id is not None and not isinstance(correlation_id, str):
            raise InvalidValue(f"correlation_id is {correlation_id!r}; give text, such as str(request_id)")
        if correlation_id is not None:
            unicode(correlation_id, "correlation_id")
        if self.fields:
            _check_fields(self.fields)
        if len(text := _ENCODER.encode(self)) > MAX_METADATA:
            raise InvalidValue(
                f"metadata takes {len(text):,} bytes as JSON, the limit is {MAX_METADATA:,}; "
                "keep the bulk elsewhere, and a reference to it here"
            )

    @classmethod
    def of(cls, value: JobMetadata | Mapping[str, Any]) -> JobMetadata:
        """`value` itself, or a JobMetadata with `value` as its free fields.

        Raises:
            InvalidValue: it is neither, or holds something that is not JSON.
        """
        if isinstance(value, cls):
            return value
        if not isinstance(value, Mapping):
            raise InvalidValue(
                f"metadata is {_shown(value)}; give JobMetadata(tags=…, fields=…) or a mapping of free fields"
            )
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

    timeout: Annotated[float, msgspec.Meta(gt=0, le=LONGEST)] | None = None
    """Seconds."""
    retry: dict[str, Any] | None = None
    """As `store_retry` stores it."""
    metadata: JobMetadata | None = None
    parent: JobId | None = None
    """The job that pushed it, with its own completion."""

    def encode(self) -> str:
        """As text: JSON, or "" when everything is left to the job type.

        Raises:
            InvalidValue: the metadata holds a list or mapping that was changed to something that is not JSON.
        """
        try:
            text = _ENCODER.encode(self).decode()
        except _NOT_JSON as error:
            raise InvalidValue(f"metadata has fields that JSON cannot hold ({error}); use text and numbers") from None
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
        except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError, RecursionError) as error:
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


_NOT_JSON: Final = (TypeError, ValueError, OverflowError, RecursionError)
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
        unicode(tag, "a tag")
    return cast("tuple[str, ...]", tags)


def _check_fields(fields: object) -> None:
    if not isinstance(fields, Mapping):
        raise InvalidValue(f"fields is {_shown(fields)}; give a mapping of names to JSON values")
    value = cast("Mapping[object, object]", fields)
    for name in value:
        if not isinstance(name, str):
            raise InvalidValue(f"fields has the name {name!r}; names are text, so write {str(name)!r}")
    try:
        text = _ENCODER.encode(value)
        if b"null" in text:
            # A NaN or infinity has become one, which must not happen unseen.
            import json

            json.dumps(msgspec.to_builtins(value, str_keys=True), allow_nan=False)
        is_deep = text.count(b"[") + text.count(b"{") > MAX_DEPTH and _is_deeper(msgspec.json.decode(text), MAX_DEPTH)
    except _NOT_JSON as error:
        raise InvalidValue(
            f"fields is {_shown(value)}, which JSON cannot hold ({error}); use text and numbers"
        ) from None
    if is_deep:
        raise InvalidValue(f"fields is {_shown(value)}, nested more than {MAX_DEPTH} deep; make it flatter")


def _shown(value: object) -> str:
    """For a message: shortened, for it may be large, and deeper than Python's own repr goes."""
    return reprlib.repr(value)


def _is_deeper(value: object, levels: int) -> bool:
    parts: Iterable[object] = ()
    if isinstance(value, dict):
        parts = cast("dict[str, object]", value).values()
    elif isinstance(value, list):
        parts = cast("list[object]", value)
    return any((levels == 1 and isinstance(part, dict | list)) or _is_deeper(part, levels - 1) for part in parts)
