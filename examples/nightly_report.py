"""Report every night what was sold: by the clock, one report at a time, and none from numbers that are half imported.

    python nightly_report.py orders.csv                     imports orders, beside a worker
    conveyor work --app nightly_report:app                  imports, and reports at half past two
    conveyor schedule run nightly --app nightly_report:app  reports now

However many workers there are, each night has one report. The import and the report have one lock: a report that would
begin while orders come in waits, and so does an import. When no worker ran at half past two, the first one that starts
makes up for it.
"""

from __future__ import annotations

import csv
import sqlite3
import sys
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path

from conveyor import Conveyor, ExponentialBackoff, current_job, track

ORDERS = "orders.db"

app = Conveyor()


@contextmanager
def orders() -> Generator[sqlite3.Connection]:
    with closing(sqlite3.connect(ORDERS)) as connection, connection:
        connection.execute("CREATE TABLE IF NOT EXISTS orders (id TEXT PRIMARY KEY, day TEXT, cents INTEGER)")
        yield connection


@app.job("orders.import", lock="orders", retry=ExponentialBackoff(max_attempts=5, retry_on=OSError))
def import_orders(file: str) -> int:
    """Read a file of orders; what was read before is not read twice."""
    with Path(file).open(encoding="utf-8", newline="") as text:
        rows = list(csv.DictReader(text))
    with orders() as connection:
        for row in track(rows):
            connection.execute("INSERT OR REPLACE INTO orders VALUES (:id, :day, :cents)", row)
    return len(rows)


@app.job("report.nightly", lock="orders")
def report() -> str:
    """Write the sum of each day into report.txt."""
    with orders() as connection:
        days = connection.execute("SELECT day, sum(cents) FROM orders GROUP BY day ORDER BY day").fetchall()
    lines = [f"{day}  {cents / 100:10.2f}\n" for day, cents in days]
    # Whoever reads it meanwhile has the report of the night before, never half of this one.
    fresh = Path(f"report-{current_job().id}.txt")
    fresh.write_text("".join(lines), encoding="utf-8")
    fresh.replace("report.txt")
    return f"{len(days)} days"


app.cron("30 2 * * *", report, name="nightly", timezone="Europe/Berlin", missed="once", overlap="skip")


if __name__ == "__main__":
    for each in sys.argv[1:]:
        import_orders.push(str(Path(each).absolute()))
