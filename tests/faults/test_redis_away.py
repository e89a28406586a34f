"""A store that is away, in whatever way: whoever wants something of it hears so within the timeout."""

from __future__ import annotations

import signal
import socket
import threading
import time
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager

import pytest

from conveyor.drivers.base import Driver
from conveyor.drivers.open import open_driver
from conveyor.errors import StoreUnavailable
from tests import servers
from tests.contract.stores import a_job
from tests.servers import Server
from tests.topologies import Cluster, Sentinels

TIMEOUT = 0.25
"""What the URLs here say; a second more is for a busy machine."""


def single(stack: ExitStack) -> tuple[str, list[Server]]:
    server = Server(servers.VALKEY)
    stack.callback(server.remove)
    return server.url(timeout=TIMEOUT), [server]


def spread(stack: ExitStack) -> tuple[str, list[Server]]:
    url, made = single(stack)
    return f"{url}&partitions=4", made


def sentinels(stack: ExitStack) -> tuple[str, list[Server]]:
    made = Sentinels()
    stack.callback(made.remove)
    return made.url(timeout=TIMEOUT), [*made.servers, *made.sentinels]


def cluster(stack: ExitStack) -> tuple[str, list[Server]]:
    made = Cluster()
    stack.callback(made.remove)
    return made.url(timeout=TIMEOUT, partitions=4), made.servers


def refused(act: Callable[[], object]) -> None:
    began = time.monotonic()
    with pytest.raises(StoreUnavailable, match=r"did not answer|cannot reach|fails"):
        act()
    assert time.monotonic() - began < TIMEOUT + 1


@contextmanager
def frozen(stopped: list[Server]) -> Generator[None]:
    """None of them says anything, and the kernel still takes connections to them."""
    for server in stopped:
        server.process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for server in stopped:
            server.process.send_signal(signal.SIGCONT)


def ask_for_all(driver: Driver) -> None:
    """On connections that are open, and on those that have to be opened first."""
    refused(driver.counts)
    for _ in range(2):
        refused(lambda: driver.push([a_job()]))
    refused(driver.counts)
    refused(lambda: driver.claim(["a"], limit=1, lease=30.0, worker="w"))
    refused(lambda: driver.wait(["a"], 10))


@pytest.mark.parametrize(
    "store",
    [single, pytest.param(spread, marks=pytest.mark.soak), sentinels, cluster],
    ids=["single", "spread", "sentinels", "cluster"],
)
def test_servers_that_are_frozen_keep_nobody_longer_than_the_timeout(
    store: Callable[[ExitStack], tuple[str, list[Server]]],
) -> None:
    with ExitStack() as stack:
        url, stopped = store(stack)
        driver = open_driver(url)
        stack.callback(driver.close)
        driver.push([a_job() for _ in range(50)])
        driver.counts()
        driver.wait(["a"], 0.01)

        with frozen(stopped):
            ask_for_all(driver)
            refused(lambda: open_driver(url))
            # Nor does one have to wait for what another waits for.
            threads = [threading.Thread(target=refused, args=(driver.counts,)) for _ in range(4)]
            began = time.monotonic()
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert time.monotonic() - began < TIMEOUT + 1


@contextmanager
def black_hole() -> Generator[int]:
    """A port at which the kernel takes no connection, and says nothing: too many are waiting to be accepted."""
    with socket.socket() as listening, ExitStack() as stack:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        port: int = listening.getsockname()[1]
        for _ in range(3):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(("127.0.0.1", port))
        yield port


@pytest.mark.parametrize(
    "form",
    [
        "redis://127.0.0.1:{port}/0?",
        "redis+sentinel://127.0.0.1:{port},127.0.0.1:{port}/shop?",
        "redis+cluster://127.0.0.1:{port},127.0.0.1:{port}?",
    ],
)
def test_addresses_that_lead_nowhere_keep_nobody_longer_than_the_timeout(form: str) -> None:
    with black_hole() as port:
        refused(lambda: open_driver(form.format(port=port) + f"timeout={TIMEOUT}"))


def test_a_name_that_nobody_knows_is_named() -> None:
    with pytest.raises(StoreUnavailable, match=r"cannot reach nowhere\.invalid:6379: .*; start the server or correct"):
        open_driver(f"redis://nowhere.invalid/0?timeout={TIMEOUT}")


def test_a_name_service_that_says_nothing_keeps_nobody_longer_than_the_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    answered = threading.Event()

    def silent(host: str, port: int, **_: object) -> None:
        answered.wait(20)

    monkeypatch.setattr(socket, "getaddrinfo", silent)
    try:
        for url in ("redis://slow.example/0?", "redis+sentinel://slow.example/shop?", "redis+cluster://slow.example?"):
            refused(lambda url=url: open_driver(f"{url}timeout={TIMEOUT}"))  # type: ignore[misc]
    finally:
        answered.set()
