"""How servers are reached: with TLS, against which certificates and by which login, by settings. Pure: nobody is asked here.

What an address says itself counts before all else. A file of certificates, where one is given, is what servers beside this
machine are checked against: PostgreSQL, Redis, Kafka, the storage for documents and model servers.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit

from ragsite.core.database_hosts import hosts_in_query, hosts_of
from ragsite.core.mail_servers import MailServer

SECURE_MODES = ("verify-ca", "verify-full")
"""Of PostgreSQL: `require` asks nobody who it is that answers."""

MECHANISM: Final = "SCRAM-SHA-512"
"""How the broker checks a login where no setting says it."""

NO_KAFKA: Final = "none"
"""In the place of the broker's address: there is none, and events go nowhere."""

ADVICE = (
    (
        ("hostname mismatch", "ip address mismatch", "does not match host name"),
        "Its certificate is for another name; reach it by a name that is in the certificate.",
    ),
    (
        # Kafka's client says no more than the first, and once in a thousand times no more than the second.
        ("broker certificate could not be verified", "certificate verify failed (after"),
        "Its certificate is not of an authority that RAGSITE_CA_FILE names, or is for another name than this address.",
    ),
    (
        ("certificate verify failed",),
        "Nobody who is known here certifies it; name the file with its authority's certificate by RAGSITE_CA_FILE.",
    ),
    (
        (
            "does not support ssl", "wrong version number", "wrong_version_number", "plaintext broker",
            "timed out in state ssl_handshake",
        ),
        "It does not speak TLS at this port; name the one that does, or switch TLS on there.",
    ),
    (
        ("no encryption", "connecting to a ssl listener", "in state apiversion_query"),
        "It seems to want TLS; see 'TLS to other servers' in the manual on operations.",
    ),
    (
        ("timeout connecting to server",),
        "Nothing comes back: look at the address, and at whether TLS is spoken at this port.",
    ),
    (("sasl",), "Check the name, the password and the mechanism of the login."),
)  # fmt: skip
"""What to do about what clients say when servers are not reached by TLS or by their login, which comes last: a server that was
not verified was not told it."""


@dataclass(frozen=True, slots=True)
class KafkaLogin:
    """Who the broker is asked to let in, and by which SASL mechanism."""

    name: str
    password: str = field(repr=False)
    mechanism: str


def kafka_login(name: str, password: str, mechanism: str) -> KafkaLogin | None:
    """The login, None where the broker lets everybody in.

    Raises:
        ValueError: the name or the password is missing.
    """
    if bool(name) != bool(password):
        raise ValueError("RAGSITE_KAFKA_USER, RAGSITE_KAFKA_PASSWORD: give both, or neither")
    return KafkaLogin(name, password, mechanism) if name else None


@dataclass(frozen=True, slots=True)
class Transport:
    """`certificates` is the path of a file, empty for those of the system."""

    certificates: str = ""
    kafka_tls: bool = False
    kafka_login: KafkaLogin | None = None

    def database(self, url: str) -> str:
        """The address of PostgreSQL, which is checked against the certificates where the address says nothing of it.

        Several servers stand in its query, as `hosts_in_query` has them.
        """
        url = hosts_in_query(url)
        parts = urlsplit(url)
        if not self.certificates or _all_here(parts) or "sslmode" in dict(parse_qsl(parts.query)):
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
        if login := self.kafka_login:
            config |= {"security.protocol": "sasl_ssl" if self.kafka_tls else "sasl_plaintext"}
            config |= {"sasl.mechanism": login.mechanism, "sasl.username": login.name, "sasl.password": login.password}
        return config


def without_tls(
    transport: Transport,
    *,
    database: str,
    redis: str,
    kafka: str,
    storage: str | None,
    models: tuple[str, ...],
    webhook: str = "",
    mail: MailServer | None = None,
    clickhouse: str = "",
    second_storage: str = "",
    milvus: str = "",
) -> Iterator[str]:
    """A sentence for each server beside this machine that is reached without TLS, or without looking who answers."""
    found = urlsplit(transport.database(database))
    mode = dict(parse_qsl(found.query)).get("sslmode", "")
    if not _all_here(found) and mode not in SECURE_MODES:
        yield "DATABASE_URL reaches PostgreSQL without a checked TLS connection; add ?sslmode=verify-full&sslrootcert=FILE."
    found = urlsplit(redis)
    if not is_here(found.hostname or "") and found.scheme != "rediss":
        yield "REDIS_URL reaches Redis without TLS; begin it with rediss://."
    if dict(parse_qsl(found.query)).get("ssl_cert_reqs", "required") not in ("required", "CERT_REQUIRED"):
        yield "REDIS_URL does not look who answers; leave ssl_cert_reqs out."
    hosts = [] if kafka == NO_KAFKA else [server.strip().rpartition(":")[0] for server in kafka.split(",")]
    if not transport.kafka_tls and not all(map(is_here, hosts)):
        yield "KAFKA_BOOTSTRAP_SERVERS are reached without TLS; set RAGSITE_KAFKA_TLS=true."
    if mail and mail.host and not is_here(mail.host) and not (mail.tls or mail.starttls):
        yield "RAGSITE_MAIL_SERVER is reached without TLS; begin its address with smtps://, or end it with ?starttls."
    named = {
        "RAGSITE_BLOB_STORE": (storage or "",),
        "RAGSITE_SECOND_BLOB_STORE": (second_storage,),
        "RAGSITE_GENERATOR": models,
        "RAGSITE_ALERT_WEBHOOK_URL": (webhook,),
        "CLICKHOUSE_URL": (clickhouse,),
        "RAGSITE_MILVUS_URL": (milvus,),
    }
    for variable, urls in named.items():
        if any(is_open(url) for url in urls):
            yield f"{variable} names a server that is reached without TLS; begin its address with https://."


def advice(reason: str) -> str:
    """What mends it that a client said that; empty when it was neither TLS nor the login."""
    said = reason.lower()
    return next((mends for phrases, mends in ADVICE if any(phrase in said for phrase in phrases)), "")


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


def _all_here(parts: SplitResult) -> bool:
    return all(map(is_here, hosts_of(parts)))


def _with(parts: SplitResult, more: dict[str, str]) -> str:
    query = parts.query + ("&" if parts.query and more else "") + urlencode(more, safe="/")
    return parts._replace(query=query).geturl()
