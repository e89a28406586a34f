"""The way from async code to the synchronous core: a small private thread pool, and one round trip for many pushes.

asyncio and concurrent.futures are imported when the first coroutine asks for them: programs without an event loop, and
`import conveyor`, do not pay for them.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple, ParamSpec, TypeVar

from conveyor.drivers.base import Driver
from conveyor.records import JobId, NewJob

if TYPE_CHECKING:
    import asyncio
    from concurrent.futures import Future, ThreadPoolExecutor

P = ParamSpec("P")
T = TypeVar("T")

THREADS: Final = 4
"""Enough that one slow call does not hold up the others; the store is the bound, not the threads."""


class Threads:
    """A hop from event loops to threads. Serves any number of loops, one after another or at once."""

    def __init__(self) -> None:
        self._lock: Final = threading.Lock()
        self._pool: ThreadPoolExecutor | None = None

    async def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a blocking function on a thread of the pool.

        Cancelling the caller takes the call back while it waits for a thread; once begun, it runs to its end.
        """
        import asyncio

        return await asyncio.wrap_future(self.submit(function, *args, **kwargs))

    def submit(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """As `call`, for callers that need the future itself."""
        from concurrent.futures import ThreadPoolExecutor

        with self._lock:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="conveyor-aio")
            # Still under the lock, under which `close` takes the pool away: what has been taken in is run.
            return self._pool.submit(function, *args, **kwargs)

    def close(self) -> None:
        """Wait for what is under way and end the threads. Safe to call twice; the next call starts new ones."""
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=True)


class _Waiting(NamedTuple):
    """One caller's jobs, and where it waits for their ids."""

    jobs: Sequence[NewJob]
    future: asyncio.Future[list[JobId]]


class AsyncBridge(Threads):
    """One application's hop from event loops to threads.

    Args:
        driver: answers the driver to use; asked from a pool thread.
    """

    def __init__(self, driver: Callable[[], Driver]) -> None:
        super().__init__()
        self._driver: Final = driver
        self._waiting: list[_Waiting] = []
        self._is_pushing = False

    async def push(self, jobs: Sequence[NewJob]) -> list[JobId]:
        """Store the jobs, all or none, and answer their ids in order; see `Driver.push`.

        What arrives while a round trip is under way goes together in the next one. When that fails, everyone whose jobs
        were in it gets the error. Cancelling the caller takes its jobs back only while they wait for their turn.
        """
        import asyncio

        future: asyncio.Future[list[JobId]] = asyncio.get_running_loop().create_future()
        with self._lock:
            self._waiting.append(_Waiting(jobs, future))
            starts, self._is_pushing = not self._is_pushing, True
        if starts:
            try:
                self.submit(self._push_waiting)
            except BaseException as error:  # noqa: BLE001 - told to everyone who waits, the caller below included
                # No thread can be had: those who joined meanwhile must not wait for one.
                with self._lock:
                    waiting, self._waiting, self._is_pushing = self._waiting, [], False
                _tell(waiting, error)
        return await future

    def _push_waiting(self) -> None:
        """Push in rounds until nobody waits."""
        while True:
            with self._lock:
                waiting, self._waiting = self._waiting, []
                if not waiting:
                    self._is_pushing = False
                    return
            # From here on a caller can no longer take its jobs back.
            self._push_round([each for each in waiting if not each.future.cancelled()])

    def _push_round(self, taken: list[_Waiting]) -> None:
        if not taken:
            return
        try:
            ids = self._driver().push([job for each in taken for job in each.jobs])
        except BaseException as error:  # noqa: BLE001 - whatever it is, every caller must hear of it, and none must wait on
            _tell(taken, error)
        else:
            _tell(taken, ids)


def _tell(waiting: Sequence[_Waiting], answer: list[JobId] | BaseException) -> None:
    """Let all of them go on. Each loop is woken once, not once for each caller: that would cost as much as the push."""
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[list[JobId]], list[JobId] | BaseException]]] = {}
    done = 0
    for jobs, future in waiting:
        own = answer if isinstance(answer, BaseException) else answer[done : done + len(jobs)]
        by_loop.setdefault(future.get_loop(), []).append((future, own))
        done += len(jobs)
    for loop, answers in by_loop.items():
        with contextlib.suppress(RuntimeError):  # closed meanwhile: there is nobody left to be told
            loop.call_soon_threadsafe(_settle, answers)


def _settle(answers: Sequence[tuple[asyncio.Future[list[JobId]], list[JobId] | BaseException]]) -> None:
    for future, answer in answers:
        if future.done():  # its caller was cancelled
            continue
        if isinstance(answer, BaseException):
            future.set_exception(answer)
        else:
            future.set_result(answer)
