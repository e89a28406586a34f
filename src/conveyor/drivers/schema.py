"""What a driver whose tables have versions says of them, for `conveyor migrate`."""

from __future__ import annotations

from typing import Protocol


class Schema(Protocol):
    """The tables of a store, looked at without opening it: nothing is changed until `migrate` is called."""

    @property
    def place(self) -> str:
        """How people call it."""
        ...

    @property
    def version(self) -> int:
        """Which version it had when it was looked at; 0 when there is nothing of ours."""
        ...

    @property
    def latest(self) -> int:
        """Which version this conveyor needs."""
        ...

    def script(self) -> str:
        """The statements that lead from `version` to `latest`, all or none, for a person to run by hand."""
        ...

    def migrate(self) -> int:
        """Bring it to the latest version; several may at once. Answers the version from which it was brought there."""
        ...

    def close(self) -> None:
        """Let go of the connection."""
        ...
