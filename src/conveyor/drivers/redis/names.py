"""The names of queues and job types, which the server keeps once and refers to by number."""

from __future__ import annotations

from typing import Any, Final

from conveyor.drivers.redis.connections import Connections
from conveyor.errors import StoreError


class NameTable:
    """What each number stands for. A number keeps its meaning for as long as the store lives."""

    def __init__(self, connections: Connections, key: str) -> None:
        self._connections: Final = connections
        self._key: Final = key
        self._names: dict[int, str] = {}

    def of(self, number: int) -> str:
        """The name.

        Raises:
            StoreError: the server knows no such number: somebody has deleted the table.
        """
        name = self._names.get(number)
        return self._asked(number) if name is None else name

    def number(self, name: str) -> int | None:
        """What stands for the name, as far as that was read; `None` where it was not."""
        return next((number for number, known in self._names.items() if known == name), None)

    def forget(self) -> None:
        """Read the table again when it is next asked: the server may have lost its data and begun anew."""
        self._names = {}

    def _asked(self, number: int) -> str:
        flat: list[Any] = self._connections.command("HGETALL", self._key)
        self._names = {int(value): name.decode() for name, value in zip(flat[::2], flat[1::2], strict=True)}
        try:
            return self._names[number]
        except KeyError:
            raise StoreError(
                f"{self._key} on {self._connections.settings.server} does not say what {number} stands for; "
                "somebody has deleted it. Delete the other keys of this prefix too, or restore a backup"
            ) from None
