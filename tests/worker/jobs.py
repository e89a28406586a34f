"""The application that the workers under test run. Jobs leave lines in a file, so that every run can be counted."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from pathlib import Path

import psutil

from conveyor import Cancel, Conveyor, ExponentialBackoff, GiveUp, NoRetry, Retry, Snooze, current_job
from conveyor.signals import JobCancelled, JobTimeout

app = Conveyor("sqlite:///given-by-each-test.db", retry=NoRetry())
app.queue("hurried", timeout=0.3)

AT_ONCE = ExponentialBackoff(max_attempts=2, base=0)


def note(path: str, text: str) -> None:
    """Add a line: one write, so that lines of several processes do not mix."""
    with Path(path).open("a", encoding="utf-8") as file:
        file.write(f"{text}\n")


@app.job("add")
def add(a: int, b: int) -> int:
    return a + b


@app.job("note")
def note_job(path: str, text: str) -> None:
    note(path, text)


@app.job("note.process")
def note_process(path: str) -> None:
    note(path, str(os.getpid()))


# A test may kill its process again and again.
@app.job("note.slow", queue="slow", max_crashes=10)
def note_slow(path: str, text: str, seconds: float) -> None:
    note(path, f"begin {text}")
    time.sleep(seconds)
    note(path, f"end {text}")


@app.job("note.once", queue="slow", at_most_once=True)
def note_once(path: str, text: str, seconds: float) -> None:
    note(path, f"begin {text}")
    time.sleep(seconds)
    note(path, f"end {text}")


@app.job("fail")
def fail(message: str) -> None:
    raise ValueError(message)


@app.job("fail.oddly")
def fail_oddly() -> None:
    raise ValueError("broken \ud800")


@app.job("fail.once", retry=AT_ONCE)
def fail_once(path: str) -> int:
    attempt = current_job().attempt
    note(path, f"attempt {attempt}")
    if attempt == 1:
        raise ConnectionError("the first time")
    return attempt


@app.job("steer")
def steer(how: str) -> str:
    match how:
        case "cancel":
            raise Cancel("not wanted")
        case "give up":
            raise GiveUp("pointless")
        case "snooze" if current_job().attempt == 1:
            raise Snooze(0.05)
        case "retry":
            raise Retry(after=0)
        case "exit":
            sys.exit(3)
        case "interrupt":
            raise KeyboardInterrupt
        case _:
            return f"attempt {current_job().attempt}"


@app.job("unstorable")
def unstorable() -> object:
    return object()


@app.job("parent")
def parent(path: str, count: int) -> None:
    for number in range(count):
        current_job().push(note_job.call(path, f"child {number}"))


@app.job("parent.failing")
def parent_failing(path: str) -> None:
    current_job().push(note_job.call(path, "must not be"))
    raise ValueError("after the push")


@app.job("die")
def die(how: str, path: str) -> None:
    note(path, f"attempt {current_job().attempt}")
    if how == "exit":
        os._exit(7)
    os.kill(os.getpid(), getattr(signal, how))
    time.sleep(60)


@app.job("hang.loop", timeout=0.4)
def hang_in_a_loop(path: str) -> None:
    note(path, "begin")
    while True:
        pass


@app.job("hang.sleep", timeout=0.4)
def hang_in_sleep(path: str) -> None:
    note(path, "begin")
    time.sleep(3600)


@app.job("hang.pushing", timeout=0.4)
def hang_pushing(path: str) -> None:
    note(path, "begin")
    while True:
        add.options(queue="unserved").push(1, 1)


@app.job("hang.catching", timeout=0.4)
def hang_catching_all(path: str) -> None:
    note(path, "begin")
    while True:
        try:
            while True:
                time.sleep(0.01)
        except BaseException as error:  # noqa: BLE001 - the misbehaviour under test
            note(path, f"caught {type(error).__name__}")


@app.job("hang.locked", timeout=0.4)
def hang_with_the_interpreter_lock(path: str) -> None:
    note(path, "begin")
    sum(range(10**12))


@app.job("hang.async.catching", timeout=0.4)
async def hang_async_catching(path: str) -> None:
    note(path, "begin")
    while True:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            note(path, "caught CancelledError")


@app.job("hang.async.blocking", timeout=0.4)
async def hang_async_blocking(path: str) -> None:
    note(path, "begin")
    while True:
        pass


@app.job("hang.async", timeout=0.4)
async def hang_async(path: str) -> None:
    note(path, "begin")
    try:
        await asyncio.sleep(3600)
    finally:
        note(path, "cleaned up")


@app.job("clean.up", timeout=0.4)
def clean_up(path: str) -> None:
    try:
        time.sleep(3600)
    except (JobTimeout, JobCancelled) as told:
        note(path, type(told).__name__)
        raise


@app.job("wait")
def wait(path: str, seconds: float) -> None:
    """As `clean.up`, without a timeout."""
    note(path, "begin")
    try:
        time.sleep(seconds)
    except (JobTimeout, JobCancelled) as told:
        note(path, type(told).__name__)
        raise
    note(path, "end")


@app.job("wait.async")
async def wait_async(path: str, seconds: float) -> str:
    note(path, "begin")
    try:
        await asyncio.sleep(seconds)
    except asyncio.CancelledError:
        note(path, "CancelledError")
        raise
    note(path, "end")
    return str(current_job().id)


@app.job("wait.stubborn")
def wait_stubborn(path: str) -> None:
    note(path, "begin")
    while True:
        try:
            time.sleep(0.01)
        except BaseException as error:  # noqa: BLE001 - the misbehaviour under test
            note(path, f"caught {type(error).__name__}")


@app.job("nap.async")
async def nap_async(seconds: float) -> None:
    await asyncio.sleep(seconds)


@app.job("with.subprocess", timeout=0.4)
def with_subprocess(path: str) -> None:
    import subprocess

    while True:
        with subprocess.Popen(["sleep", "3600"]) as process:
            note(path, str(process.pid))
            try:
                process.wait()
            except BaseException:  # noqa: BLE001 - the misbehaviour under test
                continue


@app.job("block.the.loop", max_crashes=1)
async def block_the_loop(path: str) -> None:
    # Blocks once its neighbour has begun.
    await asyncio.sleep(0.1)
    note(path, "blocking")
    while True:
        pass


@app.job("wait.in.steps")
def wait_in_steps(path: str, seconds: float) -> None:
    note(path, "begin")
    deadline = time.monotonic() + seconds
    try:
        while time.monotonic() < deadline:
            time.sleep(0.01)
    except (JobTimeout, JobCancelled) as told:
        note(path, type(told).__name__)
        raise


@app.job("wait.ignoring")
def wait_ignoring(path: str, seconds: float) -> str:
    note(path, "begin")
    try:
        time.sleep(3600)
    except JobCancelled as told:
        return f"caught {type(told).__name__}"
    return ""


def worker_name() -> str:
    """The name of the worker that runs this: its supervisor's command line has its settings."""
    return " ".join(psutil.Process(os.getppid()).cmdline()).rpartition('"name":"')[2].partition('"')[0]


@app.job("race")
def race(path: str) -> str:
    name = worker_name()
    note(path, f"{name} begins")
    if name == "frozen":
        # Until the other worker has been here; this one is frozen meanwhile.
        while "other begins" not in Path(path).read_text(encoding="utf-8"):
            time.sleep(0.01)
    note(path, f"{name} ends")
    return name


@app.job("stop.all")
def stop_all(path: str) -> None:
    """Freezes its worker, the first time, with whatever waits behind this job."""
    if worker_name() == "frozen":
        note(path, "frozen")
        os.kill(os.getppid(), signal.SIGSTOP)
        os.kill(os.getpid(), signal.SIGSTOP)


@app.job("hold.the.lock")
def hold_the_lock(path: str, seconds: float) -> None:
    note(path, "begin locked")
    # Each of these calls keeps the interpreter lock for a good part of a second.
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        sum(range(20_000_000))
    note(path, "end locked")


@app.job("hold.the.lock.for.good")
def hold_the_lock_for_good(path: str) -> None:
    note(path, "begin")
    sum(range(10**12))


@app.job("saturate.the.loop")
async def saturate_the_loop(path: str, seconds: float) -> None:
    note(path, "begin")
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        pass
    note(path, "end")


@app.job("note.the.time")
def note_the_time(path: str, seconds: float) -> None:
    note(path, str(time.time()))
    time.sleep(seconds)
    note(path, str(time.time()))


@app.job("terminate.the.worker")
def terminate_the_worker(path: str, seconds: float) -> None:
    os.kill(os.getppid(), signal.SIGTERM)
    note(path, "draining")
    time.sleep(seconds)


@app.job("steer.async")
async def steer_async(how: str) -> str:
    await asyncio.sleep(0)
    match how:
        case "fail":
            raise ValueError(how)
        case "give up":
            raise GiveUp("pointless")
        case "cancel":
            raise Cancel("not wanted")
        case "cancelled error":
            raise asyncio.CancelledError
        case _:
            return how


@app.job("parent.async")
async def parent_async(path: str) -> None:
    await asyncio.sleep(0)
    current_job().push(note_job.call(path, "from an async job"))


@app.job("who.am.i")
def who_am_i() -> str:
    time.sleep(0.005)
    return str(current_job().id)


@app.job("who.am.i.async")
async def who_am_i_async() -> str:
    await asyncio.sleep(0.005)
    return str(current_job().id)


@app.job("note.after")
def note_after(path: str, text: str, seconds: float) -> None:
    time.sleep(seconds)
    note(path, text)


@app.job("marked")
def marked(parent: int, number: int) -> str:
    return f"{parent}.{number}"


@app.job("parent.of.marked")
def parent_of_marked(parent: int, count: int) -> None:
    for number in range(count):
        current_job().push(marked.call(parent, number))
    time.sleep(0.01)


@app.job("once.async", at_most_once=True)
async def once_async(path: str) -> str:
    note(path, "once")
    await asyncio.sleep(0.01)
    return "done"


@app.job("use.the.alarm")
def use_the_alarm() -> None:
    signal.signal(signal.SIGALRM, signal.SIG_DFL)


@app.job("grow")
def grow(path: str, mebibytes: int, seconds: float) -> int:
    # Written to, or it would not be resident.
    taken = b"x" * (mebibytes << 20)
    note(path, f"grown in {os.getpid()}")
    time.sleep(seconds)
    return len(taken)


@app.job("parent.elsewhere")
def parent_elsewhere(path: str, queue: str) -> None:
    current_job().push(note_job.call(path, queue), queue)


@app.job("note.the.parent")
def note_the_parent(path: str, seconds: float) -> None:
    note(path, str(os.getppid()))
    time.sleep(seconds)
    note(path, "end")


@app.job("leave.an.orphan")
def leave_an_orphan(path: str, seconds: float) -> None:
    import subprocess

    # The shell ends at once, and what it has started is nobody's child.
    subprocess.run(["/bin/sh", "-c", f"sleep {seconds} &"], check=True)
    note(path, "left")


@app.job("speak")
def speak(secret: str) -> None:
    current_job().logger.info("spoken %s", "aloud", extra={"tone": "low"})


@app.job("exclusive", lock="exclusive:{key}")
def exclusive(path: str, key: str, seconds: float = 0.0) -> None:
    note(path, f"begin {key}")
    time.sleep(seconds)
    note(path, f"end {key}")


@app.job("exclusive.async", lock="exclusive:{key}")
async def exclusive_async(path: str, key: str, seconds: float = 0.0) -> None:
    note(path, f"begin {key}")
    await asyncio.sleep(seconds)
    note(path, f"end {key}")


@app.job("exclusive.long", lock="{text}")
def exclusive_long(path: str, text: str) -> None:
    note(path, "ran")


@app.job("exclusive.hang", lock="exclusive:{key}")
def exclusive_hang(path: str, key: str) -> None:
    note(path, str(os.getpid()))
    if current_job().attempt == 1:
        time.sleep(600)


@app.job("take.memory")
def take_memory(mebibytes: int) -> int:
    return len(b"x" * (mebibytes << 20))
