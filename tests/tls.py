"""Certificates for tests, and a way to a server that speaks TLS where the server itself does not."""

from __future__ import annotations

import contextlib
import datetime as dt
import ipaddress
import select
import socket
import ssl
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HERE: Final = "127.0.0.1"


@dataclass(frozen=True)
class Identity:
    """A certificate and its key, as files."""

    certificate: Path
    key: Path


class Authority:
    """Who signs certificates; its own is the one to trust."""

    def __init__(self, directory: Path, name: str = "tests") -> None:
        self._directory = directory
        self._name = _named(f"authority of {name}")
        self._key = ec.generate_private_key(ec.SECP256R1())
        signed = _certificate(self._name, self._name, self._key).add_extension(
            x509.BasicConstraints(ca=True, path_length=None), critical=True
        )
        self.file: Final = directory / f"{name}-ca.pem"
        self.file.write_bytes(signed.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))

    def identity(self, name: str, host: str = HERE) -> Identity:
        """A certificate for who is reached at this address or name."""
        key = ec.generate_private_key(ec.SECP256R1())
        try:
            place: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(host))
        except ValueError:
            place = x509.DNSName(host)
        signed = _certificate(_named(name), self._name, key).add_extension(
            x509.SubjectAlternativeName([place]), critical=False
        )
        made = Identity(self._directory / f"{name}.pem", self._directory / f"{name}-key.pem")
        made.certificate.write_bytes(signed.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
        made.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return made


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _certificate(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=1))
    )


class Front:
    """Speaks TLS on a port of its own, and hands on what is said to a server that does not."""

    def __init__(self, to: int, identity: Identity, client_authority: Path | None = None) -> None:
        self._to = to
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(identity.certificate, identity.key)
        if client_authority is not None:
            self._context.load_verify_locations(client_authority)
            self._context.verify_mode = ssl.CERT_REQUIRED
        self._listening = socket.create_server((HERE, 0))
        self.port: int = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Take no more connections."""
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                plain, _ = self._listening.accept()
                threading.Thread(target=self._carry, args=(plain,), daemon=True).start()

    def _carry(self, plain: socket.socket) -> None:
        with (
            contextlib.suppress(OSError),
            plain,
            self._context.wrap_socket(plain, server_side=True) as near,
            socket.create_connection((HERE, self._to)) as far,
        ):
            while True:
                ready: list[socket.socket] = [near] if near.pending() else select.select([near, far], [], [])[0]
                for source in ready:
                    if not (said := source.recv(1 << 16)):
                        return
                    (far if source is near else near).sendall(said)
