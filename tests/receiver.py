"""A web server and a mail server that take what alerts send, and answer as a test likes."""

from __future__ import annotations

import contextlib
import http.server
import json
import socketserver
import threading
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Received:
    """A request."""

    headers: dict[str, str]
    body: bytes

    @property
    def alert(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found


@dataclass
class Receiver:
    """What came in, and what is answered to the next ones: status codes, then 204 for ever."""

    url: str = ""
    got: list[Received] = field(default_factory=list[Received])
    answers: list[int] = field(default_factory=list[int])
    hang: threading.Event | None = None

    @property
    def told(self) -> list[tuple[str, str, str]]:
        """Rule, subject and state of what was taken, in order."""
        return [(each.alert["rule"], each.alert["subject"], each.alert["state"]) for each in self.got]


@contextlib.contextmanager
def receiving() -> Generator[Receiver]:
    """A web server while it is needed."""
    receiver = Receiver()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if receiver.hang is not None:
                receiver.hang.wait(10)
            status = receiver.answers.pop(0) if receiver.answers else 204
            if status < 300:
                receiver.got.append(Received({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", receiver.url)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        receiver.url = f"http://127.0.0.1:{server.server_port}/hook"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield receiver
        finally:
            server.shutdown()
            thread.join()


@dataclass
class Postbox:
    """What mail came in."""

    port: int = 0
    mails: list[str] = field(default_factory=list[str])
    refuses: bool = False


@contextlib.contextmanager
def postbox() -> Generator[Postbox]:
    """A mail server while it is needed: as much of RFC 5321 as a client needs that sends in the clear."""
    box = Postbox()

    class Handler(socketserver.StreamRequestHandler):
        def _say(self, line: str) -> None:
            self.wfile.write(f"{line}\r\n".encode())

        def handle(self) -> None:
            self._say("220 here")
            while line := self.rfile.readline().decode():
                word = line[:4].upper().strip()
                if word == "QUIT":
                    self._say("221 bye")
                    return
                if word == "RCPT" and box.refuses:
                    self._say("550 nobody of that name")
                elif word == "DATA":
                    self._say("354 go on")
                    lines: list[str] = []
                    while (text := self.rfile.readline().decode()) != ".\r\n":
                        lines.append(text)
                    box.mails.append("".join(lines))
                    self._say("250 taken")
                else:
                    self._say("250 fine")

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        box.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield box
        finally:
            server.shutdown()
            thread.join()
