"""A way to a server that can be made to lead nowhere."""

from __future__ import annotations

import contextlib
import select
import socket
import threading


class Proxy:
    """Hands on what both sides say. While it is `stuck`, nothing comes through, and nobody is told."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._open = threading.Event()
        self._open.set()
        self._lost: list[threading.Event] = []
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._sockets: list[socket.socket] = []
        self.port: int = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def stick(self) -> None:
        """Hand on nothing more."""
        self._open.clear()

    def loosen(self) -> None:
        """Hand on again, what was said meanwhile too."""
        self._open.set()

    def strand(self) -> None:
        """Hand on nothing more of what is connected now, ever; who connects anew is served."""
        self._open.clear()
        self._lost.append(self._open)
        self._open = threading.Event()
        self._open.set()

    def close(self) -> None:
        """Cut every connection, and take no more."""
        for each in (self._listening, *self._sockets):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        for way in (self._open, *self._lost):
            way.set()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listening.accept()
                far = socket.create_connection(("127.0.0.1", self._to))
                self._sockets += [near, far]
                threading.Thread(target=self._carry, args=(near, far, self._open), daemon=True).start()

    @staticmethod
    def _carry(near: socket.socket, far: socket.socket, way: threading.Event) -> None:
        with contextlib.suppress(OSError, ValueError), near, far:
            while True:
                for source in select.select([near, far], [], [])[0]:
                    said = source.recv(1 << 16)
                    if not said:
                        return
                    way.wait()
                    (far if source is near else near).sendall(said)
