"""The keys that a Redis server holds: those of the reference, no others, and nothing of what has been pruned."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import pytest

from conveyor.drivers.base import Driver
from conveyor.drivers.open import open_driver
from conveyor.drivers.redis.misfit import TYPES
from conveyor.errors import SchemaMismatch
from conveyor.lifecycle import after_failure, after_success, handed_back, held
from conveyor.measures import JobMetrics
from conveyor.records import ClaimKey, JobId, NewJob, Progress, ScheduleRecord, Slot, WorkerRecord
from conveyor.retention import Retention
from conveyor.retry import NoRetry
from tests import servers, topologies
from tests.contract.stores import START, FakeClock, a_failure, a_job, take, take_one
from tests.servers import Server

PAGE: Final = Path(__file__).parents[2] / "docs" / "reference" / "redis-keys.md"
NUMBER: Final = 1000
"""Entries of each key: what it takes by itself is nothing beside them."""
ARGUMENTS: Final = '{"number":123456,"text":"' + "x" * 100 + '"}'
DAY: Final = 86_400


@dataclass
class Row:
    """A line of the page."""

    name: str
    type: str
    least: float
    most: float
    """Bytes for one entry."""
    form: re.Pattern[str] = field(init=False)

    def allows(self, size: float, *, are_many: bool) -> bool:
        """Whether that is what the page says, give or take what differs from one release of a server to the next."""
        return (not are_many or self.least / 1.4 <= size) and size <= 1.4 * self.most

    def __post_init__(self) -> None:
        self.form = re.compile(re.sub("<[a-z]+>", "[0-9]+", self.name.removeprefix("conveyor:")))


def rows() -> Iterator[Row]:
    """What the page says of each key."""
    for line in PAGE.read_text("utf-8").splitlines():
        if line.startswith("| `conveyor:"):
            name, type, _, size = (cell.strip() for cell in line.strip("|").split("|"))
            least, *more = map(float, re.findall(r"[0-9]+", size.partition(",")[0]))
            over = len(ARGUMENTS) if "and the arguments" in size else 0
            yield Row(name.strip("`"), type, over + least, over + (more[0] if more else least))


PROGRAMS: Final = {"valkey": servers.valkey, **({"redis": servers.system_redis} if servers.SYSTEM else {})}


@pytest.fixture(params=PROGRAMS)
def server(request: pytest.FixtureRequest) -> Server:
    return PROGRAMS[request.param]()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def url(server: Server) -> str:
    return server.url()


@pytest.fixture
def driver(url: str, clock: FakeClock) -> Generator[Driver]:
    opened = open_driver(url, clock=clock)
    yield opened
    opened.close()


class Keys:
    """What lies under a prefix on a server."""

    def __init__(self, server: Server, url: str) -> None:
        self.server: Any = server.client()
        self.prefix = url.rpartition("prefix=")[2].partition("&")[0] + ":"
        self._base = re.compile(rf"{self.prefix}|{{{self.prefix}[0-9]+}}:")
        """What the names of keys begin with, without partitions and with them."""
        self.seen: dict[str, list[tuple[str, int, float]]] = {}
        """Of each key that was there when `look` was called: its type, how many entries it has, the size of one."""

    @property
    def names(self) -> list[str]:
        found = (key.decode() for key in self.server.scan_iter(match=f"*{self.prefix}*", count=1000))
        return [key for key in found if self._base.match(key)]

    def plain(self, key: str) -> str:
        """A key's name without that of the store and the partition."""
        return self._base.sub("", key)

    def look(self) -> None:
        """Take notes."""
        for key in self.names:
            type = self.server.type(key).decode()
            words = {"hash": "HLEN", "zset": "ZCARD", "set": "SCARD", "stream": "XLEN"}
            entries = self.server.execute_command(words[type], key) if type in words else 1
            if entries:
                size = self.server.memory_usage(key, samples=0) / entries
                self.seen.setdefault(self.plain(key), []).append((type, entries, size))
            assert self.server.ttl(key) == -1, f"{key} has a time to live"

    def bytes(self) -> Iterator[tuple[str, bytes]]:
        """Every key with everything in it."""
        for key in self.names:
            match self.server.type(key).decode():
                case "hash":
                    found: Any = self.server.hgetall(key)
                case "zset":
                    found = self.server.zrange(key, 0, -1)
                case "set":
                    found = self.server.smembers(key)
                case "stream":
                    found = self.server.xrange(key)
                case _:
                    found = self.server.get(key)
            yield key, b" ".join(_flat(found))


def _flat(found: Any) -> Iterator[bytes]:
    if isinstance(found, bytes):
        yield found
    elif found is not None:
        for each in getattr(found, "items", found.__iter__)():
            yield from _flat(each)


@pytest.fixture
def keys(server: Server, url: str) -> Keys:
    return Keys(server, url)


def some(queue: str = "a", **fields: Any) -> list[NewJob]:
    return [a_job(queue, payload=ARGUMENTS, **fields) for _ in range(NUMBER)]


def live(driver: Driver, clock: FakeClock, keys: Keys) -> None:
    """Let there be everything, of each so many."""
    driver.push(some())
    keys.look()
    driver.push([a_job("u", unique=f"user:{number:06}", payload=ARGUMENTS) for number in range(NUMBER)])
    driver.push(some("later", delay=60.0, expires=600.0))
    driver.push([a_job("s", payload=ARGUMENTS, slot=Slot(f"report:{number:06}", START)) for number in range(NUMBER)])
    claims = take(driver, "a", limit=NUMBER, worker="host-12345-abcdef/0")
    for claim in claims:
        driver.write_progress(ClaimKey(claim.id, claim.attempt), Progress(current=12, total=100, message="row 12"))
    driver.cancel([claim.id for claim in claims])
    keys.look()
    driver.settle([handed_back(claim) for claim in claims])
    driver.push(some("back"))
    driver.settle([handed_back(claim) for claim in take(driver, "back", limit=NUMBER)])
    driver.settle([held(claim, "nobody knows it") for claim in take(driver, "s", limit=NUMBER)])
    driver.push(some("done"))
    driver.settle([after_success(claim, '"sent"') for claim in take(driver, "done", limit=NUMBER)])
    driver.settle([after_failure(claim, a_failure(claim), NoRetry()) for claim in take(driver, "u", limit=NUMBER)])
    for number in range(NUMBER):
        name = f"host-{number:05}-abcdef"
        queues, children = ("default", "emails"), (f"{name}/0", f"{name}/1")
        driver.beat(
            WorkerRecord(
                name=name, host="host", pid=number, started_at=START, queues=queues, state="running", children=children
            )
        )
        driver.acquire_lock(f"report:{number:06}", "host-12345-abcdef/0", 60.0)
        driver.add_schedule(ScheduleRecord(name=f"report:{number:06}", handled_at=START))
        driver.write_memo(f"memo:{number:06}", "x" * 50)
        driver.pause(f"queue-{number:06}")
        held_type = a_job("t", payload=ARGUMENTS, type=f"type-{number:06}")
        driver.push([held_type])
        driver.settle([held(take_one(driver, "t"), "nobody knows it")])
    buckets = dict.fromkeys(range(40, 60), 3)
    minutes = [START // 60_000_000 + number for number in range(NUMBER)]
    driver.add_metrics([metrics(minute, "t", buckets) for minute in minutes])
    driver.add_metrics([metrics(minutes[0], f"type-{number:06}", buckets) for number in range(NUMBER)])
    driver.wait([f"queue-{number:06}" for number in range(NUMBER)], 0)
    keys.look()
    for second in range(NUMBER):
        clock.step(2)
        job_id = JobId(UUID(int=(START // 1000 + 2000 * second) << 80 | 7 << 76 | 2 << 62 | 1))
        driver.push([a_job("spread", payload=ARGUMENTS, id=job_id)])
    keys.look()


def spread(driver: Driver, keys: Keys) -> None:
    """Let letters for one partition wait in the other, because that one takes nothing just now."""
    driver.push(some())
    claims = take(driver, limit=NUMBER)
    sequence = max(name for name in keys.names if name.endswith(":sequence"))
    keys.server.rename(sequence, f"{sequence}-aside")
    keys.server.rpush(sequence, "a stranger's")
    with pytest.raises(SchemaMismatch):
        driver.settle([after_success(claim, None, follow_ups=(a_job(payload=ARGUMENTS),)) for claim in claims])
    keys.server.rename(f"{sequence}-aside", sequence)
    keys.look()
    while driver.tend().more:
        pass
    keys.look()


def metrics(minute: int, type: str, buckets: dict[int, int]) -> JobMetrics:
    return JobMetrics(
        minute=minute, type=type, queue="default", completed=60, duration_us=10**6, buckets=buckets, waits=buckets
    )


def test_the_reference_names_every_key_with_its_type_and_what_an_entry_takes(
    server: Server, url: str, driver: Driver, clock: FakeClock, keys: Keys
) -> None:
    documented = list(rows())
    partitions = open_driver(f"{url}-spread&partitions=2", clock=clock)
    spread_keys = Keys(server, f"{url}-spread")

    live(driver, clock, keys)
    spread(partitions, spread_keys)

    found: dict[str, list[tuple[str, int, float]]] = {}
    for name, notes in [*keys.seen.items(), *spread_keys.seen.items()]:
        named = [row.name for row in documented if row.form.fullmatch(name)]
        assert len(named) == 1, f"{name} is in the reference {len(named)} times"
        found.setdefault(named[0], []).extend(notes)
    assert sorted(found) == sorted(row.name for row in documented)
    types = {"zset": "sorted set"}
    for row in documented:
        assert {types.get(type, type) for type, _, _ in found[row.name]} == {row.type}, row.name
    for row in documented:
        notes = found[row.name]
        # Servers keep few entries more tightly than many.
        most = max(entries for _, entries, _ in notes)
        size = round(min(size for _, entries, size in notes if entries >= min(NUMBER, most)))
        assert row.allows(size, are_many=most >= NUMBER), f"an entry of {row.name} takes {size} bytes"
    partitions.close()


def test_the_guide_gives_a_user_the_permissions_that_the_tests_find_to_be_enough() -> None:
    guide = PAGE.parents[1] / "howto" / "move-to-redis.md"

    (rules,) = re.findall(
        r"^ACL SETUSER shop on >SECRET ~conveyor\* &conveyor:\* (.+)$", guide.read_text("utf-8"), re.MULTILINE
    )

    assert tuple(rules.split()) == servers.PERMISSIONS


# ── pruning ──────────────────────────────────────────────────────────────────────────────────────────────────────────

BOOKS: Final = {"schema", "sequence", "queues", "types", "names", "counts"}
"""What is kept of a queue for ever: numbers and counters."""


def end_some(driver: Driver, clock: FakeClock, word: str) -> list[JobId]:
    """Let jobs end in every way there is, the word in everything that is theirs; answer their ids."""
    new = [
        a_job(queue, payload=f'["{word}"]', options=f'{{"metadata":{{"tags":["{word}"]}}}}', unique=f"{word}-{number}")
        for queue in ("done", "broken", "stopped")
        for number in range(3)
    ]
    new += [a_job("done", payload=f'["{word}"]', slot=Slot(word, START)), a_job("late", payload=word, expires=5.0)]
    driver.push(new)
    for claim in take(driver, "done", "broken", worker=word):
        driver.write_progress(ClaimKey(claim.id, claim.attempt), Progress(current=1, message=word))
        driver.settle(
            [after_success(claim, f'"{word}"')]
            if claim.queue == "done"
            else [after_failure(claim, a_failure(claim, word), NoRetry())]
        )
    driver.cancel([job.id for job in new if job.queue == "stopped"])
    clock.step(6)
    driver.tend()
    return [job.id for job in new]


def traces(everywhere: list[Keys], ids: list[JobId], word: str) -> list[str]:
    """The keys in which something of these jobs is left; a record's field has the last 12 bytes of its id."""
    wanted = [word.encode(), *[id.bytes[4:] for id in ids]]
    return [
        keys.plain(key) for keys in everywhere for key, held in keys.bytes() if any(each in held for each in wanted)
    ]


PLACES: Final[dict[str, Callable[[], tuple[str, list[Server]]]]] = {
    **{name: lambda server=server: (server().url(), [server()]) for name, server in PROGRAMS.items()},  # type: ignore[misc]
    "partitions": lambda: (servers.valkey().url(partitions=3), [servers.valkey()]),
    "cluster": lambda: (topologies.cluster().url(partitions=2), topologies.cluster().servers),
}
"""A new store of each kind, and all servers that have some of its keys."""


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest) -> tuple[str, list[Keys]]:
    url, where = PLACES[request.param]()
    return url, [Keys(server, url) for server in where]


def test_what_was_pruned_by_its_age_is_in_no_key(place: tuple[str, list[Keys]], clock: FakeClock) -> None:
    url, everywhere = place
    driver = open_driver(url, clock=clock, retention=Retention(finished_age=60, dead_age=60, metrics_age=60))
    ids = end_some(driver, clock, "traceable")
    driver.add_metrics([metrics(START // 60_000_000, "traceable", {1: 1})])
    driver.beat(WorkerRecord(name="traceable", host="h", pid=1, started_at=START, queues=("a",), state="running"))
    assert len(traces(everywhere, ids, "traceable")) > 10
    clock.step(3 * DAY)

    while driver.tend().more:
        pass

    assert traces(everywhere, ids, "traceable") == []
    # A stream stays when it is empty.
    left = {keys.plain(name).partition(":")[0] for keys in everywhere for name, held in keys.bytes() if held}
    assert left - {"partitions"} == BOOKS
    driver.close()


def test_what_was_pruned_by_number_is_in_no_key(place: tuple[str, list[Keys]], clock: FakeClock) -> None:
    url, everywhere = place
    driver = open_driver(url, clock=clock, retention=Retention(finished_count=7, dead_count=4))
    ids = [*end_some(driver, clock, "traceable"), *end_some(driver, clock, "traceable")]

    driver.tend()

    gone = [id for id, job in zip(ids, driver.get(ids), strict=True) if job is None]
    assert len(gone) == len(ids) - 11
    # But for the slots, which say for a day that their moments have had their jobs.
    assert set(traces(everywhere, gone, "nothing has this word")) <= {"slots"}
    driver.close()
    driver = open_driver(url, clock=clock, retention=Retention(finished_count=0, dead_count=0))
    driver.tend()
    assert set(traces(everywhere, ids, "traceable")) == {"slots", "slot-times"}
    driver.close()


def test_a_key_of_another_type_is_known_as_such_by_what_the_page_says() -> None:
    words = {"sorted set": "zset"}

    said = {row.name.removeprefix("conveyor:"): words.get(row.type, row.type) for row in rows()}

    assert {name.partition("<")[0]: type for name, type in said.items()} == TYPES
