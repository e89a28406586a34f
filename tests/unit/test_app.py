from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import conveyor
from conveyor import (
    Codec,
    ConfigError,
    Conveyor,
    ExponentialBackoff,
    InvalidValue,
    Job,
    JobNotFound,
    JobPayload,
    JobStatus,
    PayloadError,
    Retention,
    Signed,
)
from conveyor.ids import new_id
from tests.unit.test_aio import in_child


@dataclass
class SendInvoice:
    number: int

    def handle(self) -> int:
        return self.number


def with_job(app: Conveyor) -> tuple[Conveyor, Job[..., int]]:
    @app.job("work")
    def work(number: int) -> int:
        return number

    app.job("invoice.send")(SendInvoice)
    return app, work


# ── settings ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"codec": Signed}, "; give a codec such as Signed(keys)"),
        ({"codec": "signed"}, "codec is 'signed'; give a codec such as Signed(keys)"),
        ({"payload_limit": 0}, "payload_limit is 0; give bytes as a whole number from 1 up"),
        ({"payload_limit": "1M"}, "payload_limit is '1M'; give bytes"),
        ({"retry": ExponentialBackoff}, "give a strategy such as ExponentialBackoff(max_attempts=5)"),
        ({"queue": "a b"}, "queue name is 'a b'; give 1 to 100 letters"),
        ({"timeout": 0}, "timeout is 0; give more than 0 seconds"),
        ({"aging": -1}, "aging is -1; give a duration from 0 seconds"),
    ],
)
def test_a_setting_that_breaks_its_rule_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        Conveyor(**settings)

    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("conveyor.db", "'conveyor.db'"),
        ("redis:/ada:secret@example.org", "'…@example.org'"),
        (Path("conveyor.db"), "PosixPath('conveyor.db')"),
        (7, "7"),
    ],
)
def test_what_is_no_url_is_refused(url: Any, shown: str) -> None:
    with pytest.raises(ConfigError) as refused:
        Conveyor(url)

    assert str(refused.value) == f"url is {shown}; give a store URL such as sqlite:///conveyor.db"


def test_making_an_application_reads_and_opens_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONVEYOR_URL", "nonsense://")

    app, _ = with_job(Conveyor())

    assert app.url == "nonsense://"
    with pytest.raises(
        ConfigError, match=r"^the store URL 'nonsense://' begins with no known scheme; known are memory://"
    ):
        app.queue("default").size()


def test_the_url_is_found_when_the_store_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CONVEYOR_URL", raising=False)
    app, work = with_job(Conveyor())
    (tmp_path / "conveyor.toml").write_text('url = "sqlite:///shop.db"\n', encoding="utf-8")
    monkeypatch.chdir(tmp_path)

    work.push(7)
    app.close()

    assert (tmp_path / "shop.db").exists()


def test_the_url_can_be_set_until_the_store_is_open() -> None:
    app, work = with_job(Conveyor("memory://first"))

    app.url = "memory://second"
    work.push(7)

    assert (app.url, app.driver.url) == ("memory://second", "memory://second")
    with pytest.raises(ConfigError, match=r"^the store memory://second is open already; set the URL before"):
        app.url = "memory://third"
    with pytest.raises(ConfigError, match="url is 'third'"):
        Conveyor().url = "third"


def test_strict_priority_and_retention_reach_the_store() -> None:
    app, work = with_job(Conveyor("memory://", aging=None, retention=Retention(finished_count=0)))
    queue = app.queue("default")
    low, high = queue.push(JobPayload(work.call(1), priority="low")), work.push(2)

    popped = queue.pop()

    assert popped is not None
    assert popped.id == high.id
    queue.complete(popped)
    app.driver.tend()
    with pytest.raises(JobNotFound):
        high.refresh()
    assert low.status is JobStatus.PENDING


def test_a_closed_application_opens_its_store_again_when_needed(tmp_path: Path) -> None:
    app, work = with_job(Conveyor(f"sqlite:///{tmp_path}/conveyor.db"))
    handle = work.push(7)
    asyncio.run(work.apush(8))

    app.close()
    app.close()

    assert handle.status is JobStatus.PENDING
    assert asyncio.run(handle.astatus()) is JobStatus.PENDING
    app.close()


# ── push ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_an_application_pushes_goes_where_payload_or_type_say(app: Conveyor) -> None:
    _, work = with_job(app)

    handles = [
        app.push(work.call(7)),
        app.push(SendInvoice(8)),
        app.push(JobPayload(SendInvoice(9), queue="billing")),
        *app.push_many([work.call(7), JobPayload.immediate(SendInvoice(9))]),
        asyncio.run(app.apush(SendInvoice(9))),
        *asyncio.run(app.apush_many([SendInvoice(9)])),
    ]

    assert [handle.info.queue for handle in handles] == ["default", "default", "billing", *["default"] * 4]
    assert app.push_many([]) == []


def test_a_function_that_is_no_job_is_not_pushed(app: Conveyor) -> None:
    _, work = with_job(app)

    for unfit in (len, work, SendInvoice, None):
        job: Any = unfit
        with pytest.raises(InvalidValue, match=r"^job is .*; give a call such as send_welcome\.call\(7\), or"):
            app.push(job)


def test_prepare_answers_what_push_would_store(app: Conveyor) -> None:
    _, work = with_job(app)

    new = app.prepare(work.call(7), "billing", parent=(parent := new_id()))

    assert (new.type, new.queue, new.payload) == ("work", "billing", '{"number":7}')
    assert str(parent) in new.options
    assert app.queue("billing").size() == 0


def test_a_handle_is_made_of_any_id(app: Conveyor) -> None:
    _, work = with_job(app)
    handle = work.push(7)

    assert app.handle(str(handle.id)).info == handle.info
    with pytest.raises(InvalidValue, match=r"^id is 'x'; give a UUID"):
        app.handle("x")


def test_a_push_may_join_a_transaction_of_ones_own(tmp_path: Path) -> None:
    app, work = with_job(Conveyor(f"sqlite:///{tmp_path}/conveyor.db"))
    queue = app.queue("default")
    assert queue.size() == 0

    def push_all(connection: sqlite3.Connection) -> None:
        app.push(SendInvoice(1), connection=connection)
        queue.push_many([SendInvoice(2), work.call(3)], connection=connection)
        work.options(connection=connection).push(4)
        work.options(connection=connection, priority="low").push_many([(5,), (6,)])

        async def push() -> None:
            await app.apush(SendInvoice(7), connection=connection)
            await work.options(connection=connection).apush(8)

        asyncio.run(push())

    with closing(sqlite3.connect(tmp_path / "conveyor.db")) as connection:
        push_all(connection)
        assert queue.size() == 0
        connection.rollback()
        assert queue.size() == 0
        push_all(connection)
        connection.commit()

    assert queue.size() == 8
    app.close()


def test_a_connection_that_the_store_cannot_join_is_refused(tmp_path: Path) -> None:
    app, work = with_job(Conveyor(f"sqlite:///{tmp_path}/conveyor.db"))

    with pytest.raises(InvalidValue, match=r"^connection is 7; "):
        work.options(connection=7).push(7)

    app.close()


# ── codecs ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_payloads_and_results_pass_the_codec_on_their_way() -> None:
    key = {"k1": b"0123456789abcdef0123456789abcdef"}
    signing: Codec = Signed(key)
    app, work = with_job(Conveyor("memory://signed", codec=signing))
    reader = Conveyor("memory://signed", codec=Signed(key))
    handle, queue = app.push(work.call(7)), app.queue("default")

    payload = queue.pop()

    assert payload is not None
    assert payload.job == work.call(7)
    assert handle.info.payload != '{"number":7}'
    queue.complete(payload, 7)
    assert handle.info.result != "7"
    assert handle.result(0) == reader.handle(handle.id).result(0) == 7


def test_a_payload_signed_for_one_job_is_no_payload_of_another() -> None:
    app, work = with_job(Conveyor("memory://", codec=Signed({"k1": b"0123456789abcdef0123456789abcdef"})))
    other = app.job("other")(work.job_type.function)

    with pytest.raises(PayloadError):
        other.job_type.load(work.job_type.dump((7,), {}))


def test_a_signed_result_is_no_payload_of_its_own_job() -> None:
    app, work = with_job(Conveyor("memory://", codec=Signed({"k1": b"0123456789abcdef0123456789abcdef"})))
    result = work.job_type.dump_result({"number": 7})

    assert work.job_type.load_result(result) == {"number": 7}
    with pytest.raises(PayloadError, match="signature does not hold"):
        work.job_type.load(result)
    app.close()


# ── forks ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_forked_child_opens_a_store_of_its_own(tmp_path: Path) -> None:
    app, work = with_job(Conveyor(f"sqlite:///{tmp_path}/conveyor.db"))
    work.push(1)
    before = id(app.driver)

    answer = in_child(lambda: f"{id(app.driver) == before} {work.push(2).status}")

    assert answer == "False pending"
    assert (id(app.driver), app.queue("default").size()) == (before, 2)
    app.close()


def test_a_child_forked_while_the_store_is_being_opened_is_not_stuck() -> None:
    app, work = with_job(Conveyor("memory://"))

    with app._lock:
        answer = in_child(lambda: str(work.push(1).status))

    assert answer == "pending"


def test_a_childs_end_does_not_touch_its_parents_store(tmp_path: Path) -> None:
    code = f"""
import os, sys
from conveyor import Conveyor
app = Conveyor("sqlite:///{tmp_path}/conveyor.db")
@app.job("work")
def work(number: int) -> None: ...
work.push(1)
if os.fork() == 0:
    sys.exit(0)  # the whole of Python's end, not os._exit
os.wait()
print(os.path.exists("{tmp_path}/conveyor.db-wal"), work.push(2).status, app.queue("default").size())
"""

    run = subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, capture_output=True, text=True)

    assert (run.stdout.split(), run.stderr) == (["True", "pending", "2"], "")


# ── names ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_public_name_is_there_and_they_are_sorted() -> None:
    assert conveyor.__all__ == sorted(conveyor.__all__)
    assert set(conveyor.__all__) == set(conveyor._HOMES) <= set(dir(conveyor))
    for name in conveyor.__all__:
        assert getattr(conveyor, name).__name__ == name


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'conveyor' has no attribute 'Convoy'"):
        conveyor.Convoy  # type: ignore[attr-defined]  # noqa: B018  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnusedExpression] - the point


def test_pushing_needs_no_event_loop_no_thread_pool_and_no_command_line(tmp_path: Path) -> None:
    code = f"""
import sys
from conveyor import *
app = Conveyor("sqlite:///{tmp_path}/conveyor.db")
@app.job
def work(number: int) -> int: ...
work.push(7).status
app.queue("default").pop()
heavy = ("asyncio", "concurrent.futures", "click", "rich", "psutil", "logging", "tomllib", "conveyor.drivers.memory")
print([name for name in heavy if name in sys.modules])
"""

    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)

    assert run.stdout.strip() == "[]"


def test_importing_conveyor_alone_imports_none_of_its_parts() -> None:
    code = "import conveyor, sys; print([name for name in sys.modules if name.startswith('conveyor.')])"

    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)

    assert run.stdout.strip() == "[]"
