"""Alerts by e-mail."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Literal, get_args

import msgspec

from conveyor.alerts.alert import Alert, title
from conveyor.errors import InvalidValue
from conveyor.payload import positive
from conveyor.retry import Duration

Security = Literal["starttls", "tls", "none"]

_PORTS: Final = {"starttls": 587, "tls": 465, "none": 25}


class EmailSink:
    """A mail server that is handed each alert as a mail.

    Args:
        to: one address, or several.
        sender: the address it comes from.
        host: the mail server.
        port: 587 with starttls, 465 with tls and 25 with none, by itself.
        security: "starttls" begins in the clear and goes on encrypted, "tls" is encrypted from the first byte, "none"
            is not.
        username: to sign in with, if the server asks for that.
        password: likewise.
        timeout: seconds or timedelta that it may take, from first to last.
        name: see `Sink`; `mail` and the first address by itself.

    Raises:
        InvalidValue: an argument breaks its rule.
    """

    def __init__(
        self,
        to: str | Sequence[str],
        *,
        sender: str,
        host: str,
        port: int | None = None,
        security: Security = "starttls",
        username: str | None = None,
        password: str | None = None,
        timeout: Duration = 20,
        name: str | None = None,
    ) -> None:
        self._to: Final = tuple(_address(each, "to") for each in ((to,) if isinstance(to, str) else to))
        if not self._to:
            raise InvalidValue("to is empty; give an address to send alerts to")
        self._sender: Final = _address(sender, "sender")
        self._host: Final = _checked_host(host)
        if security not in get_args(Security):
            raise InvalidValue(f"security is {security!r}; give one of {', '.join(get_args(Security))}")
        self._security: Final = security
        self._port: Final = _PORTS[security] if port is None else _checked_port(port)
        if (username is None) is not (password is None):
            raise InvalidValue("of username and password one is missing; give both, or none")
        self._username: Final = username
        self._password: Final = password
        self.timeout: Final = positive(timeout, "timeout")
        self.name: Final = name or f"mail {self._to[0]}"

    def __repr__(self) -> str:
        return f"<EmailSink {self.name!r}>"

    def send(self, alert: Alert) -> None:
        """Hand it over.

        Raises:
            OSError, smtplib.SMTPException: the server did not take it.
        """
        import smtplib
        import ssl

        context = ssl.create_default_context()
        server = (
            smtplib.SMTP_SSL(self._host, self._port, timeout=self.timeout, context=context)
            if self._security == "tls"
            else smtplib.SMTP(self._host, self._port, timeout=self.timeout)
        )
        with server:
            if self._security == "starttls":
                server.starttls(context=context)
            if self._username is not None and self._password is not None:
                server.login(self._username, self._password)
            server.send_message(self._message(alert))

    def _message(self, alert: Alert) -> Any:
        from email.message import EmailMessage
        from email.utils import format_datetime

        message = EmailMessage()
        message["Subject"] = title(alert)
        message["From"] = self._sender
        message["To"] = ", ".join(self._to)
        message["Date"] = format_datetime(alert.at)
        # Mail programs show a mail once that comes twice under one id.
        message["Message-ID"] = f"<{alert.id}@conveyor.invalid>"
        fields = msgspec.to_builtins(alert)
        lines = [alert.message, "", *(f"{name}: {value}" for name, value in fields.items() if name != "message")]
        message.set_content("\n".join(lines) + "\n")
        return message


def _address(value: object, name: str) -> str:
    if not isinstance(value, str) or value.count("@") != 1 or not value.isprintable() or "," in value:
        raise InvalidValue(f"{name} is {value!r}; give a mail address such as ops@example.org")
    return value


def _checked_host(value: object) -> str:
    if not isinstance(value, str) or not value or not value.isprintable():
        raise InvalidValue(f"host is {value!r}; give the name of a mail server")
    return value


def _checked_port(value: object) -> int:
    if type(value) is not int or not 0 < value < 1 << 16:
        raise InvalidValue(f"port is {value!r}; give a whole number from 1 to 65535")
    return value
