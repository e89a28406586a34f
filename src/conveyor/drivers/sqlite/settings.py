"""What a `sqlite:` URL says."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal
from urllib.parse import parse_qsl, unquote, urlsplit

from conveyor.errors import ConfigError

_FORM: Final = "sqlite:///relative.db or sqlite:////absolute/path.db"


@dataclass(frozen=True, slots=True)
class SqliteSettings:
    """Where the file is and how it is used."""

    path: Path
    durability: Literal["normal", "full"] = "normal"
    """"normal" survives the death of any process; "full" also a power cut, at a sync for each commit."""
    timeout: float = 10.0
    """Seconds to wait for another process's transaction before StoreUnavailable."""
    share: bool = False
    """Whether to keep conveyor's tables in a file that has tables of an application."""
    migrate: bool = True
    """Whether opening makes the tables, and brings them up to date."""

    @classmethod
    def from_url(cls, url: str) -> SqliteSettings:
        """Read a URL.

        Raises:
            ConfigError: it names no file, or an option is unknown or has a value that cannot work.
        """
        parts = urlsplit(url)
        if parts.netloc or not parts.path.startswith("/") or parts.path == "/" or parts.fragment:
            raise ConfigError(f"the store URL {url!r} names no file; write {_FORM}")
        path = unquote(parts.path[1:])
        if "\0" in path:
            raise ConfigError(f"the store URL {url!r} has a NUL in the name of its file; write {_FORM}")
        if path == ":memory:":
            raise ConfigError(
                f"the store URL {url!r} asks for a database in memory; use memory:// for tests, or {_FORM}"
            )
        options = dict(parse_qsl(parts.query, keep_blank_values=True))
        durability = options.pop("durability", "normal")
        if durability not in ("normal", "full"):
            raise ConfigError(f"durability is {durability!r} in {url!r}; give normal or full")
        timeout = _positive(options.pop("timeout", "10"), url)
        share = _switch("share", options.pop("share", "false"), url)
        migrate = _switch("migrate", options.pop("migrate", "true"), url)
        if options:
            raise ConfigError(
                f"unknown option {min(options)!r} in {url!r}; known are durability, timeout, share, migrate"
            )
        return cls(Path(path), "full" if durability == "full" else "normal", timeout, share, migrate)


def _switch(name: str, text: str, url: str) -> bool:
    if text not in ("true", "false"):
        raise ConfigError(f"{name} is {text!r} in {url!r}; give true or false")
    return text == "true"


def _positive(text: str, url: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 3600:  # noqa: PLR2004 - an hour
        raise ConfigError(f"timeout is {text!r} in {url!r}; give seconds above 0, at most 3600")
    return value
