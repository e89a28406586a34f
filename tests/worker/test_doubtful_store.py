"""What a worker says at its start of a store that could lose jobs, and what `conveyor doctor` says of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator
from contextlib import ExitStack
from pathlib import Path

import pytest
from click.testing import CliRunner

from conveyor.cli.group import root
from tests import servers, topologies
from tests.servers import Server
from tests.worker import tree
from tests.worker.tree import wait_until

Start = Callable[..., Server]


@pytest.fixture
def start() -> Generator[Start]:
    """Start servers with options; they end with the test."""
    with ExitStack() as stack:

        def started(*options: str) -> Server:
            server = Server(servers.VALKEY, *options)
            stack.callback(server.remove)
            return server

        yield started


def warnings_of(server: Server, directory: Path) -> list[str]:
    """What a worker on this server has to say that is more than information, until it is ready."""
    with tree.bench(directory, url=server.url()) as bench:
        worker = bench.worker()
        wait_until(lambda: worker.is_ready)
        worker.stop()
        return [line for line in worker.said.splitlines() if re.search(r" (WARNING|ERROR) ", line)]


def diagnosis_of(server: Server) -> str:
    return doctor(server.url())


def doctor(url: str) -> str:
    return CliRunner().invoke(root, ["doctor", "--url", url]).output


def test_a_worker_says_in_one_line_that_its_server_forgets_and_deletes_jobs(start: Start, tmp_path: Path) -> None:
    server = start("--save", "", "--appendonly", "no", "--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru")

    (line,) = warnings_of(server, tmp_path)

    assert "maxmemory-policy is allkeys-lru: at its memory limit the server deletes jobs; persistence is off" in line
    assert '"conveyor doctor" says what to do' in line
    diagnosis = diagnosis_of(server)
    assert "problem: maxmemory-policy is allkeys-lru: at its memory limit the server deletes jobs; set max" in diagnosis
    assert "problem: persistence is off: a restart of the server loses every job; set appendonly to yes" in diagnosis


def test_a_worker_says_what_snapshots_alone_would_lose(start: Start, tmp_path: Path) -> None:
    server = start("--save", "3600 1", "--appendonly", "no")

    (line,) = warnings_of(server, tmp_path)

    assert "snapshots alone (save 3600 1): a crash loses everything since the last one" in line


def test_a_worker_has_nothing_to_say_of_a_server_that_keeps_jobs(start: Start, tmp_path: Path) -> None:
    options = ("--appendonly", "yes", "--maxmemory", "100mb", "--maxmemory-policy", "volatile-lru")
    server = start("--save", "", *options)

    assert warnings_of(server, tmp_path) == []
    assert "ok: append-only file on: a crash loses the last second at most" in diagnosis_of(server)


def test_doctor_says_what_a_user_who_may_not_read_the_settings_can_know(start: Start) -> None:
    server = start("--save", "", "--appendonly", "no")
    with server.client() as client:
        rules = [rule for rule in servers.PERMISSIONS if not rule.startswith("+config")]
        client.execute_command("ACL", "SETUSER", "ada", "on", ">secret", "~*", "&*", *rules)

    diagnosis = CliRunner().invoke(root, ["doctor", "--url", server.url().replace("//", "//ada:secret@")]).output

    assert "problem: no append-only file: a crash may lose everything since the last snapshot, if there" in diagnosis


def test_doctor_examines_the_primary_that_sentinels_name_and_every_server_of_a_cluster() -> None:
    sentinels, cluster = topologies.sentinels(), topologies.cluster()

    by_sentinels, on_cluster = doctor(sentinels.url()), doctor(cluster.url())

    assert "ok: Valkey " in by_sentinels
    assert "ok: append-only file on: a crash loses the last second at most" in by_sentinels
    assert "All is well." in by_sentinels
    for server in cluster.servers:
        assert f"ok: 127.0.0.1:{server.port}: append-only file on" in on_cluster
        assert f"ok: 127.0.0.1:{server.port}: maxmemory-policy is noeviction" in on_cluster
    assert "All is well." in on_cluster


def test_a_worker_says_in_one_line_what_is_doubtful_about_several_servers(tmp_path: Path) -> None:
    cluster = topologies.cluster()
    with ExitStack() as stack:
        for server in cluster.servers[:2]:
            client = stack.enter_context(server.client())
            client.config_set("maxmemory", 1 << 30)
            client.config_set("maxmemory-policy", "allkeys-lru")
            stack.callback(client.config_set, "maxmemory", 0)
            stack.callback(client.config_set, "maxmemory-policy", "noeviction")
        with tree.bench(tmp_path, url=cluster.url()) as bench:
            worker = bench.worker()
            wait_until(lambda: worker.is_ready)
            worker.stop()

            (line,) = [line for line in worker.said.splitlines() if re.search(r" (WARNING|ERROR) ", line)]

    for server in cluster.servers[:2]:
        assert f"127.0.0.1:{server.port}: maxmemory-policy is allkeys-lru" in line
