"""workers, health, doctor: what they find, and what the exit code says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from conveyor.drivers.open import open_driver
from conveyor.lifecycle import held
from conveyor.records import RunningJob, WorkerRecord
from conveyor.times import SECOND, system_clock
from tests.cli.conftest import Cli, Store


def beat(store: Store, name: str = "w", *, ago: float = 0, **fields: Any) -> None:
    given: dict[str, Any] = {"host": "h1", "pid": 42, "started_at": system_clock(), "state": "running", **fields}
    given.setdefault("queues", ("emails",))
    at = system_clock() - round(ago * SECOND)
    driver = open_driver(store.url, clock=lambda: at)
    driver.beat(WorkerRecord(name=name, **given))
    driver.close()


# ── workers ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_workers_are_listed_with_what_they_run(cli: Cli, store: Store) -> None:
    empty = cli("workers")
    assert (empty.code, empty.out) == (0, "")
    assert "No worker is running" in empty.err
    job = RunningJob(id=store.push(), attempt=1, type="email.welcome", started_at=system_clock() - 90 * SECOND)
    beat(store, slots=4, running=1, jobs=(job,), rss_bytes=64 << 20, last_claim_at=system_clock())

    answer = cli("workers")
    document = cli("workers", "--json").json

    assert answer.code == 0
    ((name, host, pid, state, running, slots, memory, *_, longest, queues),) = answer.rows
    assert (name, host, pid, state, running, slots, memory) == ("w", "h1", "42", "running", "1", "4", "64MiB")
    assert (longest, queues) == ("email.welcome:1m30s", "emails")
    assert (document["healthy"], document["unhealthy"], document["total"]) == (1, 0, 1)
    assert document["workers"][0]["jobs"][0]["id"] == str(job.id)


def test_a_worker_that_is_not_healthy_is_told_by_the_exit_code(cli: Cli, store: Store) -> None:
    beat(store, "gone", ago=90)
    beat(store, "stuck", trouble="1 of 2 child processes are up")

    answer = cli("workers")

    assert answer.code == 1
    assert "Worker gone: no heartbeat for 90 s: it was killed, or is cut off." in answer.err
    assert "Worker stuck: 1 of 2 child processes are up." in answer.err


def test_a_worker_is_told_by_the_same_names_by_every_command(cli: Cli, store: Store) -> None:
    beat(store, slots=4, rss_bytes=64 << 20, last_claim_at=system_clock())

    (of_status,) = cli("status", "--json").json["workers"]
    (of_workers,) = cli("workers", "--json").json["workers"]

    assert set(of_workers) - set(of_status) == {"healthy", "problem"}
    assert set(of_status) - set(of_workers) == {"stale", "ready", "trouble", "processes"}
    assert all(of_status[name] == of_workers[name] for name in set(of_status) & set(of_workers))
    assert (of_workers["healthy"], of_workers["problem"]) == (True, None)


def test_an_age_without_cleanup_is_refused(cli: Cli, store: Store) -> None:
    beat(store, "gone", ago=90)

    answer = cli("workers", "--older-than", "1m")

    assert answer.code == 2
    assert "--older-than says what --cleanup is to forget" in answer.err
    assert cli("workers", env={"CONVEYOR_WORKERS_OLDER_THAN": "1m"}).rows[0][0] == "gone"


def test_workers_that_are_gone_are_cleaned_up(cli: Cli, store: Store) -> None:
    beat(store, "gone", ago=90)
    beat(store, "here")

    assert cli("workers", "--cleanup").err == "0 workers forgotten.\n"
    assert cli("workers", "--cleanup", "--older-than", "1m").err == "1 worker forgotten: gone.\n"
    assert cli("workers", "--cleanup", "--json").json == {"forgotten": []}
    assert cli("workers").code == 0


# ── health ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_health_is_good_when_workers_are_healthy_and_queues_served(cli: Cli, store: Store) -> None:
    store.push()
    beat(store)

    answer = cli("health")

    assert (answer.code, answer.out, answer.err) == (0, "", "Healthy: 1 worker, 1 queue.\n")
    document = cli("health", "--json").json
    assert (document["healthy"], document["problems"], document["workers"]["healthy"]) == (True, [], 1)
    (queue,) = document["queues"]
    assert (queue["queue"], queue["ready"], queue["served"], queue["problem"]) == ("emails", 1, True, None)
    of_status = cli("status", "--json").json["queues"][0]
    assert all(queue[name] == of_status[name] for name in set(queue) & set(of_status))


def test_health_names_what_is_wrong(cli: Cli, store: Store) -> None:
    store.push()
    store.push(queue="reports")
    beat(store, queues=("reports",))
    beat(store, "gone", ago=90)

    answer = cli("health", "--workers", 2)

    assert answer.code == 1
    assert answer.out.splitlines() == [
        "problem: worker gone: no heartbeat for 90 s: it was killed, or is cut off",
        "problem: queue 'emails': no healthy worker serves it",
        "problem: 1 worker healthy, 2 wanted",
    ]
    assert cli("health", "--queue", "reports").code == 0
    assert cli("health", "--queue", "reprots", "--workers", 0).out == (
        "problem: queue 'reprots': nobody has heard of it: nothing was pushed to it, and no worker serves it; "
        "did you mean 'reports'?\n"
    )
    assert cli("health", "--json").json["problems"][1] == "queue 'emails': no healthy worker serves it"


def test_a_queue_of_the_app_is_heard_of_before_its_first_job(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "queues_app.py").write_text(
        "from conveyor import Conveyor\napp = Conveyor()\n"
        "@app.job('report.build', queue='reports')\ndef build() -> None: ...\n",
        encoding="utf-8",
    )

    assert cli("health", "--queue", "reports", "--workers", 0).code == 1
    assert cli("health", "--queue", "reports", "--workers", 0, "--app", "queues_app:app").code == 0


def test_without_a_worker_health_is_bad_unless_none_is_wanted(cli: Cli) -> None:
    assert cli("health").out == "problem: 0 workers healthy, 1 wanted\n"
    assert cli("health", "--workers", 0).code == 0


# ── doctor ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_doctor_finds_nothing_in_a_store_that_is_well(cli: Cli, store: Store) -> None:
    beat(store)

    answer = cli("doctor")

    assert (answer.code, answer.err) == (0, "All is well.\n")
    assert "ok: no dead leases" in answer.out
    assert "clock is" in answer.out
    assert cli("doctor", "--json").json["ok"] is True


def test_doctor_finds_dead_leases_stale_workers_and_held_jobs(cli: Cli, store: Store) -> None:
    at = system_clock() - 60 * SECOND
    past = open_driver(store.url, clock=lambda: at)
    store.push()
    (claim,) = store.driver.claim(["emails"], limit=1, lease=30, worker="w")
    store.driver.settle([held(claim, "nobody knows it")])
    store.push()
    (claim,) = past.claim(["emails"], limit=1, lease=30, worker="w/0")
    assert claim.type == "email.welcome"
    past.close()
    beat(store, "gone", ago=90)

    answer = cli("doctor")
    problems = cli("doctor", "--json").json["problems"]

    assert answer.code == 1
    assert "problem: 1 dead leases: jobs of workers that are gone; start a worker" in answer.out
    assert "problem: 1 worker gone without leaving: gone; conveyor workers --cleanup" in answer.out
    assert "problem: queue 'emails' holds 1 job of types that no worker knows; deploy" in answer.out
    assert [each["problem"].split()[0] for each in problems] == ["1", "1", "queue"]
    assert all(each["remedy"] for each in problems)


def test_doctor_tells_clocks_that_differ(cli: Cli, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("conveyor.cli.doctor.system_clock", lambda: system_clock() - 5 * SECOND)

    answer = cli("doctor")

    assert answer.code == 1
    assert "this machine's clock is 5.0s behind the store's; let both keep time by NTP" in answer.out


def test_doctor_without_a_store_says_why(cli: Cli) -> None:
    answer = cli("doctor", "--url", "sqlite:///none.db", url=False)

    assert answer.code == 1
    assert "there is no store at" in answer.out
