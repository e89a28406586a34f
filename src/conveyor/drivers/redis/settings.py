"""What a `redis:`, `rediss:` or `unix:` URL says, and those of a sentinel's or a cluster's servers."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from conveyor.drivers.redis.address import Address, addresses
from conveyor.errors import ConfigError

_FORM: Final = "redis://host:6379/0, rediss://host:6379/0 or unix:///path/to/socket"
_SENTINEL_FORM: Final = "redis+sentinel://host:26379,host:26379/service/0"
_SENTINEL_PORT: Final = 26379
_CLUSTER_FORM: Final = "redis+cluster://host:6379,host:6379"
_PORT: Final = 6379

PARTITIONS: Final = 16
"""Of a store on a cluster, or of one whose queues are spread: whole key bases, each with a hash tag of its own."""
_SECRET: Final = re.compile(r"(\w*password)=[^&]*")
_PREFIX: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_TLS: Final = {
    "tls_ca": "the file with the certificates to trust",
    "tls_cert": "the file with our own certificate",
    "tls_key": "the file with its key",
    "tls_verify": "true or false",
}
_OPTIONS: Final = ("db", "prefix", "timeout", "partitions", "sentinel_password", *_TLS)


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisSettings:
    """Where the server is and how it is spoken to."""

    shown: str
    """The URL without its secrets."""
    host: str = "localhost"
    port: int = 6379
    path: str = ""
    """Of a Unix socket; "" for TCP."""
    db: int = 0
    username: str | None = None
    password: str | None = None
    prefix: str = "conveyor"
    """What the names of all keys begin with."""
    sentinels: tuple[Address, ...] = ()
    """Who knows where the primary is; empty where the URL says it."""
    service: str = ""
    """What sentinels call that primary."""
    sentinel_password: str | None = None
    nodes: tuple[Address, ...] = ()
    """Servers of a cluster, from which the others are found; empty for a store on one server."""
    partitions: int = 1
    """Over how many of the PARTITIONS each queue is spread."""
    timeout: float = 5.0
    """Seconds to connect and to be answered before StoreUnavailable."""
    tls: bool = False
    tls_ca: str | None = None
    tls_cert: str | None = None
    tls_key: str | None = None
    tls_verify: bool = True

    @classmethod
    def from_url(cls, url: str) -> RedisSettings:
        """Read a URL.

        Raises:
            ConfigError: it names no server, or an option is unknown or has a value that cannot work.
        """
        parts = urlsplit(url)
        shown = _shown(parts)
        options = dict(parse_qsl(parts.query, keep_blank_values=True))
        if unknown := sorted(set(options) - set(_OPTIONS)):
            raise ConfigError(f"unknown option {unknown[0]!r} in {shown!r}; known are {', '.join(_OPTIONS)}")
        tls = parts.scheme.startswith("rediss")
        if not tls and (given := sorted(set(options) & set(_TLS))):
            raise ConfigError(f"{given[0]} is given in {shown!r}, which is not encrypted; write rediss:// for TLS")
        if parts.scheme.endswith("+sentinel"):
            return cls._of_sentinels(parts, options, shown)
        if "sentinel_password" in options:
            raise ConfigError(f"sentinel_password is given in {shown!r}; only {_SENTINEL_FORM} has sentinels")
        if parts.scheme.endswith("+cluster"):
            return cls._of_cluster(parts, options, shown)
        is_socket = parts.scheme == "unix"
        if parts.fragment or (is_socket and (not parts.path.strip("/") or parts.hostname)):
            raise ConfigError(f"the store URL {shown!r} names no server; write {_FORM}")
        return cls(
            shown=shown,
            host=parts.hostname or "localhost",
            port=_port(parts, shown),
            path=unquote(parts.path) if is_socket else "",
            db=_db(options.get("db"), "" if is_socket else parts.path, shown),
            **_common(parts, options, shown),
        )

    @classmethod
    def _of_sentinels(cls, parts: SplitResult, options: dict[str, str], shown: str) -> RedisSettings:
        service, _, db = parts.path.strip("/").partition("/")
        sentinels = addresses(parts, _SENTINEL_PORT, shown, _SENTINEL_FORM)
        if not service or parts.fragment:
            raise ConfigError(f"the store URL {shown!r} names no service; write {_SENTINEL_FORM}")
        return cls(
            shown=shown,
            sentinels=sentinels,
            service=unquote(service),
            sentinel_password=options.get("sentinel_password"),
            db=_db(options.get("db"), db, shown),
            **_common(parts, options, shown),
        )

    @classmethod
    def _of_cluster(cls, parts: SplitResult, options: dict[str, str], shown: str) -> RedisSettings:
        if parts.fragment or _db(options.get("db"), parts.path, shown):
            raise ConfigError(f"{shown!r} names a database, and a cluster has none but 0; write {_CLUSTER_FORM}")
        nodes = addresses(parts, _PORT, shown, _CLUSTER_FORM)
        return cls(shown=shown, nodes=nodes, **_common(parts, options, shown))

    @property
    def is_spread(self) -> bool:
        """The store has PARTITIONS; else all of it lies under one key base."""
        return bool(self.nodes) or self.partitions > 1

    @property
    def beginning(self) -> str:
        """What the names of all keys begin with, up to a colon."""
        return f"{{{self.prefix}" if self.is_spread else self.prefix

    def base(self, partition: int) -> str:
        """What the keys of this partition begin with."""
        return f"{{{self.prefix}:{partition}}}"

    def at(self, address: Address) -> RedisSettings:
        """The same, for the server at this address."""
        return replace(self, host=address.host, port=address.port)

    @property
    def server(self) -> str:
        """How messages name the server."""
        return self.path or f"{self.host}:{self.port}"


def _common(parts: SplitResult, options: dict[str, str], shown: str) -> dict[str, Any]:
    """What every URL may say."""
    return {
        "username": unquote(parts.username) if parts.username else None,
        "password": unquote(parts.password) if parts.password else None,
        "prefix": _prefix(options.get("prefix", "conveyor"), shown),
        "timeout": _timeout(options.get("timeout", "5"), shown),
        "partitions": _partitions(options.get("partitions", "1"), shown),
        "tls": parts.scheme.startswith("rediss"),
        "tls_ca": _file(options, "tls_ca", shown),
        "tls_cert": _file(options, "tls_cert", shown),
        "tls_key": _file(options, "tls_key", shown),
        "tls_verify": _true_or_false(options.get("tls_verify", "true"), shown),
    }


def _shown(parts: SplitResult) -> str:
    """The URL without its passwords."""
    before, at, after = parts.netloc.rpartition("@")
    user = before.partition(":")[0]
    host = f"{user}@{after}" if at and user else after
    query = _SECRET.sub(r"\1=…", parts.query)
    return f"{parts.scheme}://{host}{parts.path}" + (f"?{query}" if query else "")


def _port(parts: SplitResult, shown: str) -> int:
    try:
        return _PORT if parts.port is None else parts.port
    except ValueError as error:
        raise ConfigError(f"the store URL {shown!r} has a port that is none ({error}); write {_FORM}") from None


def _db(option: str | None, path: str, shown: str) -> int:
    text = option if option is not None else path.strip("/") or "0"
    if not (text.isascii() and text.isdigit()):
        raise ConfigError(f"the database is {text!r} in {shown!r}; give its number, such as redis://host:6379/0")
    return int(text)


def _prefix(text: str, shown: str) -> str:
    if not _PREFIX.fullmatch(text):
        raise ConfigError(f"prefix is {text!r} in {shown!r}; give 1 to 64 letters, digits, dots, dashes, underscores")
    return text


def _timeout(text: str, shown: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 3600:  # noqa: PLR2004 - an hour
        raise ConfigError(f"timeout is {text!r} in {shown!r}; give seconds above 0, at most 3600")
    return value


def _partitions(text: str, shown: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= PARTITIONS):
        raise ConfigError(f"partitions is {text!r} in {shown!r}; give a whole number from 1 to {PARTITIONS}")
    return int(text)


def _file(options: dict[str, str], name: str, shown: str) -> str | None:
    path = options.get(name)
    if path is not None and not Path(path).is_file():
        raise ConfigError(f"{name} is {path!r} in {shown!r}, where there is no file; give {_TLS[name]}")
    return path


def _true_or_false(text: str, shown: str) -> bool:
    if text not in {"true", "false"}:
        raise ConfigError(f"tls_verify is {text!r} in {shown!r}; give true or false")
    return text == "true"
