"""Where servers are: the hosts and ports in the middle of a URL that names several."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import threading
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

from conveyor.errors import ConfigError


class Address(NamedTuple):
    """One server."""

    host: str
    port: int

    def __str__(self) -> str:
        """As a URL has it."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def addresses(parts: SplitResult, port: int, shown: str, form: str) -> tuple[Address, ...]:
    """Every server between the `//` and the path, at this port unless it says otherwise.

    Raises:
        ConfigError: one of them has no host, or a port that is none; `form` is how the URL should look.
    """
    return tuple(_address(text, port, shown, form) for text in parts.netloc.rpartition("@")[2].split(","))


def _address(text: str, port: int, shown: str, form: str) -> Address:
    try:
        split = urlsplit(f"//{text.strip()}")
        host, own = split.hostname, split.port
    except ValueError as error:
        raise ConfigError(f"{text!r} in {shown!r} is no server ({error}); write {form}") from None
    if not host:
        raise ConfigError(f"{text!r} in {shown!r} names no server; write {form}")
    return Address(host, port if own is None else own)


def check_name(host: str, port: int, seconds: float) -> None:
    """Make sure that the host's name leads somewhere, or hear in time that it does not: the system's call has no limit.

    Raises:
        OSError: nobody knows it, or nobody has answered within so many seconds.
    """
    with contextlib.suppress(ValueError):
        ipaddress.ip_address(host)
        return
    failed: list[OSError] = []

    def ask() -> None:
        try:
            socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as error:
            failed.append(error)

    asking = threading.Thread(target=ask, name="conveyor-name", daemon=True)
    asking.start()
    asking.join(seconds)
    if asking.is_alive():
        raise OSError(f"no name service has told the address of {host!r} within {seconds:g} s")
    if failed:
        raise failed[0]
