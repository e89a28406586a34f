"""What a user's type checker sees of jobs. Checked by mypy and pyright, never run.

Every ignore is an error that a user must see: a checker complains about an ignore that is not needed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Coroutine
from dataclasses import dataclass
from typing import Any, assert_type

from conveyor import AsyncJob, Conveyor, ExponentialBackoff, Job, JobCall, JobHandle, JobPayload

app = Conveyor()


@app.job("email.welcome", queue="emails", priority="high", timeout=30, retry=ExponentialBackoff(max_attempts=5))
def send_welcome(user_id: int, email: str) -> dict[str, str]:
    return {"sent_to": f"{user_id} {email}"}


@app.job
def bare(number: int, *, double: bool = False) -> str:
    return str(number * 2 if double else number)


@app.job()
async def fetch(url: str, depth: int) -> bytes:
    return url.encode() * depth


@app.job
async def bare_fetch(url: str) -> bytes:
    return url.encode()


@app.job("invoice.send")
@dataclass(frozen=True)
class SendInvoice:
    number: int

    def handle(self) -> list[int]:
        return [self.number]


@app.job
@dataclass(frozen=True)
class Crawl:
    url: str

    async def handle(self) -> bytes:
        return self.url.encode()


def functions_keep_their_signature() -> None:
    job: Job[..., dict[str, str]] = send_welcome
    assert_type(job.name, str)
    assert_type(send_welcome(7, "a"), dict[str, str])
    assert_type(send_welcome(user_id=7, email="a"), dict[str, str])
    assert_type(bare(7, double=True), str)
    send_welcome(7)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    send_welcome("7", "a")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    bare(7, twice=True)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


async def coroutine_functions_keep_theirs() -> None:
    job: AsyncJob[..., bytes] = fetch
    coroutine: Coroutine[Any, Any, bytes] = job("a", 2)
    assert_type(await coroutine, bytes)
    assert_type(await bare_fetch("a"), bytes)
    await fetch("a", "b")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def classes_stay_what_they_are() -> None:
    assert_type(SendInvoice, type[SendInvoice])
    assert_type(SendInvoice(7), SendInvoice)
    assert_type(SendInvoice(7).handle(), list[int])
    assert_type(SendInvoice(7).number, int)
    SendInvoice("7")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def a_push_takes_the_arguments_and_promises_the_result() -> None:
    assert_type(send_welcome.push(7, "a"), JobHandle[dict[str, str]])
    assert_type(send_welcome.push(7, "a").result(timeout=10), dict[str, str])
    assert_type(bare.push(7, double=True).result(), str)
    assert_type(fetch.push("a", 2).result(), bytes)
    send_welcome.push(7)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    send_welcome.push(7, 8)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    fetch.push("a", deep=2)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


async def an_async_push_does_too() -> None:
    assert_type(await send_welcome.apush(7, "a"), JobHandle[dict[str, str]])
    assert_type(await (await fetch.apush("a", 2)).aresult(), bytes)
    await send_welcome.apush("7", "a")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def options_keep_the_signature() -> None:
    pusher = send_welcome.options(delay=300, priority="critical")
    assert_type(pusher.push(7, email="a"), JobHandle[dict[str, str]])
    assert_type(fetch.options(queue="slow").push("a", 2).result(), bytes)
    pusher.push("7", "a")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    send_welcome.options(dely=300)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    send_welcome.options(delay="5 minutes")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def many_pushes_promise_many_results() -> None:
    assert_type(send_welcome.push_many([(7, "a"), (8, "b")]), list[JobHandle[dict[str, str]]])
    assert_type(send_welcome.options(delay=5).push_many([send_welcome.call(7, "a")]), list[JobHandle[dict[str, str]]])
    send_welcome.push_many([7, 8])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]
    send_welcome.push_many([bare.call(7)])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]


def calls_and_instances_promise_their_results() -> None:
    queue = app.queue("billing")
    assert_type(send_welcome.call(7, "a"), JobCall[dict[str, str]])
    assert_type(app.push(send_welcome.call(7, "a")), JobHandle[dict[str, str]])
    assert_type(queue.push(fetch.call("a", 2)).result(), bytes)
    assert_type(app.push(SendInvoice(7)).result(), list[int])
    assert_type(queue.push(SendInvoice(7)), JobHandle[list[int]])
    assert_type(queue.push(Crawl("a")), JobHandle[bytes])
    assert_type(queue.push(JobPayload.immediate(SendInvoice(7))), JobHandle[Any])
    send_welcome.call(7)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    app.push(7)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]
    app.push(SendInvoice)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]


async def async_code_sees_the_same() -> None:
    queue = app.queue("billing")
    assert_type(await app.apush(send_welcome.call(7, "a")), JobHandle[dict[str, str]])
    assert_type(await queue.apush(SendInvoice(7)), JobHandle[list[int]])
    assert_type(await queue.apush(Crawl("a")), JobHandle[bytes])


def what_cannot_be_a_job_is_no_job() -> None:
    app.job("no")(7)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]
    app.job("no", prio="high")  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
    app.job("no", timeout="long")  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]


def a_job_may_be_awaitable_by_another_name() -> None:
    def start(number: int) -> Awaitable[int]:
        raise NotImplementedError

    # Not a coroutine function: it is called, and its result is what it answers.
    assert_type(app.job(start)(7), Awaitable[int])
