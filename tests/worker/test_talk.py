"""What supervisor and children say to each other, and the signals of the first."""

from __future__ import annotations

import os
import selectors
import signal
import socket
import subprocess
import sys
import threading

import pytest

from conveyor.ids import new_id
from conveyor.records import ClaimKey
from conveyor.worker.messages import Cancel, Channel, Drain, FromChild, Ready, Thaw, ToChild
from conveyor.worker.orders import Orders
from tests.worker.tree import wait_until


def test_messages_arrive_whole_and_in_order_however_they_are_cut() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        supervisor, child = Channel(ours, FromChild), Channel(theirs, ToChild)
        key = ClaimKey(new_id(), 3)

        for message in (Thaw(), Cancel(key), Drain()):
            supervisor.send(message)

        assert [child.next(), child.next(), child.next()] == [Thaw(), Cancel(key), Drain()]
        child.send(Ready())
        assert supervisor.receive() == [Ready()]


def test_what_there_is_no_room_for_is_said_later_and_nothing_is_lost() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        supervisor, child = Channel(ours, FromChild), Channel(theirs, ToChild)
        keys = [ClaimKey(new_id(), number) for number in range(20_000)]
        for key in keys:
            supervisor.send(Cancel(key))
        heard: list[object] = []

        listening = threading.Thread(target=lambda: heard.extend(child.next() for _ in keys))
        listening.start()

        def has_said_all() -> bool:
            supervisor.flush()
            return not listening.is_alive()

        wait_until(has_said_all)

    assert heard == [Cancel(key) for key in keys]


def test_the_end_of_the_other_is_heard() -> None:
    ours, theirs = socket.socketpair()
    with ours:
        channel = Channel(ours, FromChild)

        theirs.close()

        assert channel.next() is None
        channel.send(Thaw())


def test_signals_are_taken_one_by_one_wake_a_selector_and_are_given_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    orders = Orders()
    try:
        with selectors.DefaultSelector() as selector:
            selector.register(orders, selectors.EVENT_READ)

            signal.raise_signal(signal.SIGTERM)
            assert selector.select(5.0)
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGHUP)

            taken = orders.take()
            assert (taken.stops, taken.restart) == ([signal.SIGTERM, signal.SIGINT], "SIGHUP")
            assert orders.stopping.is_set()
            assert not selector.select(0)
            orders.wake()
            assert selector.select(5.0)
            assert orders.take() == ([], "")
    finally:
        orders.close()
        orders.close()

    assert signal.getsignal(signal.SIGTERM) is before


def test_as_process_1_it_buries_strangers_and_leaves_its_own_to_their_owner(monkeypatch: pytest.MonkeyPatch) -> None:
    stranger = subprocess.Popen([sys.executable, "-c", ""])
    ours = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    os.waitid(os.P_PID, stranger.pid, os.WEXITED | os.WNOWAIT)
    orders = Orders()
    monkeypatch.setattr(os, "getpid", lambda: 1)

    orders.reap_strangers({ours.pid})

    with pytest.raises(ChildProcessError):
        os.waitpid(stranger.pid, 0)
    ours.kill()
    os.waitid(os.P_PID, ours.pid, os.WEXITED | os.WNOWAIT)
    orders.reap_strangers({ours.pid})
    assert ours.wait() == -signal.SIGKILL
    orders.close()
    stranger.wait()
