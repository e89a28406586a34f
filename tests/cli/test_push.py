"""push: with the app's checks, without them, and what it prints."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from conveyor.ids import new_id
from conveyor.records import Filter, JobStatus, StoredJob
from tests.cli.conftest import Cli, Store

APP = """
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from conveyor import Conveyor

app = Conveyor()

@app.job("email.welcome", queue="emails", priority="high")
def send_welcome(user_id: int, email: str, sent_at: datetime | None = None) -> None: ...

@app.job("invoice.send", queue="billing")
@dataclass(frozen=True)
class SendInvoice:
    invoice_id: UUID
    def handle(self) -> None: ...
"""


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An application `shop:app` in the working directory."""
    (tmp_path / "shop.py").write_text(APP)
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield "shop:app"
    sys.modules.pop("shop", None)


def only_job(store: Store) -> StoredJob:
    (job,) = store.driver.find(Filter()).jobs
    return job


def test_push_prints_the_id_of_the_job_and_nothing_else_on_stdout(cli: Cli, store: Store) -> None:
    answer = cli("push", "email.welcome", '{"user_id": 7}')

    job = only_job(store)
    assert answer.code == 0
    assert answer.out == f"{job.id}\n"
    assert "not checked" in answer.err or "checked when a worker runs" in answer.err
    assert (job.type, job.queue, job.priority, job.payload) == ("email.welcome", "default", 500, '{"user_id":7}')


def test_push_takes_how_to_deliver_it(cli: Cli, store: Store) -> None:
    id = new_id()

    cli("push", "t", "--queue", "q", "--priority", "critical", "--delay", "5m", "--unique", "k", "--id", id)

    job = only_job(store)
    assert (job.id, job.queue, job.priority, job.unique, job.payload) == (id, "q", 1000, "k", "{}")
    assert job.due_at - job.pushed_at == 300_000_000
    assert job.status is JobStatus.PENDING


def test_push_reads_arguments_from_stdin(cli: Cli, store: Store) -> None:
    cli("push", "email.welcome", "-", input='{"user_id": 7}\n')

    assert json.loads(only_job(store).payload) == {"user_id": 7}


@pytest.mark.parametrize("type", ["a b", "", "x" * 201, "a\tb", "\ud800"])
def test_push_refuses_what_is_no_type(cli: Cli, store: Store, type: str) -> None:
    answer = cli("push", type)

    assert answer.code == 1
    assert f"job type is {type!r}; give 1 to 200 visible characters without spaces" in answer.err
    assert store.driver.find(Filter()).jobs == []


def test_push_without_an_app_has_the_payload_limit_that_apps_have(cli: Cli, store: Store) -> None:
    text = json.dumps({"text": "x" * ((1 << 20) - 11)}, separators=(",", ":"))

    fits = cli("push", "email.welcome", "-", input=text)
    answer = cli("push", "email.welcome", "-", input=text.replace("x", "xx", 1))

    assert fits.code == 0
    assert answer.code == 1
    assert "the arguments of 'email.welcome' take 1,048,577 bytes, the limit is 1,048,576" in answer.err
    assert len(store.driver.find(Filter()).jobs) == 1


@pytest.mark.parametrize("text", ["[1]", "7", "{", "", '{"a": }', "{'a': 1}"])
def test_push_refuses_what_is_no_json_object(cli: Cli, store: Store, text: str) -> None:
    answer = cli("push", "email.welcome", text)

    assert answer.code == 1
    assert answer.err.startswith("conveyor: the arguments ")
    assert "not a JSON object" in answer.err
    assert store.driver.find(Filter()).jobs == []


def test_a_unique_key_that_is_taken_answers_the_job_that_has_it(cli: Cli, store: Store) -> None:
    first = store.push(unique="k")

    answer = cli("push", "email.welcome", "--queue", "emails", "--unique", "k")

    assert answer.out == f"{first}\n"
    assert "Not pushed" in answer.err
    assert cli("push", "t", "--queue", "emails", "--unique", "k", "--json").json == {"id": str(first), "pushed": False}
    assert cli("push", "t", "--queue", "emails", "--json").json["pushed"] is True


def test_a_key_that_the_job_type_asks_for_is_not_blamed_on_the_option(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "unique_app.py").write_text(
        "from conveyor import Conveyor, Unique\napp = Conveyor()\n"
        "@app.job('digest', unique=Unique())\ndef digest() -> None: ...\n",
        encoding="utf-8",
    )

    first = cli("push", "digest", "--app", "unique_app:app")
    again = cli("push", "digest", "--app", "unique_app:app")

    assert again.out == first.out
    assert again.err == (
        "Not pushed: an active job of that queue has the same unique key, as its job type asks for. This is its id.\n"
    )
    assert cli("push", "digest", "--unique", "k", "--app", "unique_app:app").out != first.out
    assert "has this --unique key" in cli("push", "digest", "--unique", "k", "--app", "unique_app:app").err


def test_an_id_that_is_kept_already_is_not_pushed_again(cli: Cli, store: Store) -> None:
    first = store.push()

    answer = cli("push", "email.welcome", "--id", first)

    assert answer.out == f"{first}\n"
    assert "Not pushed" in answer.err
    assert only_job(store).id == first


def test_with_an_app_the_job_is_pushed_as_the_app_would(cli: Cli, store: Store, shop: str) -> None:
    answer = cli(
        "push", "email.welcome", '{"user_id": 7, "email": "a@b.c", "sent_at": "2026-11-24T10:00:00Z"}', "--app", shop
    )

    job = only_job(store)
    assert (answer.code, answer.err) == (0, "")
    assert (job.queue, job.priority) == ("emails", 750)
    assert json.loads(job.payload)["user_id"] == 7


def test_what_an_app_prints_while_it_is_imported_is_not_among_the_data(
    cli: Cli, store: Store, shop: str, tmp_path: Path
) -> None:
    (tmp_path / "shop.py").write_text(f"print('hello from the shop')\n{APP}")

    answer = cli("push", "email.welcome", '{"user_id": 7, "email": "a@b.c"}', "--app", shop, "--json")

    assert answer.json["pushed"] is True
    assert answer.err == "hello from the shop\n"


def test_with_an_app_a_class_job_is_pushed_by_its_fields(cli: Cli, store: Store, shop: str) -> None:
    payload = {"invoice_id": "01890a5d-ac96-774b-bcce-b302099a8057"}

    answer = cli("push", "invoice.send", json.dumps(payload), "-A", shop)

    assert (answer.code, answer.err) == (0, "")
    assert only_job(store).queue == "billing"
    assert json.loads(only_job(store).payload) == payload


@pytest.mark.parametrize(
    ("type", "arguments", "problem"),
    [
        ("email.welcome", '{"user_id": "x", "email": "a"}', "user_id"),
        ("email.welcome", '{"user_id": 7}', "email"),
        ("email.welcome", '{"user_id": 7, "email": "a", "extra": 1}', "extra"),
        ("invoice.send", '{"invoice_id": "no uuid"}', "invoice_id"),
        ("email.welcom", "{}", "no job of type 'email.welcom'"),
    ],
)
def test_with_an_app_what_does_not_fit_the_job_is_refused(
    cli: Cli, store: Store, shop: str, type: str, arguments: str, problem: str
) -> None:
    answer = cli("push", type, arguments, "--app", shop)

    assert answer.code == 1
    assert answer.out == ""
    assert answer.err.startswith("conveyor: ")
    assert len(answer.err.splitlines()) == 1
    assert problem in answer.err
    assert store.driver.find(Filter()).jobs == []


@pytest.mark.parametrize(
    ("app", "problem"),
    [
        ("nowhere:app", "there is no module 'nowhere'"),
        ("shop:nothing", "has no 'nothing'"),
        ("shop", "write module:attribute"),
    ],
)
def test_an_app_that_cannot_be_loaded_is_an_error_of_one_line(cli: Cli, shop: str, app: str, problem: str) -> None:
    answer = cli("push", "t", "--app", app)

    assert answer.code == 1
    assert answer.err.startswith("conveyor: the app reference") or answer.err.startswith("conveyor: the app ")
    assert problem in answer.err
    assert len(answer.err.splitlines()) == 1
