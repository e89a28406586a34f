"""What the demo says in the end, every figure counted from the store."""

from __future__ import annotations

import shlex
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from conveyor.cli.demo_jobs import QUEUE, FileCount
from conveyor.cli.documents import total
from conveyor.cli.output import one_line
from conveyor.cli.search import DEAD, found
from conveyor.cli.table import Column, Table, plain
from conveyor.cli.words import count, short_type, size, span
from conveyor.drivers.base import Driver
from conveyor.records import Counts, Filter, JobStatus, StoredJob
from conveyor.sketch import percentile
from conveyor.times import SECOND, system_clock

_ALL: Final = 1_000_000
_BIGGEST: Final = 5
_MINUTE: Final = 60 * SECOND


class _Arguments(msgspec.Struct):
    path: str


@dataclass(frozen=True, slots=True)
class Report:
    """The counters of the demo's queue, its history and its dead letters."""

    directory: Path
    counts: Counts
    buckets: Mapping[int, int]
    """How long all runs took, by bucket; see `sketch.py`."""
    completed: list[StoredJob]
    dead: list[StoredJob]

    @classmethod
    def of(cls, driver: Driver, directory: Path) -> Report:
        """Read it from the store; `directory` is where the files are."""
        buckets: Counter[int] = Counter()
        for metrics in driver.read_metrics(since=0, until=system_clock() // _MINUTE + 2):
            buckets.update(metrics.buckets)
        return cls(
            directory,
            total(driver.counts([QUEUE])[0]),
            buckets,
            list(found(driver, Filter(queues=(QUEUE,), statuses=(JobStatus.COMPLETED,)), _ALL)),
            list(found(driver, Filter(queues=(QUEUE,), statuses=DEAD), _ALL)),
        )

    def text(self, program: str, url: str, home: Path) -> str:
        """The report; `program` is how the reader calls conveyor, and `home` the folder that holds the store."""
        parts = [self._jobs(), self._found()]
        if self.dead:
            parts.append("Dead letters, by error:\n" + plain(self._errors()))
        parts.append(self._next(program, url, home))
        return "\n" + "\n\n".join(part for part in parts if part)

    def _jobs(self) -> str:
        counts = self.counts
        spans = [(job.started_at, job.finished_at) for job in (*self.completed, *self.dead)]
        started = [start for start, _ in spans if start is not None]
        ended = [end for _, end in spans if end is not None]
        lines = [f"{count(counts.pushed, 'job')}: {counts.completed:,} completed, {counts.dead:,} dead letters"]
        if waiting := counts.ready + counts.delayed + counts.processing:
            lines[0] += f", {waiting:,} not done"
        if started and ended:
            took = (max(ended) - min(started)) / SECOND
            lines[0] += f", in {span(took)}: {(len(ended)) / max(took, 0.001):,.0f} jobs a second"
        lines.append(
            f"{count(counts.retried, 'failed run')} tried again" if counts.retried else "no run was tried again"
        )
        p50, p95, longest = (percentile(self.buckets, share) for share in (0.5, 0.95, 1.0))
        if p50 is not None and p95 is not None and longest is not None:
            parts = (f"{span(p50 / SECOND)} (p50)", f"{span(p95 / SECOND)} (p95)", f"{span(longest / SECOND)} at most")
            lines.append(f"a run took {', '.join(parts)}")
        return "\n".join(lines)

    def _found(self) -> str:
        results = [(msgspec.json.decode(job.result or "", type=FileCount), _path(job)) for job in self.completed]
        if not results:
            return ""
        lines = sum(each.lines for each, _ in results)
        words = sum(each.words for each, _ in results)
        functions = sum(each.functions for each, _ in results)
        read = sum(each.bytes for each, _ in results)
        table = Table(
            (
                Column("size", "number"),
                Column("lines", "number"),
                Column("functions", "number"),
                Column("file", "words"),
            )
        )
        for each, path in sorted(results, key=lambda pair: -pair[0].bytes)[:_BIGGEST]:
            table.add(size(each.bytes), each.lines, each.functions, self._below(path))
        figures = f"{lines:,} lines, {words:,} words, {functions:,} functions"
        return f"Read {size(read)}: {figures}. The biggest files:\n{plain(table)}"

    def _errors(self) -> Table:
        groups: defaultdict[str, list[StoredJob]] = defaultdict(list)
        for job in self.dead:
            groups[short_type(job.errors[-1].error_type) if job.errors else str(job.reason)].append(job)
        table = Table((Column("jobs", "number"), Column("runs", "number"), Column("error"), Column("example", "words")))
        for name, jobs in sorted(groups.items(), key=lambda item: -len(item[1])):
            runs = max(job.failures + job.crashes for job in jobs)
            table.add(len(jobs), runs, name, f"{self._below(_path(jobs[0]))}: {_message(jobs[0])}")
        return table

    def _below(self, path: str) -> str:
        """A file's path from the directory down."""
        return str(Path(path).relative_to(self.directory))

    def _next(self, program: str, url: str, home: Path) -> str:
        lines = [f"export CONVEYOR_URL={shlex.quote(url)}", f"{program} status"]
        if self.dead:
            example = self.dead[0]
            error = short_type(example.errors[-1].error_type) if example.errors else ""
            lines += [
                f"{program} failed --limit 10",
                f"{program} show {example.id} --traceback",
                f"{program} retry --error {error or example.reason}   # though nothing has mended the files",
                f"{program} work --app conveyor.cli.demo_jobs:app   # runs them; stop it with Ctrl-C",
            ]
        else:
            lines.append(f"{program} jobs --limit 10")
        lines.append(f"rm -r {shlex.quote(str(home))}   # when you are done: the store and the worker's log")
        return "What to try next, on the store of this demo:\n" + "\n".join(f"  {line}" for line in lines)


def _path(job: StoredJob) -> str:
    return msgspec.json.decode(job.payload, type=_Arguments).path


def _message(job: StoredJob) -> str:
    message = one_line(job.errors[-1].message) if job.errors else ""
    return message if len(message) <= 80 else message[:79] + "…"  # noqa: PLR2004 - what fits a line
