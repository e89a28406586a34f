"""Rows whose text is no text, by a damaged disk or a foreign hand: they must not stand in the way of the others."""

from __future__ import annotations

import sqlite3
from typing import Any

from conveyor.drivers.sqlite import counters
from conveyor.drivers.sqlite.counters import Tally
from conveyor.drivers.sqlite.statements import SQL
from conveyor.records import Failure, JobStatus, Reason


def set_apart(writer: sqlite3.Connection, seqs: list[int], now: int, tally: Tally) -> list[list[Any]]:
    """Those of these ready jobs whose payload or options are not UTF-8, as rows for bury.sql; bytes are kept as hex."""
    ended: list[list[Any]] = []
    for seq in seqs:
        job_id, queue, priority, attempt, failures, crashes, *texts = writer.execute(
            SQL["readable"], {"seq": seq}
        ).fetchone()
        if all(_is_text(text) for text in texts):
            continue
        writer.execute(SQL["as_hex"], {"seq": seq})
        failure = Failure(
            attempt=attempt,
            reason=Reason.UNREADABLE,
            error_type="",
            message="the stored payload is not UTF-8 text; its bytes are kept as hexadecimal digits",
            ended_at=now,
        )
        ended.append([job_id, attempt, JobStatus.FAILED, failures, crashes, None, Reason.UNREADABLE, None, failure])
        tally.add(queue, priority, counters.READY, -1)
        tally.add(queue, priority, counters.DEAD)
        tally.add(queue, priority, counters.FAILED)
    return ended


def _is_text(blob: bytes) -> bool:
    try:
        blob.decode()
    except UnicodeDecodeError:
        return False
    return True
