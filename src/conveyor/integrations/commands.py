"""A command bus: one handler for each class of commands; what a handler pushes is sent when it has done its work."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Generator, Sequence
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    AsyncExitStack,
    ExitStack,
    contextmanager,
)
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

from conveyor.callables import describe
from conveyor.errors import DuplicateHandler, HandlerNotFound, InvalidValue
from conveyor.held import Held, held_back
from conveyor.pushing import astore, store

if TYPE_CHECKING:
    from conveyor.app import Conveyor
    from conveyor.records import NewJob

__all__ = ["CommandBus"]

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")

_COMMAND: Final = 1
_AND_CONNECTION: Final = 2
"""How many arguments a handler takes."""


@dataclass(frozen=True, slots=True)
class Handler:
    """The handler of one class of commands."""

    function: Callable[..., Any]
    is_async: bool
    takes_connection: bool

    def __call__(self, command: object, connection: object | None) -> Any:
        return self.function(command, connection) if self.takes_connection else self.function(command)


class Call:
    """A command that is being handled.

    Attributes:
        connection: whose transaction its jobs join.
    """

    def __init__(self, app: Conveyor, connection: object | None) -> None:
        outer = _running.get()
        self._app: Final = app
        self._held: Final = Held(app)
        self._outer = None
        self.connection = connection
        if connection is None and outer is not None:
            # Its data and its jobs are a part of what the outer handler does.
            self._outer = outer
            self.connection = outer.connection

    def begin(self, connection: object) -> None:
        """It has a transaction of its own."""
        self.connection = connection
        self._outer = None

    @contextmanager
    def running(self) -> Generator[None]:
        """The handler runs, and what it pushes is held back."""
        token = _running.set(self)
        try:
            with held_back(self._held):
                yield
        finally:
            _running.reset(token)

    def jobs(self) -> Sequence[NewJob]:
        """What is to be sent, now that the handler has returned: unless it goes with what the outer handler pushes."""
        if self._outer is not None and self._outer.takes(self._app, self._held.jobs):
            return ()
        return self._held.jobs

    def takes(self, app: Conveyor, jobs: Sequence[NewJob]) -> bool:
        """Whether these go with its own."""
        return self._held.takes(app, jobs)


_running: Final[ContextVar[Call | None]] = ContextVar("conveyor_command", default=None)


class CommandBus:
    """Hands each command to the one handler of its class.

    What a handler pushes is held back until the handler returns, and then sent in one step; when it raises, nothing is.
    Where a handler has a transaction, its jobs join it: they exist exactly when its data does. Commands that a handler
    hands on in turn take part in its transaction, and their jobs go with its own.

    Args:
        app: where the jobs of handlers are pushed.
        transaction: opens a transaction for a handler that takes a connection as its second argument: it answers a
            context manager that yields the connection, commits at the end, and rolls back when something was raised.
        atransaction: the same for async handlers, with an async context manager.
        joins: the jobs join that transaction. Without, for a store that is not in that database, they are sent after it
            has been committed: they are lost when the process dies in between.

    Raises:
        InvalidValue: one of the two cannot be called.
    """

    def __init__(
        self,
        app: Conveyor,
        *,
        transaction: Callable[[], AbstractContextManager[Any]] | None = None,
        atransaction: Callable[[], AbstractAsyncContextManager[Any]] | None = None,
        joins: bool = True,
    ) -> None:
        for name, given in (("transaction", transaction), ("atransaction", atransaction)):
            if given is not None and not callable(given):
                raise InvalidValue(f"{name} is {given!r}; give a function that opens a transaction")
        self._app: Final = app
        self._transaction: Final = transaction
        self._atransaction: Final = atransaction
        self._joins: Final = joins
        self._handlers: Final[dict[type, Handler]] = {}

    def __repr__(self) -> str:
        return f"<command bus of {len(self._handlers)} handlers>"

    def handler(self, command_type: type, /) -> Callable[[F], F]:
        """Let a function handle the commands of a class: `@bus.handler(CreateUser)`. It may be async.

        It takes the command, or the command and the connection of its transaction. What it returns, `handle` answers.

        Raises:
            DuplicateHandler: that class has a handler.
            InvalidValue: it is no class, or the function takes something else.
        """
        if not isinstance(command_type, type):  # pyright: ignore[reportUnnecessaryIsInstance] - callers may be untyped
            raise InvalidValue(f"{command_type!r} is no class; give the class of the commands, such as CreateUser")

        def register(function: F) -> F:
            known = self._handlers.get(command_type)
            if known is not None:
                raise DuplicateHandler(command_type, describe(known.function), describe(function))
            takes = _arguments_of(function)
            is_async = inspect.iscoroutinefunction(function)
            self._handlers[command_type] = Handler(function, is_async, takes == _AND_CONNECTION)
            return function

        return register

    def handle(self, command: object, *, connection: object | None = None) -> Any:
        """Let its handler do what the command says, and answer what it returns.

        Args:
            command: an instance of a class that has a handler.
            connection: your own open connection: the handler is given it, and its jobs join its transaction, which you
                commit.

        Raises:
            HandlerNotFound: its class has no handler.
            InvalidValue: the handler is async, see `ahandle`; or it takes a connection, and there is none.
            StoreError: its jobs could not be pushed; a transaction of the bus is rolled back.
        """
        handler = self._handler_of(command)
        if handler.is_async:
            raise InvalidValue(f"{describe(handler.function)} is async; use await bus.ahandle(…)")
        call = Call(self._app, connection)
        with ExitStack() as transaction:
            if handler.takes_connection and call.connection is None:
                opened = _opened(handler, self._transaction, "transaction")
                call.begin(transaction.enter_context(opened))
            with call.running():
                answer = handler(command, call.connection)
            jobs = call.jobs()
            if jobs and self._joins:
                store(self._app, jobs, call.connection)
        if jobs and not self._joins:
            store(self._app, jobs, None)
        return answer

    async def ahandle(self, command: object, *, connection: object | None = None) -> Any:
        """As `handle`. An async handler is awaited here; another one runs on a thread."""
        handler = self._handler_of(command)
        if not handler.is_async:
            return await asyncio.to_thread(self.handle, command, connection=connection)
        call = Call(self._app, connection)
        async with AsyncExitStack() as transaction:
            if handler.takes_connection and call.connection is None:
                opened = _opened(handler, self._atransaction, "atransaction")
                call.begin(await transaction.enter_async_context(opened))
            with call.running():
                answer = await handler(command, call.connection)
            jobs = call.jobs()
            if jobs and self._joins:
                await astore(self._app, jobs, call.connection)
        if jobs and not self._joins:
            await astore(self._app, jobs, None)
        return answer

    def _handler_of(self, command: object) -> Handler:
        found = self._handlers.get(type(command))
        if found is not None:
            return found
        if isinstance(command, type):
            raise InvalidValue(
                f"command is the class {command.__name__}; give one of it, such as {command.__name__}(…)"
            )
        raise HandlerNotFound(type(command), tuple(each.__name__ for each in self._handlers))


def _opened(handler: Handler, begin: Callable[[], T] | None, name: str) -> T:
    """A transaction for this handler, not begun yet."""
    if begin is None:
        raise InvalidValue(
            f"{describe(handler.function)} takes a connection, and there is none; give CommandBus(app, {name}=…) a "
            "function that opens a transaction, or handle the command with connection=…"
        )
    return begin()


def _arguments_of(function: Callable[..., Any]) -> int:
    """How many arguments a handler takes: the command, or the command and a connection."""
    signature = inspect.signature(function)
    for count in (_COMMAND, _AND_CONNECTION):
        try:
            signature.bind(*[None] * count)
        except TypeError:
            continue
        return count
    raise InvalidValue(
        f"{describe(function)}{signature} handles no command; let it take the command, or the command and the "
        "connection of its transaction"
    )
