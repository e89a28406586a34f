"""Alerts for the web: a signed POST, by the Standard Webhooks specification (standardwebhooks.com, version 1)."""

from __future__ import annotations

import base64
import binascii
import hmac
import http.client
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import IO, Final
from urllib.parse import urlsplit

import msgspec

from conveyor.alerts.alert import Alert
from conveyor.errors import InvalidValue
from conveyor.payload import positive
from conveyor.retry import Duration

_SHORTEST_SECRET: Final = 24
_PREFIX: Final = "whsec_"


class WebhookRefused(Exception):
    """The receiver did not answer with a 2xx status."""


class WebhookSink:
    """A web server that is sent each alert as JSON by POST; anything but a 2xx answer means that it comes again.

    With a secret, three headers let the receiver find out that it is genuine and new: `webhook-id`, `webhook-timestamp`
    (seconds since 1970) and `webhook-signature`, which is `v1,` and the base64 of the HMAC-SHA256 of
    `<id>.<timestamp>.<body>`. Libraries for Standard Webhooks check them. Redirections are not followed.

    Args:
        url: where to, `https://…` or `http://…`.
        secret: 24 bytes at least that the receiver knows too: bytes, or text of `whsec_` and their base64.
        headers: sent along, such as `{"Authorization": "Bearer …"}`.
        timeout: seconds or timedelta that it may take, from first to last.
        name: see `Sink`; `webhook` and the host by itself.

    Raises:
        InvalidValue: an argument breaks its rule.
    """

    def __init__(
        self,
        url: str,
        *,
        secret: str | bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: Duration = 10,
        name: str | None = None,
    ) -> None:
        host = _host(url)
        self._url: Final = url
        self._key: Final = None if secret is None else _key(secret)
        self._headers: Final = dict(headers or {})
        for key, value in self._headers.items():
            if not f"{key}{value}".isprintable():
                raise InvalidValue(f"the header {key!r} of a webhook has a value that is no line of text; give one")
        self.timeout: Final = positive(timeout, "timeout")
        self.name: Final = name or f"webhook {host}"

    def __repr__(self) -> str:
        return f"<WebhookSink {self.name!r}>"

    def send(self, alert: Alert) -> None:
        """Post it.

        Raises:
            WebhookRefused: the answer is not 2xx.
            OSError: there is none.
        """
        body = msgspec.json.encode(alert)
        request = urllib.request.Request(self._url, body, self._signed(alert.id, body), method="POST")  # noqa: S310 - http or https
        opener = urllib.request.build_opener(_NoRedirects)
        try:
            with opener.open(request, timeout=self.timeout):
                pass
        except urllib.error.HTTPError as error:
            with error:
                raise WebhookRefused(f"{self.name} answered {error.code} {error.reason}") from None
        except urllib.error.URLError as error:
            raise OSError(f"{self.name}: {error.reason}") from None
        except http.client.HTTPException as error:
            raise WebhookRefused(f"{self.name} answered something else than HTTP: {error!r}") from None

    def _signed(self, id: str, body: bytes) -> dict[str, str]:
        stamp = str(int(time.time()))
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "conveyor",
            "webhook-id": id,
            "webhook-timestamp": stamp,
            **self._headers,
        }
        if self._key is not None:
            signed = hmac.digest(self._key, f"{id}.{stamp}.".encode() + body, "sha256")
            headers["webhook-signature"] = f"v1,{base64.b64encode(signed).decode()}"
        return headers


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A POST that is sent on becomes a GET without its body, somewhere else."""

    def redirect_request(  # noqa: PLR0917 - urllib's signature
        self,
        req: urllib.request.Request,  # noqa: ARG002 - urllib's signature
        fp: IO[bytes],  # noqa: ARG002 - likewise
        code: int,  # noqa: ARG002 - likewise
        msg: str,  # noqa: ARG002 - likewise
        headers: http.client.HTTPMessage,  # noqa: ARG002 - likewise
        newurl: str,  # noqa: ARG002 - likewise
    ) -> None:
        return None


def _host(url: object) -> str:
    wrong = "the URL of a webhook is none that a POST can go to; give https://host/path"
    if not isinstance(url, str) or not url.isascii() or not url.isprintable() or " " in url:
        raise InvalidValue(wrong)
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise InvalidValue(wrong) from None
    if parts.scheme not in ("http", "https") or not host:
        raise InvalidValue(wrong)
    return host if port is None else f"{host}:{port}"


def _key(secret: object) -> bytes:
    key = secret
    if isinstance(secret, str):
        try:
            key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True) if secret.startswith(_PREFIX) else None
        except binascii.Error:
            key = None
    if not isinstance(key, bytes) or len(key) < _SHORTEST_SECRET:
        raise InvalidValue(
            f"the secret of a webhook is not one; give {_SHORTEST_SECRET} bytes or more, such as "
            f"secrets.token_bytes(32), or text of {_PREFIX} and their base64"
        )
    return key
