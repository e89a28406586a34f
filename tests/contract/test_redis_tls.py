"""Redis by TLS: a server that speaks it where the machine has one, and a front that does before one that does not."""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pytest

from conveyor.drivers.open import open_driver
from conveyor.errors import StoreUnavailable
from conveyor.lifecycle import after_success
from tests import servers
from tests.contract.stores import a_job, is_kept, take
from tests.proxy import Proxy
from tests.servers import Server, free_port
from tests.tls import HERE, Authority, Front, Identity
from tests.worker import jobs as sample
from tests.worker import tree
from tests.worker.tree import wait_until


@dataclass(frozen=True)
class Place:
    """A server that is reached by TLS."""

    port: int
    plain: Server

    def url(self, **options: object) -> str:
        query = "&".join(f"{name}={value}" for name, value in {"prefix": f"tls-{self.port}", **options}.items())
        return f"rediss://{HERE}:{self.port}/0?{query}"


class Start(Protocol):
    """Start a place with this certificate, for clients of any kind or with certificates of this authority alone."""

    def __call__(self, identity: Identity, clients: Path | None = None) -> Place: ...


def _front(stack: ExitStack, identity: Identity, clients: Path | None) -> Place:
    server = servers.valkey()
    front = Front(server.port, identity, clients)
    stack.callback(front.close)
    return Place(front.port, server)


def _system(stack: ExitStack, identity: Identity, clients: Path | None) -> Place:
    assert servers.SYSTEM is not None
    port = free_port()
    server = Server(
        servers.SYSTEM, "--save", "", "--tls-port", str(port), "--tls-cert-file", str(identity.certificate),
        "--tls-key-file", str(identity.key), "--tls-ca-cert-file", str(clients or identity.certificate),
        "--tls-auth-clients", "yes" if clients else "no",
    )  # fmt: skip
    stack.callback(server.remove)
    return Place(port, server)


WAYS = {"front": _front, **({"system": _system} if servers.SYSTEM else {})}


@pytest.fixture(params=WAYS)
def start(request: pytest.FixtureRequest) -> Generator[Start]:
    way = WAYS[request.param]
    with ExitStack() as stack:

        def started(identity: Identity, clients: Path | None = None) -> Place:
            return way(stack, identity, clients)

        yield started


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def work(url: str) -> None:
    """A job goes through its life, and whoever waits for one is woken."""
    driver = open_driver(url)
    assert not driver.wait(["a"], 0.01)
    new = [a_job(payload='"' + "x" * 100_000 + '"') for _ in range(20)]  # more than one TLS record
    driver.push(new)
    assert driver.wait(["a"], 5.0)
    assert all(driver.settle([after_success(claim, None) for claim in take(driver)]))
    assert is_kept(driver, new[0].id)
    driver.close()


def test_jobs_go_through_a_server_whose_certificate_we_trust(start: Start, authority: Authority) -> None:
    place = start(authority.identity("server"))

    work(place.url(tls_ca=authority.file))


def test_a_worker_serves_a_queue_by_tls(start: Start, authority: Authority, tmp_path: Path) -> None:
    place = start(authority.identity("server"))
    with tree.bench(tmp_path, url=place.url(tls_ca=authority.file)) as bench:
        worker = bench.worker()
        wait_until(lambda: worker.is_ready)

        bench.push(*[sample.add.call(1, 2)] * 50)

        wait_until(lambda: bench.counts().completed == 50)
        assert worker.stop() == 0


def test_a_server_of_an_authority_that_we_do_not_trust_is_refused(
    start: Start, authority: Authority, tmp_path: Path
) -> None:
    place = start(Authority(tmp_path, "strangers").identity("server"))

    with pytest.raises(StoreUnavailable, match=r"certificate.*name the authority to trust with \?tls_ca="):
        open_driver(place.url(tls_ca=authority.file, timeout=2))

    work(place.url(tls_verify="false"))


def test_a_server_that_is_somebody_else_is_refused(start: Start, authority: Authority) -> None:
    place = start(authority.identity("server", "somewhere.example"))

    with pytest.raises(StoreUnavailable, match=r"certificate.*correct the host"):
        open_driver(place.url(tls_ca=authority.file, timeout=2))

    work(place.url(tls_verify="false"))


def test_a_server_that_wants_to_know_its_clients_is_shown_our_certificate(start: Start, authority: Authority) -> None:
    place = start(authority.identity("server"), authority.file)
    ours = authority.identity("client")

    with pytest.raises(StoreUnavailable, match=r"certificate of ours \(\?tls_cert=, \?tls_key=\)"):
        open_driver(place.url(tls_ca=authority.file, timeout=2))

    work(place.url(tls_ca=authority.file, tls_cert=ours.certificate, tls_key=ours.key))


def test_who_takes_a_plain_server_for_an_encrypted_one_or_the_reverse_is_told_so(
    start: Start, authority: Authority
) -> None:
    place = start(authority.identity("server"))
    encrypted = place.url(tls_ca=authority.file, timeout=1)
    wrong = [
        encrypted.replace(str(place.port), str(place.plain.port), 1),
        f"redis://{HERE}:{place.port}/0?timeout=1",
    ]

    for url in wrong:
        began = time.monotonic()
        with pytest.raises(StoreUnavailable, match=r"did not answer|it may speak TLS alone \(rediss://\)"):
            open_driver(url)
        assert time.monotonic() - began < 2.5


def test_no_wait_by_tls_is_longer_than_the_timeout(start: Start, authority: Authority) -> None:
    place = start(authority.identity("server"))
    proxy = Proxy(place.port)
    driver = open_driver(place.url(tls_ca=authority.file, timeout=1).replace(str(place.port), str(proxy.port), 1))
    driver.push([a_job()])
    proxy.stick()
    began = time.monotonic()

    with pytest.raises(StoreUnavailable, match=r"1 s|in time"):
        driver.push([a_job()])

    assert time.monotonic() - began < 2.5
    driver.close()
    proxy.close()


def test_sentinels_and_the_primary_that_they_name_are_reached_by_tls(authority: Authority) -> None:
    with ExitStack() as stack:
        primary = _front(stack, authority.identity("server"), None)
        # It cannot speak with the front, and so thinks the primary dead; what it is asked for it knows all the same.
        sentinel = Server(servers.VALKEY, sentinel_of=("shop", primary.port))
        stack.callback(sentinel.remove)
        with sentinel.client() as client:
            client.execute_command("ACL", "SETUSER", "default", "resetpass", ">hush")
        front = Front(sentinel.port, authority.identity("sentinel"))
        stack.callback(front.close)
        url = primary.url(sentinel_password="hush", timeout=2).replace(
            f"rediss://{HERE}:{primary.port}/0", f"rediss+sentinel://{HERE}:{front.port}/shop/2"
        )

        with pytest.raises(StoreUnavailable, match="certificate"):
            open_driver(url)

        work(f"{url}&tls_ca={authority.file}")


def test_a_cluster_is_reached_by_tls(authority: Authority) -> None:
    with ExitStack() as stack:
        server = Server(servers.VALKEY, "--cluster-enabled", "yes", "--save", "", "--cluster-port", str(free_port()))
        stack.callback(server.remove)
        front = Front(server.port, authority.identity("server"))
        stack.callback(front.close)
        with server.client() as client:
            client.config_set("cluster-announce-port", front.port)
            client.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
            client.execute_command("ACL", "SETUSER", "ada", "on", ">hush", "~*", "&*", "+@all")
            wait_until(lambda: b"cluster_state:ok" in client.execute_command("CLUSTER", "INFO", NEVER_DECODE=True))
        url = f"rediss+cluster://ada:hush@{HERE}:{front.port}?timeout=2"

        with pytest.raises(StoreUnavailable, match="certificate"):
            open_driver(url)

        work(f"{url}&tls_ca={authority.file}")
