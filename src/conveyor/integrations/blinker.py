"""A bridge from blinker's signals: what is sent there is an event here. Needs `pip install 'conveyor[events]'`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from conveyor.errors import InvalidValue

if TYPE_CHECKING:
    from blinker import Signal

    from conveyor.app import Conveyor

__all__ = ["aconnect", "connect"]

Make = Callable[..., object]
"""Makes an event of what was sent with a signal: the event's class, or a function."""


def connect(app: Conveyor, signal: Signal, make: Make, *, takes_sender: bool = False) -> Callable[..., Any]:
    """Emit an event whenever the signal is sent; answer the receiver, for `signal.disconnect`.

    What is raised by a handler, or by the push, comes out of `signal.send`, as from any receiver of blinker's, which
    then calls no other receiver.

    Args:
        app: where the event is emitted.
        signal: a blinker signal.
        make: the event's class, or a function that answers the event. It is called with what was sent by name:
            `signal.send(shop, user_id=7)` makes `UserRegistered(user_id=7)`.
        takes_sender: call it with the sender first.

    Raises:
        InvalidValue: `make` cannot be called.
    """
    made = _event_of(make, takes_sender=takes_sender)

    def receive(sender: object, **sent: Any) -> None:
        app.emit(made(sender, sent))

    # Held by nobody else, a weak one would be gone at once.
    signal.connect(receive, weak=False)
    return receive


def aconnect(app: Conveyor, signal: Signal, make: Make, *, takes_sender: bool = False) -> Callable[..., Any]:
    """As `connect`, for signals that are sent with `await signal.send_async(…)`."""
    made = _event_of(make, takes_sender=takes_sender)

    async def receive(sender: object, **sent: Any) -> None:
        await app.aemit(made(sender, sent))

    signal.connect(receive, weak=False)
    return receive


def _event_of(make: object, *, takes_sender: bool) -> Callable[[object, dict[str, Any]], object]:
    if not callable(make):
        raise InvalidValue(f"make is {make!r}; give the class of the event, or a function that answers one")
    if takes_sender:
        return lambda sender, sent: make(sender, **sent)
    return lambda _, sent: make(**sent)
