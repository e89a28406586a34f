"""What a `postgresql:` URL says."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

import psycopg
from psycopg.conninfo import conninfo_to_dict

from conveyor.errors import ConfigError

_FORM: Final = "postgresql://user@host:5432/database"
_OWN: Final = ("schema", "timeout", "connections", "migrate")
_SECRET: Final = frozenset({"password", "sslpassword", "passfile"})
_SCHEMA: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,55}")


@dataclass(frozen=True, slots=True)
class PostgresSettings:
    """Where the database is and how it is used."""

    url: str
    """Without secrets."""
    parameters: dict[str, Any]
    """What libpq is told."""
    schema: str = "conveyor"
    timeout: float = 10.0
    """Seconds that any step may take before StoreUnavailable."""
    connections: int = 10
    """How many steps may be under way at a time; waiting for work takes one more."""
    migrate: bool = True
    """Whether opening brings the schema up to date."""

    @classmethod
    def from_url(cls, url: str) -> PostgresSettings:
        """Read a URL.

        Raises:
            ConfigError: an option is unknown or has a value that cannot work, or the URL cannot be read.
        """
        parts = urlsplit(url)
        shown = without_secrets(url)
        given = dict(parse_qsl(parts.query, keep_blank_values=True))
        own = {name: given.pop(name) for name in _OWN if name in given}
        try:
            parameters = conninfo_to_dict(urlunsplit(parts._replace(query=urlencode(given, quote_via=quote))))
        except psycopg.Error as error:
            reason = str(error).strip()
            if parts.password and parts.password in reason:
                reason = "it cannot be read"
            raise ConfigError(
                f"the store URL {shown!r} does not fit: {reason}; write {_FORM} with options of libpq, "
                f"or {', '.join(_OWN)}, as a query"
            ) from None
        schema = own.get("schema", "conveyor")
        if not _SCHEMA.fullmatch(schema):
            raise ConfigError(
                f"schema is {schema!r} in {shown!r}; give at most 56 letters, digits and underscores, no digit first"
            )
        migrate = own.get("migrate", "true")
        if migrate not in {"true", "false"}:
            raise ConfigError(f"migrate is {migrate!r} in {shown!r}; give true or false")
        return cls(
            url=shown,
            parameters=parameters,
            schema=schema,
            timeout=_timeout(own.get("timeout", "10"), shown),
            connections=_connections(own.get("connections", "10"), shown),
            migrate=migrate == "true",
        )

    @property
    def place(self) -> str:
        """How errors call the server and its database."""
        host = self.parameters.get("host") or "the local server"
        port = self.parameters.get("port")
        return f"{host}{f':{port}' if port else ''}/{self.parameters.get('dbname', '')}"


def without_secrets(url: str) -> str:
    """The URL without its passwords."""
    parts = urlsplit(url)
    user, _, _ = parts.netloc.rpartition("@")[0].partition(":")
    place = parts.netloc.rpartition("@")[2]
    query = "&".join(option for option in parts.query.split("&") if option.partition("=")[0].casefold() not in _SECRET)
    return urlunsplit(parts._replace(netloc=f"{user}@{place}" if user else place, query=query))


def _timeout(text: str, url: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 3600:  # noqa: PLR2004 - an hour
        raise ConfigError(f"timeout is {text!r} in {url!r}; give seconds above 0, at most 3600")
    return value


def _connections(text: str, url: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 1000:  # noqa: PLR2004 - more is a mistake
        raise ConfigError(f"connections is {text!r} in {url!r}; give a number from 1 to 1000")
    return int(text)
