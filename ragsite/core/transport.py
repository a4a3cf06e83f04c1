"""How servers are reached: with TLS and against which certificates, by settings. Pure: nobody is asked here.

What an address says itself counts before all else. A file of certificates, where one is given, is what servers beside this
machine are checked against: PostgreSQL, Redis, Kafka, the storage for documents and model servers.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit

SECURE_MODES = ("verify-ca", "verify-full")
"""Of PostgreSQL: `require` asks nobody who it is that answers."""


@dataclass(frozen=True, slots=True)
class Transport:
    """`certificates` is the path of a file, empty for those of the system."""

    certificates: str = ""
    kafka_tls: bool = False

    def database(self, url: str) -> str:
        """The address of PostgreSQL, which is checked against the certificates where the address says nothing of it."""
        parts = urlsplit(url)
        if not self.certificates or is_here(_host(parts)) or "sslmode" in dict(parse_qsl(parts.query)):
            return url
        return _with(parts, {"sslmode": "verify-full", "sslrootcert": self.certificates})

    def redis(self, url: str) -> str:
        """The address of Redis. With `rediss://` it is always checked, unless the address says otherwise."""
        parts = urlsplit(url)
        if parts.scheme != "rediss":
            return url
        wanted = {"ssl_cert_reqs": "required"} | ({"ssl_ca_certs": self.certificates} if self.certificates else {})
        return _with(parts, {name: value for name, value in wanted.items() if name not in dict(parse_qsl(parts.query))})

    def kafka(self, servers: str) -> dict[str, str]:
        """What a client of the broker is given."""
        config = {"bootstrap.servers": servers}
        if self.kafka_tls:
            config |= {"security.protocol": "ssl"}
            config |= {"ssl.ca.location": self.certificates} if self.certificates else {}
        return config


def without_tls(
    transport: Transport,
    *,
    database: str,
    redis: str,
    kafka: str,
    storage: str | None,
    models: tuple[str, ...],
    clickhouse: str = "",
) -> Iterator[str]:
    """A sentence for each server beside this machine that is reached without TLS, or without looking who answers."""
    found = urlsplit(transport.database(database))
    mode = dict(parse_qsl(found.query)).get("sslmode", "")
    if not is_here(_host(found)) and mode not in SECURE_MODES:
        yield "DATABASE_URL reaches PostgreSQL without a checked TLS connection; add ?sslmode=verify-full&sslrootcert=FILE."
    found = urlsplit(redis)
    if not is_here(_host(found)) and found.scheme != "rediss":
        yield "REDIS_URL reaches Redis without TLS; begin it with rediss://."
    if dict(parse_qsl(found.query)).get("ssl_cert_reqs", "required") not in ("required", "CERT_REQUIRED"):
        yield "REDIS_URL does not look who answers; leave ssl_cert_reqs out."
    hosts = [server.strip().rpartition(":")[0] for server in kafka.split(",")]
    if not transport.kafka_tls and not all(map(is_here, hosts)):
        yield "KAFKA_BOOTSTRAP_SERVERS are reached without TLS; set RAGSITE_KAFKA_TLS=true."
    named = {
        "RAGSITE_BLOB_STORE": (storage,) if storage else (),
        "RAGSITE_GENERATOR": models,
        "CLICKHOUSE_URL": (clickhouse,),
    }
    for variable, urls in named.items():
        if any(is_open(url) for url in urls):
            yield f"{variable} names a server that is reached without TLS; begin its address with https://."


def is_open(url: str) -> bool:
    """Whether what is sent to that address over HTTP can be read on its way."""
    parts = urlsplit(url)
    return parts.scheme == "http" and not is_here(parts.hostname or "")


def is_here(host: str) -> bool:
    """Whether it is this machine: a socket's folder, nothing at all, or the loopback."""
    if not host or host.startswith("/") or host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _host(parts: SplitResult) -> str:
    return parts.hostname or dict(parse_qsl(parts.query)).get("host", "")


def _with(parts: SplitResult, more: dict[str, str]) -> str:
    query = parts.query + ("&" if parts.query and more else "") + urlencode(more, safe="/")
    return parts._replace(query=query).geturl()
