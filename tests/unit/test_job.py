from __future__ import annotations

import asyncio
import dataclasses
import functools
import inspect
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import attrs
import msgspec
import pydantic
import pytest

from conveyor import (
    AsyncJob,
    Conveyor,
    DuplicateJobType,
    ExponentialBackoff,
    InvalidValue,
    Job,
    JobCall,
    JobPayload,
    JobStatus,
    NoRetry,
    PayloadError,
    Priority,
    StoredJob,
    UnknownJobType,
)
from conveyor.signals import JobTimeout
from tests.contract.stores import START, FakeClock

NOON = datetime(2027, 7, 1, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Address:
    city: str


@dataclass(frozen=True)
class SendInvoice:
    invoice_id: UUID
    amount: Decimal

    def handle(self) -> dict[str, str]:
        return {"sent": str(self.amount)}


class StructJob(msgspec.Struct):
    when: datetime

    def handle(self) -> str:
        return self.when.isoformat()


@attrs.frozen
class AttrsJob:
    address: Address

    async def handle(self) -> str:
        return self.address.city


class ModelJob(pydantic.BaseModel):
    names: set[str]

    def handle(self) -> list[str]:
        return sorted(self.names)


def waiting(app: Conveyor, queue: str = "default") -> list[StoredJob]:
    """The ready jobs of a queue, next first."""
    return app.driver.peek(queue, 1000)


# ── registration ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_job_keeps_what_it_was_registered_with(app: Conveyor, send_welcome: Job[..., Any]) -> None:
    job_type = app.job_types["email.welcome"]

    assert job_type is send_welcome.job_type
    assert (send_welcome.name, job_type.queue, job_type.priority) == ("email.welcome", "emails", Priority.HIGH)
    assert (job_type.timeout, job_type.retry, job_type.max_crashes) == (30.0, ExponentialBackoff(max_attempts=5), 3)
    assert (job_type.is_async, job_type.is_class, job_type.at_most_once, job_type.expires) == (
        False,
        False,
        False,
        None,
    )


def test_a_job_is_as_its_application_says_where_it_says_nothing() -> None:
    app = Conveyor("memory://", queue="slow", timeout=timedelta(minutes=1), retry=NoRetry())

    @app.job
    def work() -> None: ...

    assert (work.job_type.queue, work.job_type.retry) == ("slow", NoRetry())
    assert work.job_type.priority is Priority.NORMAL


def test_a_registered_function_is_still_that_function(send_welcome: Job[..., dict[str, str]]) -> None:
    assert send_welcome(7, "ada@example.org") == {"sent_to": "7 ada@example.org"}
    assert send_welcome.__doc__ == "Say welcome."
    assert vars(send_welcome)["__name__"] == "send_welcome"
    assert list(inspect.signature(send_welcome).parameters) == ["user_id", "email"]
    assert repr(send_welcome) == "<job 'email.welcome': send_welcome>"


def test_a_registered_coroutine_function_is_still_one(app: Conveyor) -> None:
    @app.job
    async def work(a: int) -> int:
        return a + 1

    assert isinstance(work, AsyncJob)
    assert work.job_type.is_async
    assert asyncio.run(work(1)) == 2


def test_a_registered_class_is_the_very_same_class(app: Conveyor) -> None:
    assert app.job("invoice.send")(SendInvoice) is SendInvoice
    assert app.job(StructJob) is StructJob
    assert app.job_types["invoice.send"].is_class


def test_a_job_without_a_name_is_called_by_module_and_qualified_name(app: Conveyor) -> None:
    @app.job
    def work() -> None: ...

    @app.job(priority="low")
    def more() -> None: ...

    here = f"{__name__}.test_a_job_without_a_name_is_called_by_module_and_qualified_name.<locals>"
    assert [work.name, more.name] == [f"{here}.work", f"{here}.more"]


@pytest.mark.parametrize("how", [["jobs.py"], ["-m", "jobs"], ["-m", "package"]])
def test_a_job_of_the_script_that_runs_is_called_as_the_worker_will_call_it(how: list[str], tmp_path: Path) -> None:
    code = "from conveyor import Conveyor\napp = Conveyor()\n@app.job\ndef work() -> None: ...\nprint(work.name)\n"
    (tmp_path / "jobs.py").write_text(code, encoding="utf-8")
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__main__.py").write_text(code, encoding="utf-8")

    run = subprocess.run([sys.executable, *how], cwd=tmp_path, check=True, capture_output=True, text=True)

    assert run.stdout.strip() == ("package.work" if "package" in how else "jobs.work")


def test_two_jobs_cannot_have_one_type(app: Conveyor) -> None:
    @app.job("work")
    def first() -> None: ...

    with pytest.raises(DuplicateJobType) as refused:

        @app.job("work")
        def second() -> None: ...  # pyright: ignore[reportUnusedFunction] - it is refused

    assert str(refused.value).startswith("job type 'work' is already taken by ")
    assert ".first, so " in str(refused.value)
    assert str(refused.value).endswith("second cannot have it; give one of them another name")
    assert app.job_types["work"] is first.job_type


def test_the_same_function_of_a_reloaded_module_takes_its_own_place(app: Conveyor) -> None:
    def define(number: int) -> Job[[], int]:
        @app.job("work")
        def work() -> int:
            return number

        return work

    define(1)
    define(2)

    assert app.job_types["work"].load("{}")() == 2


def test_the_same_class_of_a_reloaded_module_takes_its_own_place(app: Conveyor) -> None:
    def define() -> type[Any]:
        @app.job("work")
        @dataclass
        class Work:
            def handle(self) -> None: ...

        return Work

    old, new = define(), define()

    assert app.push(new()).status is JobStatus.PENDING
    with pytest.raises(UnknownJobType):
        app.push(old())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"queue": "e mails"}, "queue name is 'e mails'; give 1 to 100 letters"),
        ({"queue": "emails.dlq"}, ".dlq at the end is kept for dead letters"),
        ({"priority": "urgent"}, "priority is 'urgent'; give one of critical (1000)"),
        ({"timeout": 0}, "timeout is 0; give more than 0 seconds"),
        ({"timeout": -1}, "timeout is -1; give a duration"),
        ({"expires": "soon"}, "expires is 'soon'; give seconds as a number"),
        ({"retry": ExponentialBackoff}, "give a strategy such as ExponentialBackoff(max_attempts=5)"),
        ({"max_crashes": 0}, "max_crashes is 0; give a whole number from 1 up"),
        ({"max_crashes": 1.5}, "max_crashes is 1.5; give a whole number from 1 up"),
        ({"at_most_once": True, "retry": ExponentialBackoff()}, "it cannot have both, drop one"),
        ({"at_most_once": True, "max_crashes": 3}, "it cannot have both, drop one"),
    ],
)
def test_a_setting_that_breaks_its_rule_is_refused_at_registration(
    app: Conveyor, settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidValue) as refused:

        @app.job("work", **settings)
        def work() -> None: ...  # pyright: ignore[reportUnusedFunction] - it is refused

    assert message in str(refused.value)
    assert "work" not in app.job_types


@pytest.mark.parametrize("name", ["", "e mail", "a\n", "x" * 201, "a\u200bb", 7])
def test_a_type_that_breaks_its_rule_is_refused(app: Conveyor, name: Any) -> None:
    with pytest.raises(InvalidValue, match=r"job type is|cannot be a job"):
        app.job(name)(len)  # pyright: ignore[reportUnknownArgumentType] - a wrong name is the point


def test_a_class_without_handle_is_refused(app: Conveyor) -> None:
    unfit: Any = Address

    with pytest.raises(InvalidValue, match=r"\.Address has no handle\(\), so there is no work for it to do; add"):
        app.job("a")(unfit)


def test_a_class_whose_handle_takes_arguments_is_refused(app: Conveyor) -> None:
    @dataclass
    class Work:
        def handle(self, name: str) -> None: ...

    unfit: Any = Work

    with pytest.raises(InvalidValue, match=r"\.Work\.handle takes arguments; a class job keeps them in its fields"):
        app.job(unfit)


def test_a_class_whose_fields_cannot_be_stored_is_refused(app: Conveyor) -> None:
    @dataclass
    class Work:
        callback: Callable[[], None]

        def handle(self) -> None: ...

    with pytest.raises(PayloadError, match=r"field `callback` of the class .*Work"):
        app.job(Work)


def test_a_generator_is_refused(app: Conveyor) -> None:
    def work() -> Iterator[int]:
        yield 1

    async def more() -> AsyncIterator[int]:
        yield 1

    for generator in (work, more):
        with pytest.raises(InvalidValue, match=r"is a generator, which would run nothing; let it return a value"):
            app.job("work")(generator)


def test_a_method_is_refused(app: Conveyor) -> None:
    class Mailer:
        def send(self, number: int) -> None: ...

    with pytest.raises(InvalidValue, match=r"Mailer\.send is a method, and a worker has no object to call it on; make"):
        app.job("send")(Mailer.send)


def test_a_builtin_that_tells_nothing_of_its_parameters_is_refused(app: Conveyor) -> None:
    with pytest.raises(InvalidValue, match=r"^builtins\.min tells nothing of its parameters; wrap it in a function$"):
        app.job("min")(min)


def test_a_static_method_is_a_function(app: Conveyor) -> None:
    class Mailer:
        @staticmethod
        @app.job("send")
        def send(number: int) -> int:
            return number

    assert Mailer.send(7) == Mailer.send.job_type.load('{"number":7}')() == 7


def test_what_has_no_name_of_its_own_is_given_one(app: Conveyor) -> None:
    app.job("lambda")(lambda: 7)

    for nameless in (lambda: 7, functools.partial(int, "7")):
        with pytest.raises(InvalidValue, match=r"has no name of its own; give it a job type, such as @app\.job\("):
            app.job(nameless)
    with pytest.raises(DuplicateJobType):
        app.job("lambda")(lambda: 8)


def test_what_cannot_be_called_is_refused(app: Conveyor) -> None:
    unfit: Any = 7

    with pytest.raises(
        InvalidValue, match=r"^7 cannot be a job; put @app\.job on a function, or on a class with handle"
    ):
        app.job("work")(unfit)


# ── run ───────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_arguments_come_back_as_the_annotated_types(app: Conveyor) -> None:
    taken: list[Any] = []

    @app.job("work")
    def work(when: datetime, id: UUID, address: Address, *more: Decimal, last: set[int]) -> str:
        taken.extend([when, id, address, more, last])
        return "done"

    given = (NOON, UUID(int=7), Address("Paris"), Decimal("1.50"))
    payload = work.push(*given, last={1, 2}).info.payload

    assert work.job_type.load(payload)() == "done"
    assert taken == [NOON, UUID(int=7), Address("Paris"), (Decimal("1.50"),), {1, 2}]


@pytest.mark.parametrize(
    ("job", "result"),
    [
        (SendInvoice(UUID(int=7), Decimal("9.90")), {"sent": "9.90"}),
        (StructJob(NOON), "2027-07-01T12:00:00+00:00"),
        (ModelJob(names={"b", "a"}), ["a", "b"]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_instance_of_a_class_job_comes_back_equal_and_runs(app: Conveyor, job: Any, result: object) -> None:

    app.job("work")(job.__class__)

    payload = app.push(job).info.payload

    job_type = app.job_types["work"]
    assert job_type.load_job(payload) == job
    assert job_type.load(payload)() == result


def test_a_class_job_whose_handle_is_async_answers_a_coroutine(app: Conveyor) -> None:
    app.job("work")(AttrsJob)
    payload = app.push(AttrsJob(Address("Paris"))).info.payload
    job_type = app.job_types["work"]

    coroutine: Awaitable[object] = job_type.load(payload)()

    async def run() -> object:
        return await coroutine

    assert job_type.is_async
    assert asyncio.run(run()) == "Paris"


@pytest.mark.parametrize("payload", ['{"user_id":"7"}', "{}", '{"user_id":7,"extra":1}', "[7]", "{", ""])
def test_a_stored_payload_that_no_longer_fits_is_a_payload_error(send_welcome: Job[..., Any], payload: str) -> None:
    with pytest.raises(PayloadError, match="send_welcome"):
        send_welcome.job_type.load(payload)


def test_a_class_job_is_not_pushed_as_a_call(app: Conveyor) -> None:
    app.job("invoice.send")(SendInvoice)

    with pytest.raises(
        InvalidValue, match=r"^'invoice\.send' is a class job; push an instance of .*SendInvoice, not a call"
    ):
        app.push(JobCall[Any]("invoice.send", (7,)))


# ── at most once ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_job_that_runs_at_most_once_is_neither_retried_nor_rescued(app: Conveyor) -> None:
    @app.job(at_most_once=True)
    def work() -> None: ...

    assert work.job_type.retry == NoRetry()
    assert work.push().info.max_crashes == 1


def test_a_push_cannot_make_it_run_twice(app: Conveyor) -> None:
    @app.job("work", at_most_once=True)
    def work() -> None: ...

    with pytest.raises(InvalidValue, match=r"but 'work' runs at most once; push it without retry$"):
        work.options(retry=ExponentialBackoff()).push()
    with pytest.raises(InvalidValue, match="runs at most once"):
        app.push(JobPayload.background(work.call()))
    assert work.options(retry=NoRetry(), priority="low").push().status is JobStatus.PENDING


# ── results ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_results_come_back_as_the_annotated_type(app: Conveyor) -> None:
    @app.job
    def work() -> dict[str, Address]:
        return {}

    stored = work.job_type.dump_result({"a": Address("Paris")})

    assert work.job_type.load_result(stored) == {"a": Address("Paris")}


def test_a_result_of_another_type_than_annotated_comes_back_as_plain_json(app: Conveyor) -> None:
    @app.job
    def work() -> dict[str, str]:
        return {}

    assert work.job_type.load_result(work.job_type.dump_result({"sent": True})) == {"sent": True}


def test_a_return_annotation_that_means_nothing_here_is_plain_json(app: Conveyor) -> None:
    def work() -> None: ...

    work.__annotations__["return"] = "NotImportedHere"
    job_type = app.job(work).job_type

    assert job_type.load_result('{"a":1}') == {"a": 1}


def test_a_result_that_json_cannot_hold_is_a_payload_error(send_welcome: Job[..., Any]) -> None:
    with pytest.raises(PayloadError, match="cannot be stored as JSON"):
        send_welcome.job_type.dump_result(object())


def test_a_timeout_is_retried_unless_the_strategy_names_it() -> None:
    assert ExponentialBackoff().allows(JobTimeout())
    assert not ExponentialBackoff(give_up_on=JobTimeout).allows(JobTimeout())


def test_the_clock_of_the_application_is_the_one_of_its_store(clock: FakeClock, send_welcome: Job[..., Any]) -> None:
    clock.step(5)

    assert send_welcome.push(7).info.pushed_at == START + 5_000_000


def test_calls_are_equal_when_their_arguments_are(send_welcome: Job[..., Any]) -> None:
    assert send_welcome.call(7, email="a") == JobCall("email.welcome", (7,), {"email": "a"})
    assert dataclasses.is_dataclass(JobPayload(send_welcome.call(7)))


def test_a_slip_in_an_options_name_is_named_with_the_options_there_are(send_welcome: Any) -> None:
    with pytest.raises(InvalidValue, match=r"no option is called 'dely'; there are .*delay, run_at, connection"):
        send_welcome.options(dely=5)
