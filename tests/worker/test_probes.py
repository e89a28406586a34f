"""What a worker says of itself: to probes, and in its heartbeat."""

from __future__ import annotations

import http.client
import json
import re
import signal
import socket
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any, cast

import psutil
import pytest

from conveyor.errors import ConfigError
from conveyor.ids import new_id
from conveyor.worker.health import Health
from conveyor.worker.offspring import Offspring, State
from conveyor.worker.plans import BILLION
from conveyor.worker.probes import WITHIN, Probes
from conveyor.worker.settings import WorkerSettings
from conveyor.worker.slots import SlotTable
from conveyor.worker.supervisor import run_worker
from tests.worker import jobs
from tests.worker.tree import Bench, Tree, wait_until


@dataclass
class Child:
    """What Health looks at of a child."""

    name: str = "w.1"
    state: State = State.WORKING
    pid: int = 0
    started: float = field(default_factory=time.monotonic)
    types: tuple[str, ...] = ("a", "b")
    slots: SlotTable = field(default_factory=lambda: SlotTable.create(30))


def health(*children: Child, processes: int = 1) -> Health:
    made = Health(
        name="w",
        lease=2.0,
        processes=processes,
        places=30,
        children=lambda: cast("tuple[Offspring, ...]", children),
        queues=lambda: ["q"],
    )
    made.state = "running"
    return made


def ask(port: int, path: str, method: str = "GET") -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request(method, path, headers={"X-Padding": "x" * 200})
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text


# ── what health there is ─────────────────────────────────────────────────────────────────────────────────────────────


def test_a_worker_is_ready_when_its_children_are_up_and_have_their_answers() -> None:
    child = Child()
    child.slots.claimed(time.time_ns() // 1000)

    assert health(child).trouble() == ""
    assert health(child, processes=2).trouble() == "1 of 2 child processes are up"
    assert health(Child(state=State.STARTING)).trouble() == "0 of 1 child processes are up"


def test_a_worker_that_drains_is_not_ready() -> None:
    made = health(Child())

    made.state = "draining"

    assert "draining" in made.trouble()


def test_claims_without_an_answer_are_forgiven_for_three_leases() -> None:
    child = Child()

    child.slots.asking(time.monotonic_ns() - 5 * BILLION)
    assert health(child).trouble() == ""
    child.slots.asking(time.monotonic_ns() - 7 * BILLION)
    assert health(child).trouble() == "w.1 has had no answer to its claims for 7 s"
    child.slots.claimed(time.time_ns() // 1000)
    assert health(child).trouble() == ""


def test_a_child_that_is_busy_need_not_claim_and_an_idle_one_must() -> None:
    silent = Child(started=time.monotonic() - 60)
    silent.slots.claimed(time.time_ns() // 1000 - 40_000_000)

    assert "has not asked for jobs for 40 s" in health(silent).trouble()
    silent.slots.begin(0, new_id(), 1, time.monotonic_ns() - 40 * BILLION, 0)
    assert health(silent).trouble() == ""


def test_a_store_that_owes_the_supervisor_an_answer_is_forgiven_for_three_leases() -> None:
    child = Child()
    child.slots.claimed(time.time_ns() // 1000)
    made = health(child)

    made.asking_since = time.monotonic() - 5
    assert made.trouble() == ""
    made.asking_since = time.monotonic() - 7

    assert made.trouble() == "the store has not answered for 7 s"


def test_a_worker_is_alive_as_long_as_its_loop_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    made = health()
    assert made.is_live
    made.turned()
    assert made.is_live

    later = time.monotonic() + 31
    monkeypatch.setattr("conveyor.worker.health.time.monotonic", lambda: later)

    assert not made.is_live


def test_a_record_names_the_jobs_that_have_run_longest_and_no_more_than_twenty() -> None:
    child = Child()
    now = time.monotonic_ns()
    ids = [new_id() for _ in range(25)]
    for slot, id in enumerate(ids):
        child.slots.begin(slot, id, 3, now - (slot + 1) * BILLION, 0, 2 if slot else 9)

    record = health(child).record()

    assert (record.slots, record.running) == (30, 25)
    assert [job.id for job in record.jobs] == ids[:4:-1]
    assert {(job.type, job.attempt) for job in record.jobs} == {("b", 3)}
    assert abs(record.jobs[0].started_at / 1e6 - (time.time() - 25)) < 1


# ── over HTTP ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def port() -> Generator[int]:
    probes = Probes("127.0.0.1", 0)
    probes.start(health(Child(state=State.STARTING)))
    yield probes.port
    probes.stop()


@pytest.mark.parametrize(
    ("method", "path", "status", "body"),
    [
        ("GET", "/live", 200, "ok\n"),
        ("GET", "/live?verbose=1", 200, "ok\n"),
        ("HEAD", "/live", 200, ""),
        ("GET", "/ready", 503, "0 of 1 child processes are up\n"),
        ("HEAD", "/ready", 503, ""),
        ("GET", "/metrics", 404, "not found\n"),
        ("POST", "/live", 405, "method not allowed\n"),
        ("DELETE", "/nothing", 405, "method not allowed\n"),
    ],
)
def test_probes_are_answered(port: int, method: str, path: str, status: int, body: str) -> None:
    assert ask(port, path, method) == (status, body)


@pytest.mark.parametrize("path", ["/", "/health"])
def test_the_document_says_what_the_worker_is_and_does(port: int, path: str) -> None:
    status, text = ask(port, path)

    document = json.loads(text)
    assert status == 200
    assert (document["live"], document["ready"], document["trouble"]) == (True, False, "0 of 1 child processes are up")
    assert (document["name"], document["queues"], document["slots"], document["jobs"]) == ("w", ["q"], 30, [])
    assert document["last_claim_at"] is None


@pytest.mark.parametrize("request_line", [b"nonsense\r\n\r\n", b"GET /live\r\n\r\n", b"x" * 9000])
def test_what_is_no_request_is_refused(port: int, request_line: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(request_line)

        assert connection.recv(100).startswith(b"HTTP/1.1 400 Bad Request\r\n")


def test_nobody_waits_for_those_who_send_nothing_and_these_are_hung_up_on(port: int) -> None:
    began = time.monotonic()
    idle = [socket.create_connection(("127.0.0.1", port), timeout=10) for _ in range(20)]
    for connection in idle:
        connection.sendall(b"GET /li")

    assert ask(port, "/live") == (200, "ok\n")
    assert time.monotonic() - began < WITHIN
    # More than it serves at a time: some wait until the idle ones have had their time.
    idle += [socket.create_connection(("127.0.0.1", port), timeout=10) for _ in range(20)]
    assert ask(port, "/live") == (200, "ok\n")
    for connection in idle:
        assert connection.recv(1) == b""
        connection.close()


def test_a_port_that_is_taken_is_said_before_anything_starts() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        settings = WorkerSettings(app="tests.worker.jobs:app", url="sqlite:///never-made.db", health_port=port)

        with pytest.raises(ConfigError, match=f"health-port {port} of 127.0.0.1 cannot be listened at"):
            run_worker(settings)


# ── a real worker ────────────────────────────────────────────────────────────────────────────────────────────────────


def probed(tree: Tree) -> Callable[[str], tuple[int, str]]:
    """Ask this worker, at the port that its log names."""
    found: Any = wait_until(lambda: re.search(r"answers probes at http://127\.0\.0\.1:(\d+)", tree.said))
    return lambda path: ask(int(found[1]), path)


def test_a_worker_answers_from_its_start_to_its_end(bench: Bench) -> None:
    # Longer than a busy worker is silent: its heartbeat comes every two seconds.
    (id,) = bench.push(jobs.wait.call(bench.path, 5.0))
    tree = bench.worker(health_port=0, processes=2)
    get = probed(tree)

    assert get("/live") == (200, "ok\n")
    assert get("/ready")[0] in (200, 503)
    wait_until(lambda: get("/ready") == (200, "ok\n"))
    running = json.loads(wait_until(lambda: text if '"running":1' in (text := get("/")[1]) else ""))
    (seen,) = wait_until(lambda: [each for each in bench.app.driver.workers() if each.jobs])
    tree.signal(signal.SIGTERM)
    status, reason = wait_until(lambda: answer if (answer := get("/ready"))[0] == 503 else None)

    assert (status, reason) == (503, "draining: it takes no more jobs\n")
    assert get("/live") == (200, "ok\n")
    (job,) = running["jobs"]
    assert (job["id"], job["type"], job["attempt"]) == (str(id), "wait", 1)
    # Two processes, each with a thread and a hundred places for async jobs.
    assert running["slots"] == seen.slots == 202
    assert (seen.jobs[0].id, seen.jobs[0].type, seen.trouble) == (id, "wait", "")
    assert tree.wait() == 0


def test_a_lost_child_makes_its_worker_unready_and_a_new_one_ready_again(bench: Bench) -> None:
    tree = bench.worker(health_port=0, lease=1.0)
    get = probed(tree)
    wait_until(lambda: get("/ready")[0] == 200)
    (child,) = tree.children

    psutil.Process(child).kill()
    wait_until(lambda: get("/ready") == (503, "0 of 1 child processes are up\n"))

    wait_until(lambda: get("/ready")[0] == 200)
    assert get("/live")[0] == 200
    assert tree.stop() == 0
