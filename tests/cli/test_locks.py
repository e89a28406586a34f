"""locks: who holds what, and taking a lock from somebody."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Cli, Store


def test_locks_are_listed_with_their_owners(cli: Cli, store: Store) -> None:
    assert cli("locks").err == "No lock is held.\n"
    assert cli("locks", "--json").json == []
    record = store.driver.acquire_lock("report:7", "job 1 on here:2 abcd", 60)
    assert record is not None

    (row,) = cli("locks").rows
    (document,) = cli("locks", "--json").json

    assert row[:2] == ["report:7", str(record.fence)]
    assert row[3:] == ["job", "1", "on", "here:2", "abcd"]
    assert (document["name"], document["owner"], document["fence"]) == ("report:7", record.owner, record.fence)


def test_a_lock_is_taken_from_its_holder_after_asking(cli: Cli, store: Store) -> None:
    store.driver.acquire_lock("report:7", "somebody", 60)

    assert "from somebody?" in cli("locks", "--release", "report:7").err
    assert len(store.driver.locks()) == 1
    assert cli("locks", "--release", "report:7", "--yes").code == 0
    assert store.driver.locks() == []

    again = cli("locks", "--release", "report:7", "--yes", "--json")
    assert (again.code, again.json) == (1, {"released": False})


@pytest.mark.parametrize("name", ["", "x" * 10_240], ids=["none", "10 KiB"])
def test_a_name_that_no_lock_has_is_refused(cli: Cli, name: str) -> None:
    answer = cli("locks", "--release", name)

    assert answer.code == 1
    assert "lock name is" in answer.err
    assert "give 1 to 200 printable characters" in answer.err
    assert len(answer.err) < 300
