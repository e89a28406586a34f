"""Redis by a Unix socket: `unix://`, with everything else that a URL may say."""

from __future__ import annotations

import socket
import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
import redis

from conveyor.drivers.open import open_driver
from conveyor.errors import StoreError, StoreUnavailable
from conveyor.lifecycle import after_success
from tests import servers
from tests.contract.stores import push_one, take_one
from tests.servers import Server
from tests.worker import jobs as sample
from tests.worker import tree
from tests.worker.tree import wait_until

PROGRAMS = [servers.VALKEY, *([servers.SYSTEM] if servers.SYSTEM else [])]


@pytest.fixture
def path() -> Generator[Path]:
    # Not the test's own directory: the kernel takes a hundred letters.
    with tempfile.TemporaryDirectory(prefix="conveyor-socket-") as directory:
        yield Path(directory) / "s"


@pytest.fixture(params=PROGRAMS, ids=lambda program: Path(program).name)
def server(request: pytest.FixtureRequest, path: Path) -> Generator[Server]:
    made = Server(request.param, "--save", "", "--unixsocket", str(path))
    with made.client() as client:
        client.execute_command("ACL", "SETUSER", "ada", "on", ">s:cr@t", "~shop*", "&shop*", *servers.PERMISSIONS)
        client.execute_command("ACL", "SETUSER", "default", "resetpass", ">hush")
    yield made
    made.remove()


def test_user_password_database_and_prefix_go_by_a_socket_too(server: Server, path: Path) -> None:
    driver = open_driver(f"unix://ada:s%3Acr%40t@{path}?db=3&prefix=shop&timeout=2")

    push_one(driver)
    assert driver.wait(["a"], 1)
    assert driver.settle([after_success(take_one(driver), None)]) == [True]
    assert not driver.wait(["a"], 0.01)

    opened: Any = redis.Redis(port=server.port, password="hush", db=3)
    with opened as client:
        assert client.exists("shop:finished")
        assert client.info("keyspace").keys() == {"db3"}
    assert driver.url == f"unix://ada@{path}?db=3&prefix=shop&timeout=2"
    driver.close()


def test_a_worker_serves_a_queue_by_a_socket_with_the_servers_own_password(
    server: Server, path: Path, tmp_path: Path
) -> None:
    with tree.bench(tmp_path, url=f"unix://:hush@{path}?db=1") as bench:
        worker = bench.worker()
        wait_until(lambda: worker.is_ready)

        bench.push(*[sample.add.call(1, 2)] * 20)

        wait_until(lambda: bench.counts().completed == 20)
        assert worker.stop() == 0


@pytest.mark.parametrize("user", ["", "ada:wrong@", ":wrong@"])
def test_who_is_not_known_by_a_socket_is_told_so(server: Server, path: Path, user: str) -> None:
    with pytest.raises(StoreUnavailable, match=r"password") as refused:
        open_driver(f"unix://{user}{path}?prefix=shop")

    assert str(path) in str(refused.value)
    assert "wrong" not in str(refused.value)


def test_a_database_that_the_server_does_not_have_is_named(server: Server, path: Path) -> None:
    with pytest.raises(StoreError, match=r"DB index|database"):
        open_driver(f"unix://:hush@{path}?db=99")


def test_a_path_at_which_nobody_listens_is_named(path: Path) -> None:
    with pytest.raises(StoreUnavailable, match=f"cannot reach {path}: .*; start the server or correct the URL"):
        open_driver(f"unix://{path}")

    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(str(path))
    with pytest.raises(StoreUnavailable, match=f"cannot reach {path}: .*; start the server or correct the URL"):
        open_driver(f"unix://{path}")
