"""Locks while the server that keeps them goes away and comes back."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from conveyor import Conveyor
from tests import postgres, servers
from tests.worker.tree import ROOT

RACERS = 3
ROUNDS = 10

Restart = Callable[[], None]


@pytest.fixture(params=["valkey", "postgres"])
def server(request: pytest.FixtureRequest) -> Generator[tuple[str, Restart]]:
    """A server's URL, and what lets it crash and start again."""
    if request.param == "valkey":
        valkey = servers.Server(servers.VALKEY, "--appendonly", "yes", "--appendfsync", "always", "--save", "")

        def restart_valkey() -> None:
            valkey.kill()
            valkey.start()

        yield valkey.url(), restart_valkey
        valkey.remove()
        return
    made = postgres.Server(postgres.wheel())
    made.start()

    def restart_postgres() -> None:
        made.stop(signal.SIGQUIT)
        made.start()

    yield made.url(), restart_postgres
    made.remove()


def test_one_has_the_lock_at_a_time_while_its_server_crashes_and_fences_go_on_growing(
    server: tuple[str, Restart], tmp_path: Path
) -> None:
    url, restart = server
    app = Conveyor(url)
    # Nobody has it when the server crashes for the first time; what it has counted must not be forgotten.
    with app.lock("import") as lock:
        before = lock.fence
    app.close()
    restart()
    racers = [racer(url, tmp_path / "marker") for _ in range(RACERS)]
    said: list[list[str]] = [[] for _ in racers]
    has_begun = threading.Event()
    readers = [
        threading.Thread(target=listen, args=(process, words, has_begun))
        for process, words in zip(racers, said, strict=True)
    ]
    for reader in readers:
        reader.start()
    try:
        assert has_begun.wait(30)
        restart()
        for reader in readers:
            reader.join(90)
        assert [process.wait(20) for process in racers] == [0] * RACERS
    finally:
        for process in racers:
            process.kill()
            process.wait()

    fences = [int(word) for words in said for word in words if word != "overlap"]
    assert not any("overlap" in words for words in said)
    assert len(fences) == len(set(fences)) == RACERS * ROUNDS
    assert all([int(word) for word in words] == sorted(map(int, words)) for words in said)
    assert min(fences) > before


def racer(url: str, marker: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.services.holder", "endure", url, "import", str(marker), str(ROUNDS)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )


def listen(process: subprocess.Popen[str], words: list[str], has_begun: threading.Event) -> None:
    assert process.stdout is not None
    with process.stdout as lines:
        for line in lines:
            words.append(line.strip())
            has_begun.set()
