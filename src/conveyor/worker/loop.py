"""The event loop of a child: async jobs, many at a time."""

from __future__ import annotations

import asyncio
import contextvars
import heapq
import time
from collections.abc import Callable, Coroutine, Generator
from typing import Any, Final

from conveyor import hooks
from conveyor.context import running
from conveyor.errors import PayloadError
from conveyor.middleware import Middleware
from conveyor.records import Claim, ClaimKey
from conveyor.signals import JobCancelled
from conveyor.worker import endings
from conveyor.worker.buffer import NEVER, Buffer
from conveyor.worker.essential import essential
from conveyor.worker.guards import CANCELLED, timed_out
from conveyor.worker.plans import BILLION
from conveyor.worker.runner import Bench
from conveyor.worker.slots import SlotTable


class Steps:
    """An awaitable that drives a coroutine, and says in the slot table which job has the loop to itself.

    A job that blocks the loop, or holds the interpreter lock in C, keeps everything else in its process from saying so.
    """

    __slots__ = ("_coroutine", "_slot", "_slots")

    def __init__(self, coroutine: Coroutine[Any, Any, Any], slots: SlotTable, slot: int) -> None:
        self._coroutine = coroutine
        self._slots = slots
        self._slot = slot

    def __await__(self) -> Generator[Any, Any, Any]:
        return self  # type: ignore[return-value] # pyright: ignore[reportReturnType] - it has all that `await` asks of a generator

    def __iter__(self) -> Steps:
        return self

    def __next__(self) -> Any:
        return self.send(None)

    def send(self, value: Any) -> Any:
        self._slots.step(self._slot)
        try:
            return self._coroutine.send(value)
        finally:
            self._slots.stepped()

    def throw(self, error: BaseException) -> Any:
        self._slots.step(self._slot)
        try:
            return self._coroutine.throw(error)
        finally:
            self._slots.stepped()

    def close(self) -> None:
        self._coroutine.close()


class Run:
    """One job on the loop."""

    __slots__ = ("cause", "claim", "slot", "task")

    def __init__(self, claim: Claim, slot: int) -> None:
        self.claim: Final = claim
        self.slot: Final = slot
        self.cause: BaseException | None = None
        """Why it has been told to stop."""
        self.task: asyncio.Task[Any] | None = None
        """While it can be told to stop. Cancelled before its first step, a task would not even run its `finally`."""


class LoopRunner:
    """Runs what waits in a buffer as tasks of one event loop, on a thread of its own.

    Args:
        first_slot: its jobs take slots from this one on, as many as the buffer's capacity.
        loop: one that runs already, in which the caller awaits `until_closed`; without, `start` runs a new one.
    """

    def __init__(
        self, bench: Bench, buffer: Buffer, first_slot: int, loop: asyncio.AbstractEventLoop | None = None
    ) -> None:
        self._bench = bench
        self._buffer = buffer
        self._slots = list(range(first_slot, first_slot + buffer.capacity))
        self._runs: dict[ClaimKey, Run] = {}
        # The loop itself would let go of a task that nothing else holds.
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop() if loop is None else loop
        # A job begins where another one has ended, and must not see what that had set as context variables.
        self._context = contextvars.copy_context()
        self._ended = asyncio.Event()
        self._thread = essential("conveyor-loop", self._main)
        buffer.on_put = self._soon(self._fill)

    def start(self) -> None:
        self._buffer.free = self._buffer.capacity
        self._thread.start()

    def join(self) -> None:
        """Wait until the buffer is closed and everything in it has run."""
        self._thread.join()

    def cancel(self, key: ClaimKey) -> None:
        """Tell the job to stop, if it runs here. From any thread; again changes nothing."""
        self._soon(lambda: self._stop(self._runs.get(key), JobCancelled(CANCELLED)))()

    @property
    def claims(self) -> list[Claim]:
        """What runs now. From any thread."""
        return [run.claim for run in list(self._runs.values())]

    def _main(self) -> None:
        try:
            self._loop.run_until_complete(self.until_closed())
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        finally:
            self._loop.close()

    async def until_closed(self) -> None:
        """Run what waits and what comes, until the buffer is closed and everything in it has run."""
        self._fill()
        await self._ended.wait()

    def _soon(self, function: Callable[[], None]) -> Callable[[], None]:
        def soon() -> None:
            try:
                self._loop.call_soon_threadsafe(function)
            except RuntimeError:
                # The loop has ended, and nothing is left to be run or stopped.
                if not self._loop.is_closed():
                    raise

        return soon

    def _fill(self) -> None:
        """Begin as many jobs as wait and have room."""
        buffer = self._buffer
        while self._slots:
            try:
                claim = buffer.waiting.popleft()
            except IndexError:
                break
            buffer.started_at = time.monotonic_ns()
            buffer.free -= 1
            run = Run(claim, heapq.heappop(self._slots))
            self._runs[ClaimKey(claim.id, claim.attempt)] = run
            task = self._loop.create_task(self._perform(run), context=self._context.copy())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        if len(buffer.waiting) <= buffer.low:
            buffer.reached_low()
        if not self._runs:
            self._bench.settler.flush()
            if buffer.closed and not buffer.waiting:
                self._ended.set()

    def _left(self, run: Run) -> None:
        """A job has left its slot."""
        claim = run.claim
        del self._runs[ClaimKey(claim.id, claim.attempt)]
        self._bench.slots.clear(run.slot)
        heapq.heappush(self._slots, run.slot)
        buffer = self._buffer
        buffer.free += 1
        if buffer.low != NEVER:
            buffer.reached_low()
        if buffer.waiting or not self._runs:
            self._fill()

    def _stop(self, run: Run | None, cause: BaseException) -> None:
        if run is not None and run.cause is None and run.task is not None:
            run.cause = cause
            self._bench.slots.tell(run.slot)
            run.task.cancel()

    async def _perform(self, run: Run) -> None:
        try:
            await self._run(run)
        finally:
            self._left(run)

    async def _run(self, run: Run) -> None:  # noqa: C901, PLR0912, PLR0915 - every job would pay for every call
        bench, claim, slot = self._bench, run.claim, run.slot
        began = time.time_ns()
        if began > self._buffer.valid_until:
            if not bench.still_ours(claim, self._buffer):
                return
            began = time.time_ns()
        since = time.monotonic_ns()
        plan = bench.plans[claim.type]
        run.task = asyncio.current_task()
        try:
            timeout = plan.timeout_ns if plan.has_one_timeout and not claim.options else plan.timeout_of(claim)
        except PayloadError as error:
            bench.settler.add(endings.unreadable(claim, error, bench.name))
            return
        until = since + timeout if timeout else 0
        self._buffer.started_at = since
        bench.slots.begin(slot, claim.id, claim.attempt, since, until, plan.number)
        timer = self._loop.call_later(timeout / BILLION, self._stop, run, timed_out(since, until)) if until else None

        value: Any = None
        failed: BaseException | None = None
        is_read = False
        lock = ""
        begun: list[Middleware] = []
        with running(claim, bench.app, began) as current:
            try:
                bench.slots.step(slot)
                call = plan.load(claim.payload)
                is_read = True
                if plan.lock is not None:
                    bench.slots.stepped()
                    lock = await asyncio.to_thread(bench.locks.enter, plan.lock, claim, call)
                coroutine = call() if bench.hooks is None else bench.hooks.arun(current, call, begun)
                value = await Steps(coroutine, bench.slots, slot)
            except BaseException as error:  # noqa: BLE001 - whatever a job raises, the loop goes on
                failed = _cause(error, run)
            took = time.monotonic_ns() - since
            if begun:
                await Steps(hooks.aended(current, begun, value, failed, took), bench.slots, slot)
            run.task = None
            if lock:
                await asyncio.to_thread(bench.locks.leave, lock, claim)
            bench.slots.stepped()
            if timer is not None:
                timer.cancel()

        started_at = began // 1000
        ended_at = (began + took) // 1000
        if failed is None:
            outcome = endings.completed(claim, plan, value, current.follow_ups, started_at, ended_at)
        else:
            outcome = endings.failed(
                claim, plan, failed, is_read=is_read, worker=bench.name, started_at=started_at, ended_at=ended_at
            )
        if current.is_completed:
            bench.settler.completed_already(outcome)
        if claim.max_crashes == 1:
            await asyncio.to_thread(bench.end, slot, outcome, since)
        else:
            bench.settler.add(outcome)


def _cause(error: BaseException, run: Run) -> BaseException:
    """What ended the job: a cancellation of ours says less than why."""
    if not isinstance(error, asyncio.CancelledError) or run.cause is None:
        return error
    run.cause.__traceback__ = error.__traceback__
    return run.cause
