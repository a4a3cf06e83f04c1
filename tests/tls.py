"""Certificates that are made on the spot, and TLS before a server that was built without it."""

from __future__ import annotations

import select
import socket
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

LOOPBACK = "127.0.0.1"
SSL_REQUEST = (8).to_bytes(4) + (80877103).to_bytes(4)
"""What a client of PostgreSQL asks before it begins with TLS."""


@dataclass(frozen=True, slots=True)
class Certified:
    """Files of a certificate and its key."""

    certificate: Path
    key: Path


class Authority:
    """Certifies servers. `file` is what clients are to be given."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _named(name)
        itself = _certificate(self._name, self._name, self._key).add_extension(x509.BasicConstraints(True, None), True)
        self.file = folder / f"{name}.pem"
        self.file.write_bytes(itself.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM))

    def certified(self, *names: str) -> Certified:
        """A certificate for servers that are reached by these names."""
        key = ec.generate_private_key(ec.SECP256R1())
        alternatives = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
        made = _certificate(_named(names[0]), self._name, key).add_extension(alternatives, False)
        certified = Certified(self._folder / f"{names[0]}.pem", self._folder / f"{names[0]}.key")
        certified.certificate.write_bytes(made.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM))
        certified.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return certified


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _certificate(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
    )


@contextmanager
def tls_before(
    port: int, certified: Certified, *, begin: Callable[[socket.socket], None] | None = None
) -> Iterator[int]:
    """A loopback port where TLS is spoken and nothing else, before the server at `port`, which gets what is in it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certified.certificate, certified.key)

    class Passes(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            try:
                if begin:
                    begin(self.request)
                with (
                    context.wrap_socket(self.request, server_side=True) as caller,
                    socket.create_connection((LOOPBACK, port)) as server,
                ):
                    _pass_on(caller, server)
            except OSError:
                return  # who is refused leaves in the middle

    with socketserver.ThreadingTCPServer((LOOPBACK, 0), Passes) as front:
        front.daemon_threads = True
        threading.Thread(target=front.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield front.server_address[1]
        front.shutdown()


def postgresql_begins(caller: socket.socket) -> None:
    """Answer that TLS may begin. Whoever begins without is let go."""
    if caller.recv(len(SSL_REQUEST), socket.MSG_WAITALL) != SSL_REQUEST:
        raise ConnectionError("it asked for no TLS")
    caller.sendall(b"S")


def _pass_on(caller: ssl.SSLSocket, server: socket.socket) -> None:
    while True:
        ready = [caller] if caller.pending() else select.select([caller, server], [], [])[0]
        for source, target in ((caller, server), (server, caller)):
            if source in ready:
                if not (data := source.recv(65_536)):
                    return
                target.sendall(data)
