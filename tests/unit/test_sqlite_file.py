"""The file of the SQLite driver: what it accepts, what it refuses, and how processes share it."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from conveyor import Conveyor
from conveyor.drivers.base import STEP, Driver
from conveyor.drivers.open import open_driver
from conveyor.errors import ConfigError, InvalidValue, SchemaMismatch, StoreFull, StoreUnavailable
from conveyor.failures import failure_of
from conveyor.ids import new_id
from conveyor.lifecycle import given_up
from conveyor.records import Filter, JobStatus, NewJob, Reason
from conveyor.retention import Retention
from conveyor.times import system_clock


def job(**fields: Any) -> NewJob:
    return NewJob(id=new_id(), queue="default", type="t", payload='{"n":1}', **fields)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "conveyor.db"


def opened(path: Path, query: str = "") -> Driver:
    return open_driver(f"sqlite:///{path}{query}")


def ready(driver: Driver) -> int:
    return sum(counts.ready for queue in driver.counts() for counts in queue.by_priority.values())


def run_python(script: str, *words: str, before: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    command = [*before, sys.executable, "-c", textwrap.dedent(script), *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


# ── URLs ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("sqlite://", "names no file"),
        ("sqlite:///", "names no file"),
        ("sqlite://host/file.db", "names no file"),
        ("sqlite:///:memory:", "memory://"),
        ("sqlite:///a.db?durability=some", "durability is 'some'"),
        ("sqlite:///a.db?timeout=-1", "timeout is '-1'"),
        ("sqlite:///a.db?timeout=soon", "timeout is 'soon'"),
        ("sqlite:///a.db?share=maybe", "share is 'maybe'"),
        ("sqlite:///a.db?color=red", "unknown option 'color'"),
        ("mysql://localhost", "no known scheme"),
        ("conveyor.db", "no known scheme"),
        ("http://[::1", "is no URL"),
        ("sqlite:///a%00b.db", "NUL"),
    ],
)
def test_a_bad_url_is_refused_and_named_before_anything_is_opened(
    url: str, named: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    with pytest.raises(ConfigError, match=named):
        open_driver(url)

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "url",
    [
        "mysql://user:secret@localhost/db",
        "mysql://localhost/db?password=secret",
        "mysql://localhost/db?user=ada&sslpassword=secret@1",
        "mysql://user:secret?secret@localhost/db",
        "mysql://[::1/db?password=secret",
        "localhost?password=secret",
    ],
)
def test_a_url_that_cannot_be_read_is_shown_without_its_secrets(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Conveyor(url).open()

    assert "secret" not in str(caught.value)


def test_a_relative_url_names_a_file_in_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    open_driver("sqlite:///here.db").close()

    assert (tmp_path / "here.db").is_file()


@pytest.mark.parametrize(("durability", "level"), [("normal", 1), ("full", 2)])
def test_durability_decides_whether_commits_are_synced(path: Path, durability: str, level: int) -> None:
    driver: Any = opened(path, f"?durability={durability}")

    assert driver._database._writer.execute("PRAGMA synchronous").fetchone() == (level,)

    driver.close()


# ── files that are not ours ──────────────────────────────────────────────────────────────────────────────────────────


def test_a_file_that_is_no_database_is_refused_and_left_alone(path: Path) -> None:
    path.write_bytes(b"this is a text file, and a long one at that" * 100)

    with pytest.raises(SchemaMismatch, match="not a SQLite database"):
        opened(path)

    assert path.read_bytes() == b"this is a text file, and a long one at that" * 100


def a_foreign_database(path: Path) -> sqlite3.Connection:
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE customer (name TEXT)")
    other.commit()
    return other


def test_a_database_of_another_application_is_refused_and_left_alone(path: Path) -> None:
    other = a_foreign_database(path)

    with pytest.raises(SchemaMismatch, match=r"'customer'.*\?share=true"):
        opened(path)

    assert other.execute("SELECT name FROM sqlite_master").fetchall() == [("customer",)]
    other.close()


def test_share_keeps_our_tables_beside_an_applications(path: Path) -> None:
    other = a_foreign_database(path)

    driver = opened(path, "?share=true")
    driver.push([job()])

    assert ready(driver) == 1
    assert other.execute("SELECT count(*) FROM customer").fetchone() == (0,)
    driver.close()
    other.close()


def test_a_newer_schema_is_refused(path: Path) -> None:
    opened(path).close()
    newer = sqlite3.connect(path)
    newer.execute("UPDATE conveyor_schema SET version = 99")
    newer.commit()
    newer.close()

    with pytest.raises(SchemaMismatch, match=r"version 99.*upgrade conveyor"):
        opened(path)


def test_a_missing_directory_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match=r"no directory .*/nowhere"):
        opened(tmp_path / "nowhere" / "conveyor.db")


def test_a_name_that_is_too_long_for_a_file_is_named(path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="name another file"):
        opened(path.with_name("x" * 300))


def test_a_directory_in_place_of_a_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="is a directory"):
        opened(tmp_path)


# Relative to the working directory, so that the way to it need not be open to that user. Root may write everywhere, so
# it first becomes nobody.
TRY_TO_PUSH = """
    import os, sys
    from conveyor.drivers.open import open_driver
    from conveyor.drivers.sqlite import driver
    from conveyor.errors import ConveyorError
    from conveyor.ids import new_id
    from conveyor.records import NewJob
    os.chdir(sys.argv[1])
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
    try:
        store = open_driver("sqlite:///conveyor.db")
        store.push([NewJob(id=new_id(), queue="default", type="t", payload="{}")])
    except ConveyorError as error:
        sys.exit(f"{type(error).__name__}: {error}")
"""


def test_a_directory_without_write_permission_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)

    ran = run_python(TRY_TO_PUSH, str(tmp_path))

    assert ran.stderr.startswith("StoreUnavailable: this user may not create files in"), ran.stderr


def test_a_file_without_write_permission_is_named(tmp_path: Path) -> None:
    opened(tmp_path / "conveyor.db").close()
    (tmp_path / "conveyor.db").chmod(0o444)
    tmp_path.chmod(0o777)

    ran = run_python(TRY_TO_PUSH, str(tmp_path))

    assert ran.stderr.startswith("StoreUnavailable: "), ran.stderr
    assert "conveyor.db cannot be opened; check that it is a file this user may read and write" in ran.stderr


def test_a_directory_that_may_not_be_entered_is_named(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o000)
    tmp_path.chmod(0o777)

    ran = run_python(TRY_TO_PUSH.replace("sqlite:///conveyor.db", "sqlite:///closed/conveyor.db"), str(tmp_path))

    assert ran.stderr.startswith("StoreUnavailable: closed/conveyor.db cannot be opened: Permission denied"), ran.stderr


def test_a_file_that_is_not_to_be_made_is_missed(path: Path) -> None:
    with pytest.raises(StoreUnavailable, match=r"conveyor\.db is not there any more; put it back"):
        open_driver(f"sqlite:///{path}", create=False)
    assert not path.exists()

    opened(path).close()
    open_driver(f"sqlite:///{path}", create=False).close()


@pytest.mark.parametrize("name", ["a b.db", "a?mode=ro.db", "a#b%20.db", "é.db"])
def test_any_name_of_a_file_will_do(tmp_path: Path, name: str) -> None:
    driver = open_driver(f"sqlite:///{quote(str(tmp_path / name))}")

    driver.push([job()])

    assert ready(driver) == 1
    assert (tmp_path / name).is_file()
    driver.close()


def test_a_program_may_leave_the_directory_of_its_relative_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "there").mkdir()
    monkeypatch.chdir(tmp_path)
    driver = open_driver("sqlite:///conveyor.db")

    monkeypatch.chdir("there")
    driver.push([job()])

    assert ready(driver) == 1
    assert list((tmp_path / "there").iterdir()) == []
    driver.close()


def test_a_relative_file_in_a_directory_that_was_removed_is_a_clear_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()

    with pytest.raises(StoreUnavailable, match=r"the working directory was removed, and conveyor\.db would be in it"):
        open_driver("sqlite:///conveyor.db")

    driver = opened(tmp_path / "conveyor.db")
    driver.push([job()])
    driver.close()


# ── a full disk ──────────────────────────────────────────────────────────────────────────────────────────────────────

FILL = """
    import sys
    from conveyor.drivers.open import open_driver
    from conveyor.errors import StoreFull
    from conveyor.ids import new_id
    from conveyor.records import NewJob
    store = open_driver(f"sqlite:///{sys.argv[1]}/conveyor.db")
    kept = 0
    try:
        while kept < 10_000:
            store.push([NewJob(id=new_id(), queue="default", type="t", payload="x" * 10_000)])
            kept += 1
    except StoreFull as error:
        (counts,) = store.counts()
        print(kept, counts.by_priority[500].ready, error)
"""


def test_a_full_disk_is_a_clear_error_and_what_was_pushed_stays(tmp_path: Path) -> None:
    small_disk = ("unshare", "--map-root-user", "--mount", "sh", "-c")
    mount = f'mount -t tmpfs -o size=2m none {tmp_path} && exec "$0" "$@"'

    ran = run_python(FILL, str(tmp_path), before=(*small_disk, mount))

    kept, counted, *message = ran.stdout.split(maxsplit=2) or ["", "", ran.stderr]
    assert kept == counted, message
    assert int(kept) > 10
    assert message[0].startswith("no room left on the disk of")


def test_a_database_that_may_not_grow_refuses_and_goes_on_once_it_may(path: Path) -> None:
    driver: Any = opened(path)
    (pages,) = driver._database._writer.execute("PRAGMA page_count").fetchone()
    # Outside a transaction: it is a setting of the connection.
    driver._database._writer.execute(f"PRAGMA max_page_count = {pages + 4}")

    with pytest.raises(StoreFull, match="no room left"):
        driver.push([job(), NewJob(id=new_id(), queue="default", type="t", payload="x" * 100_000)])
    assert ready(driver) == 0
    driver._database._writer.execute("PRAGMA max_page_count = 1000000")
    driver.push([job()])

    assert ready(driver) == 1
    driver.close()


# ── sharing the file ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_writer_that_does_not_let_go_is_a_clear_error_in_time(path: Path) -> None:
    driver = opened(path, "?timeout=0.2")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    began = time.monotonic()

    with pytest.raises(StoreUnavailable, match=r"kept .* locked for 0\.2 s"):
        driver.push([job()])

    assert 0.2 <= time.monotonic() - began < 5
    other.execute("ROLLBACK")
    driver.push([job()])
    assert ready(driver) == 1
    driver.close()
    other.close()


PUSH_AND_WORK = """
    import sys
    from conveyor.drivers.open import open_driver
    from conveyor.ids import new_id
    from conveyor.lifecycle import after_success
    from conveyor.records import NewJob
    store = open_driver(f"sqlite:///{sys.argv[1]}")
    for _ in range(150):
        store.push([NewJob(id=new_id(), queue="default", type="t", payload="{}")])
        claims = store.claim(["default"], limit=2, lease=60, worker=sys.argv[2])
        held = store.settle([after_success(claim, "null") for claim in claims])
        assert all(held)
    print("done")
"""


def test_many_processes_share_one_file_and_none_is_told_that_it_is_locked(path: Path) -> None:
    script = textwrap.dedent(PUSH_AND_WORK)
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(path), f"w{n}"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for n in range(6)
    ]

    said = [process.communicate(timeout=100) for process in processes]

    assert [out.strip() or err for out, err in said] == ["done"] * 6
    driver = opened(path)
    (counts,) = driver.counts()
    numbers = counts.by_priority[500]
    assert (numbers.pushed, numbers.completed + numbers.ready, numbers.processing) == (900, 900, 0)
    assert sum(len(page) for page in pages(driver)) == 900
    driver.close()


def pages(driver: Driver) -> list[list[Any]]:
    found: list[list[Any]] = []
    page = driver.find(Filter(), limit=200)
    while page.jobs:
        found.append(page.jobs)
        if page.next is None:
            break
        page = driver.find(Filter(), limit=200, cursor=page.next)
    return found


@pytest.mark.parametrize("how", ["plain", "joined"])
def test_an_interrupt_at_any_instant_of_a_push_stores_nothing_half_and_leaves_nobody_waiting(
    path: Path, how: str
) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "tests.unit.interrupted", str(path), "1500", how],
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )

    assert (ended.returncode, ended.stderr) == (0, "")


def test_a_push_from_the_midst_of_another_one_is_refused_at_once(path: Path) -> None:
    driver: Any = opened(path)

    def push_as_a_handler_of_signals_may(_writer: sqlite3.Connection) -> None:
        with pytest.raises(StoreUnavailable, match="in the midst of writing"):
            driver.push([job()])

    driver._database.write(push_as_a_handler_of_signals_may)

    driver.push([job()])
    assert ready(driver) == 1
    driver.close()


def test_a_push_that_fails_in_the_callers_transaction_leaves_nothing_there(path: Path) -> None:
    driver = opened(path)
    connection = sqlite3.connect(path)
    connection.execute("BEGIN IMMEDIATE")

    with pytest.raises(OverflowError):
        driver.push([job(), job(priority=2**70)], connection=connection)
    connection.commit()

    assert ready(driver) == 0
    connection.close()
    driver.close()


def test_a_claim_that_buries_many_lets_others_write_between_its_steps(path: Path) -> None:
    driver: Any = opened(path)
    commits: list[str] = []
    driver.push([job(expires_at=1) for _ in range(3 * STEP + 1)])
    writer = driver._database._writer

    def trace(text: str) -> None:
        if text == "COMMIT":
            commits.append(text)

    writer.set_trace_callback(trace)
    assert driver.claim(["default"], limit=1, lease=30, worker="w") == []
    writer.set_trace_callback(None)

    assert len(commits) >= 4
    assert driver.counts()[0].by_priority[500].dead == 3 * STEP + 1


def test_a_redrive_ends_although_all_that_it_brings_back_is_buried_before_its_next_step(path: Path) -> None:
    worker = opened(path)
    ids = worker.push([job() for _ in range(2 * STEP)])
    looks = 0

    def bury_all() -> int:
        nonlocal looks
        looks += 1
        while claims := worker.claim(["default"], limit=STEP, lease=30, worker="w"):
            worker.settle([given_up(claim, failure_of("it broke", claim)) for claim in claims])
        return system_clock()

    bury_all()
    driver = open_driver(f"sqlite:///{path}", clock=bury_all)

    assert driver.redrive(Filter()) == 2 * STEP

    assert looks == 4
    assert ready(driver) == 0
    redriven = driver.get(ids)
    worker.close()
    driver.close()
    assert all(job is not None and len(job.errors) == 2 for job in redriven[:STEP])


def test_what_two_workers_prune_at_once_is_pruned_once(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url, retention = f"sqlite:///{path}", Retention(finished_count=3)
    one: Any = open_driver(url, retention=retention)
    other = open_driver(url, retention=retention)
    one.cancel(one.push([job() for _ in range(5)]))
    look = one._database.read

    def look_and_be_slower(*statement: Any) -> Any:
        seen = look(*statement)
        other.tend()
        return seen

    monkeypatch.setattr(one._database, "read", look_and_be_slower)
    one.tend()

    assert len(other.find(Filter()).jobs) == 3


def test_many_threads_share_one_driver(path: Path) -> None:
    driver = opened(path)
    errors: list[BaseException] = []

    def push_some() -> None:
        try:
            for _ in range(50):
                driver.push([job()])
                driver.counts()
        except BaseException as error:  # noqa: BLE001 - whatever it is, the test shows it
            errors.append(error)

    threads = [threading.Thread(target=push_some) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert errors == []
    assert ready(driver) == 400
    driver.close()


def test_a_first_use_by_many_processes_at_once_makes_one_schema(path: Path) -> None:
    script = f"from conveyor.drivers.open import open_driver; open_driver('sqlite:///{path}').close(); print('ok')"
    processes = [
        subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for _ in range(8)
    ]

    assert [process.communicate(timeout=60)[0].strip() for process in processes] == ["ok"] * 8


# ── joining the caller's transaction ─────────────────────────────────────────────────────────────────────────────────


def test_a_push_in_the_callers_transaction_exists_when_it_commits(path: Path) -> None:
    a_foreign_database(path).close()
    driver = opened(path, "?share=true")
    mine = sqlite3.connect(path)

    mine.execute("INSERT INTO customer VALUES ('Ada')")
    driver.push([job()], connection=mine)
    before = ready(driver)
    mine.commit()

    assert (before, ready(driver)) == (0, 1)
    driver.close()
    mine.close()


def test_a_first_push_in_the_callers_transaction_needs_the_tables_and_says_so_at_once(path: Path) -> None:
    app = Conveyor(f"sqlite:///{path}?share=true")
    work = app.job("work")(print)
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE orders (id)")
    connection.execute("INSERT INTO orders VALUES (1)")
    assert connection.in_transaction

    begun = time.monotonic()
    with pytest.raises(
        StoreUnavailable, match=r"cannot be made while .* transaction open; call app\.open\(\) before it"
    ):
        app.push(work.call(), connection=connection)
    assert time.monotonic() - begun < 5

    connection.rollback()
    app.open()
    connection.execute("INSERT INTO orders VALUES (1)")
    app.push(work.call(), connection=connection)
    connection.commit()
    assert ready(app.driver) == 1
    app.close()
    connection.close()


def test_a_first_push_in_the_callers_transaction_finds_tables_that_are_there(path: Path) -> None:
    opened(path, "?share=true").close()
    app = Conveyor(f"sqlite:///{path}?share=true")
    work = app.job("work")(print)
    connection = sqlite3.connect(path)
    connection.execute("BEGIN IMMEDIATE")

    app.push(work.call(), connection=connection)
    connection.commit()

    assert ready(app.driver) == 1
    app.close()
    connection.close()


def test_a_push_in_the_callers_transaction_is_gone_when_it_rolls_back(path: Path) -> None:
    driver = opened(path)
    mine = sqlite3.connect(path)

    driver.push([job(), job()], connection=mine)
    mine.rollback()

    assert ready(driver) == 0
    assert driver.find(Filter()).jobs == []
    driver.close()
    mine.close()


@pytest.mark.skipif(sys.version_info < (3, 12), reason="autocommit=True came with Python 3.12")
def test_a_connection_whose_commit_does_nothing_is_joined_only_in_a_transaction_of_its_own(path: Path) -> None:
    driver = opened(path)
    autocommit: dict[str, Any] = {"autocommit": True}
    mine = sqlite3.connect(path, **autocommit)

    with pytest.raises(InvalidValue, match="no transaction open"):
        driver.push([job()], connection=mine)
    mine.execute("BEGIN")
    driver.push([job()], connection=mine)
    mine.execute("COMMIT")

    assert ready(driver) == 1
    driver.close()
    mine.close()


def test_a_connection_that_cannot_be_joined_is_named(path: Path, tmp_path: Path) -> None:
    driver = opened(path)
    elsewhere = sqlite3.connect(tmp_path / "other.db")
    in_memory = sqlite3.connect(":memory:")
    autocommit = sqlite3.connect(path, isolation_level=None)

    with pytest.raises(InvalidValue, match=r"other\.db, the store is"):
        driver.push([job()], connection=elsewhere)
    with pytest.raises(InvalidValue, match="a database in memory"):
        driver.push([job()], connection=in_memory)
    with pytest.raises(InvalidValue, match="no transaction open"):
        driver.push([job()], connection=autocommit)
    with pytest.raises(InvalidValue, match=r"joins the transaction of a sqlite3\.Connection"):
        driver.push([job()], connection="conveyor.db")

    assert ready(driver) == 0
    for connection in (elsewhere, in_memory, autocommit):
        connection.close()
    driver.close()


# ── damage ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_payload_that_is_no_text_is_buried_with_its_bytes_and_stops_nobody_else(path: Path) -> None:
    driver = opened(path)
    good, bad = job(), job()
    driver.push([bad, good])
    hand = sqlite3.connect(path)
    hand.execute("UPDATE conveyor_job SET payload = CAST(x'ff00fe' AS TEXT) WHERE id = ?", (str(bad.id),))
    hand.commit()
    hand.close()

    claims = driver.claim(["default"], limit=10, lease=30, worker="w")

    assert [claim.id for claim in claims] == [good.id]
    (dead,) = driver.find(Filter(statuses=(JobStatus.FAILED,))).jobs
    assert (dead.id, dead.reason, dead.payload) == (bad.id, Reason.UNREADABLE, "FF00FE")
    assert "not UTF-8" in dead.errors[-1].message
    assert [(c.ready, c.processing, c.dead) for c in driver.counts()[0].by_priority.values()] == [(0, 1, 1)]
    driver.close()


def move_away(path: Path) -> Path:
    away = path.parent / "away"
    away.mkdir()
    for file in path.parent.glob(f"{path.name}*"):
        file.rename(away / file.name)
    return away / path.name


def test_a_file_that_is_removed_while_it_is_open_is_missed_at_once(path: Path) -> None:
    driver = opened(path)
    away = move_away(path)

    with pytest.raises(StoreUnavailable, match="was removed while it was open; put it back"):
        driver.push([job()])
    with pytest.raises(StoreUnavailable, match="was removed while it was open"):
        driver.wait(["default"], 1)
    for file in away.parent.iterdir():
        file.rename(path.parent / file.name)
    driver.push([job()])

    assert ready(driver) == 1
    driver.close()


def test_a_file_that_is_put_in_the_place_of_an_open_one_is_used_from_then_on(path: Path) -> None:
    driver = opened(path)
    move_away(path)
    other = opened(path)
    other.push([job()])

    # A look finds it as a push does: a worker looks for what its dead children held.
    assert ready(driver) == 1
    driver.push([job()])

    assert (ready(driver), ready(other)) == (2, 2)
    driver.close()
    other.close()


def test_a_closed_driver_says_so(path: Path) -> None:
    driver = opened(path)
    driver.close()
    driver.close()

    with pytest.raises(StoreUnavailable, match="is closed"):
        driver.push([job()])
    with pytest.raises(StoreUnavailable, match="is closed"):
        driver.counts()
    assert os.path.exists(path)  # noqa: PTH110


def test_a_wait_that_begins_while_its_driver_is_closed_is_told_so(tmp_path: Path) -> None:
    with ThreadPoolExecutor(1) as pool:
        for number in range(100):
            driver = opened(tmp_path / f"{number}.db")
            begun = threading.Event()

            def wait(driver: Driver = driver, begun: threading.Event = begun) -> bool:
                begun.set()
                return driver.wait(["default"], 20)

            waiting = pool.submit(wait)
            begun.wait()
            driver.close()

            with pytest.raises(StoreUnavailable, match="closed"):
                waiting.result(10)
