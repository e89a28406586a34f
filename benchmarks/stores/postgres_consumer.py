"""The least that whoever runs jobs from PostgreSQL does: `python -m benchmarks.stores.postgres_consumer URL COUNT`.

Hears of a row, takes it for its own in a transaction, and says when it had it (nanoseconds since 1970).
"""

from __future__ import annotations

import select
import sys
import time

import psycopg

_TAKE = b"UPDATE bare SET taken = true WHERE id = %s RETURNING id"


def main(url: str, count: int) -> None:
    with psycopg.connect(url, autocommit=True) as listening, psycopg.connect(url, autocommit=True) as taking:
        listening.execute("LISTEN bare")
        taking.execute(_TAKE, (-1,), prepare=True)
        say("ready")
        poll = select.poll()
        poll.register(listening.pgconn.socket, select.POLLIN)
        heard = 0
        while heard < count:
            poll.poll()
            listening.pgconn.consume_input()
            while notify := listening.pgconn.notifies():
                taking.execute(_TAKE, (int(notify.extra),), prepare=True).fetchall()
                say(str(time.time_ns()))
                heard += 1


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
