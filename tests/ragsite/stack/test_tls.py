"""Each server by TLS. Those of the tests were built without it, or cannot be told a certificate: it is spoken before them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import kombu
import psycopg
import pytest
import redis
from confluent_kafka import Producer

from ragsite.core.errors import ConfigurationError
from ragsite.core.transport import MECHANISM, KafkaLogin, Transport
from ragsite.stack import preflight
from ragsite.stack.broker import BrokerServer
from ragsite.stack.ports import accepts_connections, find_free
from ragsite.stack.preflight import check_broker, servers_check
from tests.tls import Authority, Certified, postgresql_begins, tls_before
from tests.waiting import wait_for

pytestmark = pytest.mark.servers
GIVEN = {name: os.environ[name] for name in ("DATABASE_URL", "REDIS_URL", "KAFKA_BOOTSTRAP_SERVERS")}
NAME = "db.example.org"
SECONDS = 20


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the servers speak TLS, and their certificate's authority."""

    database: int
    redis: int
    broker: int
    authority: Path

    def urls(self, *, database: str = NAME, host: str = "localhost") -> dict[str, str]:
        """The settings of a deployment, with the servers under these names."""
        return {
            "DATABASE_URL": by_tls(GIVEN["DATABASE_URL"], database, self.database) + "?hostaddr=127.0.0.1",
            "REDIS_URL": by_tls(GIVEN["REDIS_URL"], host, self.redis),
            "KAFKA_BOOTSTRAP_SERVERS": f"{host}:{self.broker}",
            "RAGSITE_KAFKA_TLS": "true",
            "RAGSITE_CA_FILE": str(self.authority),
        }


def by_tls(url: str, host: str, port: int) -> str:
    parts = urlsplit(url)
    login = parts.netloc.rpartition("@")[0]
    scheme = "rediss" if parts.scheme == "redis" else parts.scheme
    return parts._replace(scheme=scheme, netloc=f"{login}@{host}:{port}").geturl()


def port_of(url: str) -> int:
    port = urlsplit(url if "://" in url else f"//{url}").port
    assert port
    return port


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tls")


@pytest.fixture(scope="module")
def ports(folder: Path) -> Iterator[Ports]:
    authority = Authority(folder, "authority")
    certified = authority.certified(NAME, "localhost")
    with ExitStack() as stack:
        database = tls_before(port_of(GIVEN["DATABASE_URL"]), certified, begin=postgresql_begins)
        yield Ports(
            stack.enter_context(database),
            stack.enter_context(tls_before(port_of(GIVEN["REDIS_URL"]), certified)),
            stack.enter_context(broker_by_tls(certified)),
            authority.file,
        )


@contextmanager
def broker_by_tls(certified: Certified, *options: str) -> Iterator[int]:
    """A broker of its own that is reached by TLS alone, also at the address that it tells its clients."""
    port = find_free()
    with tls_before(port, certified) as front, broker(port, f"tcp://localhost:{front}", *options):
        yield front


@contextmanager
def broker(port: int, told: str, *options: str) -> Iterator[None]:
    command = [
        BrokerServer(folder=Path(), environ={}).program, "broker",
        "--listener-url", f"tcp://127.0.0.1:{port}", "--advertised-listener-url", told,
        "--storage-engine", "memory://tansu/", *options,
    ]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            wait_for(lambda: accepts_connections(port), seconds=SECONDS, what="the broker listens")
            yield
        finally:
            process.kill()


def complaints(urls: Mapping[str, str]) -> dict[str, str]:
    """What is said of each setting at the start."""
    with pytest.raises(ConfigurationError) as error:
        servers_check(urls)
    return {setting: said for setting, _, said in (line.partition(": ") for line in error.value.message.splitlines())}


def test_servers_whose_authority_is_known_pass(ports: Ports) -> None:
    servers_check(ports.urls())


def test_another_authority_s_servers_are_refused(ports: Ports, folder: Path) -> None:
    stranger = Authority(folder, "stranger")
    said = complaints(ports.urls() | {"RAGSITE_CA_FILE": str(stranger.file)})
    assert set(said) == set(GIVEN)
    assert all("RAGSITE_CA_FILE" in one for one in said.values()), said


def test_a_certificate_for_another_name_is_refused(ports: Ports) -> None:
    said = complaints(ports.urls(database="other.example.org", host="127.0.0.1"))
    assert set(said) == set(GIVEN)
    assert all("is for another name" in one for one in said.values()), said


def test_a_server_without_tls_is_refused(ports: Ports, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last two of them just wait for the rest of what they take for a request."""
    monkeypatch.setattr(preflight, "SECONDS", 2.5)
    plain = Ports(*(port_of(url) for url in GIVEN.values()), ports.authority)
    said = complaints(plain.urls())
    assert set(said) == set(GIVEN)
    assert all("TLS is spoken at this port" in one or "speak TLS at this port" in one for one in said.values()), said


def test_a_broker_that_wants_tls_says_so_to_who_begins_without(ports: Ports) -> None:
    said = complaints(GIVEN | {"KAFKA_BOOTSTRAP_SERVERS": f"localhost:{ports.broker}"})
    assert list(said) == ["KAFKA_BOOTSTRAP_SERVERS"]
    assert "It seems to want TLS" in said["KAFKA_BOOTSTRAP_SERVERS"]


def test_rows_queues_and_events_go_by_tls(ports: Ports) -> None:
    """As each is reached once the system runs."""
    urls = ports.urls()
    transport = Transport(str(ports.authority), kafka_tls=True)
    with psycopg.connect(transport.database(urls["DATABASE_URL"])) as connection:
        assert connection.pgconn.ssl_in_use
    with redis.Redis.from_url(transport.redis(urls["REDIS_URL"])) as client:
        assert client.connection_pool.get_connection()._sock.version() == "TLSv1.3"
    with kombu.Connection(transport.redis(urls["REDIS_URL"])) as queues:
        sent = queues.default_channel.client.connection_pool.get_connection()
        assert sent._sock.version() == "TLSv1.3"
    producer = Producer(transport.kafka(urls["KAFKA_BOOTSTRAP_SERVERS"]) | {"log_level": 0})
    producer.produce("sent-by-tls", b"an event")
    assert producer.flush(SECONDS) == 0


def test_a_broker_that_refuses_the_login_says_so_by_tls(ports: Ports, folder: Path) -> None:
    """It keeps its users in memory and lets nobody make the first, so nobody can be let in here."""
    certified = Authority(folder, "authority-of-logins").certified("localhost")
    transport = Transport(str(folder / "authority-of-logins.pem"), True, KafkaLogin("rag", "sesame", MECHANISM))
    with (
        broker_by_tls(certified, "--authentication") as port,
        pytest.raises(ConnectionError, match=r"sasl_ssl://.*SASL authentication error"),
    ):
        check_broker(f"localhost:{port}", transport=transport)
