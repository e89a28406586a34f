"""Redis and Valkey: a server of the benchmarks' own, which keeps everything in memory alone."""

from __future__ import annotations

import csv
import gc
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any, Final
from unittest import mock
from uuid import UUID

import redis

from benchmarks.kit.jobs import TEXT, app
from benchmarks.kit.store import BATCH, EVERYWHERE, Bar, Work, push_noops, using
from conveyor.drivers.redis.link import Link
from conveyor.records import JobId
from tests.servers import Server

_PREFIX: Final = "conveyor"

_TOOL: Final = shutil.which("redis-benchmark") or shutil.which("valkey-benchmark")

_CONSUMER: Final = """
import sys, time, redis
server, heard = redis.Redis(port=int(sys.argv[1])), []
server.ping()
print("ready", flush=True)
for _ in range(int(sys.argv[2])):
    server.blpop("bench:word", 0)
    heard.append(time.time_ns())
print(*heard, sep="\\n")
"""


class RedisStore:
    """A `kit.store.Store`. Each store is a database of the server."""

    scripts: Sequence[str] = (*EVERYWHERE, "flat_cost")
    many: int = 10_000_000
    bars: Mapping[str, Bar] = {
        "retry": Bar(at_most=20),
        "retry edited": Bar(at_most=20),
        "push": Bar(share=0.7, at_least=3_500),
        "push_many": Bar(share=0.5, at_least=40_000),
        "apush": Bar(at_least=12_000),
        "drain": Bar(share=0.5, at_least=25_000),
        "drain_async": Bar(share=0.4, at_least=15_000),
        "overhead": Bar(at_most=60),
        "backlog": Bar(share=0.9),
        "async_jobs": Bar(at_most=1.5),
        "latency p50": Bar(at_most=0.8),
        "latency p99": Bar(at_most=2.5),
        "idle processor": Bar(at_most=0.3),
        "idle memory": Bar(at_most=90),
        "idle asked": Bar(at_most=3),
        "job_size": Bar(at_most=140),
        "flat_cost": Bar(at_most=1.5),
    }

    def __init__(self, program: str) -> None:
        self._program = program
        self._databases = set(range(16))
        self._questions = 0

    @cached_property
    def _server(self) -> Server:
        return Server(self._program, "--save", "", "--appendonly", "no")

    @cached_property
    def _client(self) -> Any:
        return self._server.client()

    def version(self) -> str:
        info = self._client.info()
        name = "Valkey" if "valkey_version" in info else "Redis"
        release = info.get("valkey_version", info["redis_version"])
        return f"{name} {release} ({info['mem_allocator']}) on the same cores, redis-py {redis.__version__}"

    @contextmanager
    def new(self) -> Generator[str]:
        number = min(self._databases)
        self._databases.remove(number)
        try:
            yield f"redis://127.0.0.1:{self._server.port}/{number}"
        finally:
            with self._plain(number) as client:
                client.flushdb()
            self._databases.add(number)

    def bare_push(self, count: int, push: Work) -> Callable[[], float]:
        """As many SETs of 100 bytes by redis-py."""
        del push

        def sets() -> float:
            with self.new() as url, self._plain(_number(url)) as client:
                client.ping()
                gc.collect()
                began = time.perf_counter()
                for number in range(count):
                    client.set(f"bench:{number}", TEXT)
                return time.perf_counter() - began

        return sets

    def tool_rate(self, *options: str) -> float | None:
        """What `redis-benchmark` does a second with these options and this command; `None` where there is none."""
        if _TOOL is None:
            return None
        command = [_TOOL, "-p", str(self._server.port), "--csv", *options]
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        # A heading, then one line: the command, its rate, its latencies.
        rate: str = list(csv.reader(said.strip().splitlines()))[-1][1]
        self._client.flushdb()
        return float(rate)

    def load_script(self, text: str) -> str:
        """Its hash."""
        sha: bytes | str = self._client.script_load(text)
        return sha.decode() if isinstance(sha, bytes) else sha

    def bare(self, work: Work, prepare: Work = lambda: None, *, at_a_time: int = 1) -> Callable[[], float]:
        """The driver's own commands, each sent by redis-py, or so many in one pipeline."""
        said: list[tuple[Any, ...]] = []
        ask = Link.ask

        def record(link: Link, *words: Any) -> Any:
            said.append(words)
            return ask(link, *words)

        with self.new() as url:
            with mock.patch.object(Link, "ask", record), using(url):
                prepare()
                start = len(said)
                work()
                end = len(said)
            counters = self._counters(url)

        def replay() -> float:
            with self.new() as url, self._plain(_number(url)) as client:
                ask = client.execute_command
                for words in said[:start]:
                    ask(*words)
                gc.collect()
                began = time.perf_counter()
                if at_a_time == 1:
                    for words in said[start:end]:
                        ask(*words)
                else:
                    for first in range(start, end, at_a_time):
                        pipeline = client.pipeline(transaction=False)
                        for words in said[first : min(first + at_a_time, end)]:
                            pipeline.execute_command(*words)
                        pipeline.execute()
                seconds = time.perf_counter() - began
                if (replayed := self._counters(url)) != counters:
                    raise AssertionError(f"the replay counts {replayed}, the recorded store {counters}")
            return seconds

        return replay

    def bare_latencies(self, pauses: Sequence[float]) -> Sequence[float]:
        """By LPUSH and BLPOP."""
        command = [sys.executable, "-c", _CONSUMER, str(self._server.port), str(len(pauses))]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as consumer:
            assert consumer.stdout is not None
            consumer.stdout.readline()
            sent: list[int] = []
            for pause in pauses:
                time.sleep(pause)
                sent.append(time.time_ns())
                self._client.lpush("bench:word", TEXT)
            return [(int(line) - began) / 1e6 for began, line in zip(sent, consumer.stdout, strict=True)]

    def fill(self, url: str, count: int) -> str:
        with using(url):
            push_noops(count)
        return ""

    def last_ended(self, url: str) -> int:
        with self._plain(_number(url)) as client:
            last = client.xrevrange(f"{_PREFIX}:finished", count=1)
        return int(last[0][0].partition(b"-")[0]) if last else 0

    def ran(self, url: str, after: int, count: int) -> tuple[int, int, int]:
        with self._plain(_number(url)) as client:
            entries = client.xrange(f"{_PREFIX}:finished", min=after + 1, count=count)
        ids = [JobId(UUID(bytes=fields[b"i"][:16])) for _, fields in entries]
        some = [ids[start : start + BATCH] for start in range(0, len(ids), BATCH)]
        jobs = [job for each in some for job in app.driver.get(each) if job is not None]
        started = [job.started_at for job in jobs if job.started_at is not None]
        finished = [job.finished_at for job in jobs if job.finished_at is not None]
        return len(finished), min(started, default=0), max(finished, default=0)

    def size(self, url: str) -> int:
        del url
        used: int = self._client.info("memory")["used_memory"]
        return used

    def asked(self, url: str) -> int | None:
        del url
        # Commands that scripts run are part of the script: what counts is how often the server was spoken to.
        reads: int = self._client.info("stats")["total_reads_processed"]
        self._questions += 1
        return reads - self._questions

    def spent(self) -> float | None:
        told: Mapping[str, Mapping[str, float]] = self._client.info("commandstats")
        return float(told["cmdstat_evalsha"]["usec"])

    def _counters(self, url: str) -> dict[str, Any]:
        with self._plain(_number(url)) as client:
            return {
                key.decode(): {field: number for field, number in client.hgetall(key).items() if field != b"at"}
                for key in client.scan_iter(f"{_PREFIX}:counts:*")
            }

    def _plain(self, number: int) -> Any:
        return redis.Redis(port=self._server.port, db=number, protocol=2)


def _number(url: str) -> int:
    """The database that a URL names."""
    return int(url.rpartition("/")[2])
