"""metrics: runs within a time, by type or queue."""

from __future__ import annotations

from conveyor.measurements import MINUTE, Measurements
from conveyor.times import system_clock
from tests.cli.conftest import Cli, Store


def ran(store: Store, type: str, queue: str, *, failed: bool = False) -> None:
    measured = Measurements()
    tally = measured.tally(type, queue, system_clock() // MINUTE)
    tally.runs([250_000] * 4, [1_000_000] * 4, failed=failed)
    tally.weigh(100 << 20)
    store.driver.add_metrics(measured.take())


def test_metrics_are_a_row_for_each_type_or_queue(cli: Cli, store: Store) -> None:
    assert cli("metrics").err == "No job has ended within 1h.\n"
    ran(store, "email.welcome", "emails")
    ran(store, "email.bye", "emails", failed=True)
    ran(store, "report.make", "reports")

    types, queues = cli("metrics").rows, cli("metrics", "--by", "queue", "--window", "1d").rows

    assert [row[0] for row in types] == ["email.bye", "email.welcome", "report.make"]
    assert [(row[1], row[3], row[5]) for row in types] == [("4", "4", "0%"), ("4", "0", "100%"), ("4", "0", "100%")]
    assert types[0][6] == "250ms"
    assert types[0][11] == "1.0s"
    assert [(row[0], row[1]) for row in queues] == [("emails", "8"), ("reports", "4")]


def test_a_window_may_be_a_word(cli: Cli, store: Store) -> None:
    ran(store, "email.welcome", "emails")

    for word, least, most in (("minute", 0, 60), ("hour", 3540, 3600), ("day", 82_800, 86_400)):
        (document,) = cli("metrics", "--window", word, "--json").json
        assert least <= document["window"] <= most
    assert cli("metrics", "--window", "fortnight").code == 2


def test_what_is_misspelt_is_said(cli: Cli, store: Store) -> None:
    ran(store, "email.welcome", "emails")

    of_type = cli("metrics", "--type", "email.welcom").err
    of_queue = cli("metrics", "--queue", "email,fast", "--window", "5m").err

    assert of_type == "No job has ended within 1h of type 'email.welcom' (did you mean 'email.welcome'?).\n"
    assert of_queue == "No job has ended within 5m of queue 'email' or 'fast' (did you mean 'emails'?).\n"


def test_metrics_of_some_types_and_queues(cli: Cli, store: Store) -> None:
    ran(store, "email.welcome", "emails")
    ran(store, "email.welcome", "others")
    ran(store, "report.make", "reports")

    (row,) = cli("metrics", "--type", "email.welcome", "--queue", "emails").rows
    document = cli("metrics", "--queue", "reports", "--json").json

    assert row[:2] == ["email.welcome", "4"]
    assert [(each["type"], each["queue"], each["executions"]) for each in document] == [("report.make", "reports", 4)]
    assert document[0]["run"]["average"] == 0.25
    assert document[0]["peak_memory"] > 1 << 20
