"""conveyor.toml: what stands in for options that neither the command line nor the environment gives."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, cast

from conveyor import config
from conveyor.errors import ConfigError

WORK: Final = (
    "queue",
    "exclude",
    "processes",
    "threads",
    "async-limit",
    "timeout",
    "burst",
    "once",
    "max-jobs",
    "max-memory",
    "max-time",
    "watch",
    "shutdown-timeout",
    "lease",
    "health-port",
    "health-host",
    "name",
    "log-level",
    "log-json",
    "log-args",
)
"""The keys of [work]: the options of `conveyor work`, by their long names."""


def read_defaults(commands: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Default options for each command, from conveyor.toml in the working directory; empty when there is none.

    Raises:
        ConfigError: it cannot be read, is not TOML, or has a key that means nothing.
    """
    file = config.here() / config.FILE
    settings = config.read_file(file)
    work = cast("dict[str, Any]", settings.pop(config.WORK, {}))
    unknown = [key for key in work if key not in WORK]
    if unknown:
        names = ", ".join(repr(key) for key in unknown)
        raise ConfigError(f"{file} has unknown keys in [{config.WORK}]: {names}; known are {', '.join(WORK)}")
    options = {key.replace("-", "_"): _as_option(key, value) for key, value in work.items()}
    return {command: dict(settings) for command in commands} | {"work": settings | options}


def _as_option(key: str, value: Any) -> Any:
    if key in {"queue", "exclude", "watch"} and isinstance(value, str):
        return [value]
    # click reads a number as the user would write it, and so finds the same faults in it.
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value
