"""How a worker's log lines look: for people, or as JSON for machines."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

FORMAT: Final = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"

_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
"""What every log record has; all else came as `extra`."""


def configure(level: int, *, as_json: bool = False, worker: str = "") -> None:
    """Let a process that nobody has told how to log write to standard error, from this level on.

    Again it only tells lines of JSON which worker they come from.
    """
    root = logging.getLogger()
    if not root.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(JsonLines() if as_json else Lines(FORMAT))
        root.addHandler(handler)
        root.setLevel(level)
    for each in root.handlers:
        if isinstance(each.formatter, JsonLines):
            each.formatter.worker = worker or each.formatter.worker


class Lines(logging.Formatter):
    """For people. What a job logs by itself begins with the job's type and id, as our lines about it do."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """The line, without a traceback."""
        fields = vars(record)
        if "job_id" in fields and "event" not in fields:
            record.message = f"{fields.get('job_type', '')} {fields['job_id']}: {record.message}"
        return super().formatMessage(record)


class JsonLines(logging.Formatter):
    """For machines: each record an object on a line of its own.

    Attributes:
        worker: who logs; "" when it has no name yet.
    """

    def __init__(self) -> None:
        super().__init__()
        self.worker = ""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        fields: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC)
            .isoformat(timespec="milliseconds")
            .replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if self.worker:
            fields["worker"] = self.worker
        fields |= {name: value for name, value in vars(record).items() if name not in _STANDARD and name not in fields}
        traceback = fields.get("traceback")
        if isinstance(traceback, str):
            # It is in the message too, for loggers that know no fields.
            fields["message"] = fields["message"].removesuffix(traceback.rstrip()).rstrip()
        elif record.exc_info:
            fields["traceback"] = self.formatException(record.exc_info)
            fields["error_type"] = _name(record.exc_info[0])
        try:
            return msgspec.json.encode(fields, enc_hook=repr).decode()
        except (TypeError, ValueError, OverflowError, RecursionError):
            # Something in it has no JSON: half a surrogate pair, a huge number, a list that holds itself.
            return msgspec.json.encode({name: _tame(value) for name, value in fields.items()}).decode()


def _tame(value: object) -> str:
    return str(value).encode(errors="backslashreplace").decode()


def _name(kind: type[BaseException] | None) -> str:
    return "" if kind is None else f"{kind.__module__}.{kind.__qualname__}"
