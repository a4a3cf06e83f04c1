from __future__ import annotations

from pathlib import Path

import dj_database_url
import pytest

from ragsite.core.environment import environment_read
from ragsite.core.errors import ConfigurationError
from ragsite.core.mail_servers import mail_server_read
from ragsite.core.transport import KafkaLogin, Transport, advice, is_here, is_open, without_tls

CA = "/etc/ca.pem"
WITH = Transport(CA, kafka_tls=True)
HERE = {"database": "postgresql://a@127.0.0.1/b", "redis": "redis://localhost:1", "kafka": "[::1]:1,localhost:2"}
AWAY = {"database": "postgresql://a@db/b", "redis": "redis://cache:1", "kafka": "one:1,localhost:2"}


@pytest.mark.parametrize(
    ("given", "reached"),
    [
        ("postgresql://a@db/b", f"postgresql://a@db/b?sslmode=verify-full&sslrootcert={CA}"),
        ("postgresql://a@db/b?x=1", f"postgresql://a@db/b?x=1&sslmode=verify-full&sslrootcert={CA}"),
        ("postgresql://a@db/b?sslmode=disable", "postgresql://a@db/b?sslmode=disable"),
        ("postgresql://a@127.0.0.1/b", "postgresql://a@127.0.0.1/b"),
        ("postgresql:///b?host=/run/pg", "postgresql:///b?host=/run/pg"),
    ],
)
def test_the_database_is_checked_against_the_certificates_unless_its_address_says_otherwise(
    given: str, reached: str
) -> None:
    assert WITH.database(given) == reached
    assert Transport().database(given) == given


@pytest.mark.parametrize(
    ("given", "hosts", "ports"),
    [
        ("postgresql://a:p%40@one:5433,two/b", "one,two", "5433,5432"),
        ("postgresql://a:p%40@127.0.0.1:1,[::1]:2/b?connect_timeout=2", "127.0.0.1,::1", "1,2"),
    ],
)
def test_of_several_servers_of_the_database_the_one_that_takes_writes_is_used(
    given: str, hosts: str, ports: str
) -> None:
    read = dj_database_url.parse(Transport().database(given))
    assert (read["USER"], read["PASSWORD"], read["NAME"], read["HOST"], read["PORT"]) == ("a", "p@", "b", "", "")
    assert {**read["OPTIONS"], "connect_timeout": 2} == {
        "host": hosts,
        "port": ports,
        "target_session_attrs": "read-write",
        "connect_timeout": 2,
    }
    assert "target_session_attrs=any" in Transport().database(
        f"{given}{'&' if '?' in given else '?'}target_session_attrs=any"
    )


def test_of_several_servers_one_that_is_elsewhere_is_reason_enough_to_check_certificates() -> None:
    assert "sslmode=verify-full" in WITH.database("postgresql://a@127.0.0.1:1,db:2/b")
    assert "sslmode" not in WITH.database("postgresql://a@127.0.0.1:1,localhost:2/b")
    assert [
        one.split()[0]
        for one in without_tls(
            Transport(), **HERE | {"database": "postgresql://a@127.0.0.1:1,db:2/b"}, storage=None, models=()
        )
    ] == ["DATABASE_URL"]


def test_redis_over_tls_is_always_checked_and_kafka_if_it_is_asked_for() -> None:
    assert WITH.redis("rediss://:p@h:1/0") == f"rediss://:p@h:1/0?ssl_cert_reqs=required&ssl_ca_certs={CA}"
    assert Transport().redis("rediss://h") == "rediss://h?ssl_cert_reqs=required"
    assert WITH.redis("redis://h") == "redis://h"
    assert WITH.kafka("a:1") == {"bootstrap.servers": "a:1", "security.protocol": "ssl", "ssl.ca.location": CA}
    assert Transport(CA).kafka("a:1") == {"bootstrap.servers": "a:1"}


def test_the_broker_is_told_who_logs_in_by_tls_and_without() -> None:
    login = KafkaLogin("rag", "sesame", "PLAIN")
    told = {"sasl.mechanism": "PLAIN", "sasl.username": "rag", "sasl.password": "sesame"}
    open_, by_tls = Transport(kafka_login=login).kafka("a:1"), Transport(CA, True, login).kafka("a:1")
    assert open_ == {"bootstrap.servers": "a:1", "security.protocol": "sasl_plaintext"} | told
    assert by_tls == WITH.kafka("a:1") | {"security.protocol": "sasl_ssl"} | told
    assert "sesame" not in repr(login)


@pytest.mark.parametrize(
    ("said", "mends"),
    [
        ("SSL error: certificate verify failed", "RAGSITE_CA_FILE"),
        ("certificate verify failed: broker certificate could not be verified", "or is for another name"),
        ("SSL routines::certificate verify failed (after 5ms in state SSL_HANDSHAKE)", "or is for another name"),
        ("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: Hostname mismatch", "another name"),
        ('server certificate for "a" does not match host name "b"', "another name"),
        ("server does not support SSL, but SSL was required", "does not speak TLS"),
        ("[SSL: WRONG_VERSION_NUMBER] wrong version number", "does not speak TLS"),
        ("SASL authentication error", "the login"),
    ],
)
def test_what_a_client_says_has_its_remedy(said: str, mends: str) -> None:
    assert mends in advice(said)


def test_what_is_no_matter_of_tls_has_no_remedy_here() -> None:
    assert advice("connection refused") == ""


def test_each_server_that_is_reached_in_the_open_is_named_with_what_to_change() -> None:
    told = list(without_tls(Transport(), **AWAY, storage="http://minio:9000", models=("http://gpu:8000/v1",)))
    variables = ("DATABASE_URL", "REDIS_URL", "KAFKA_BOOTSTRAP_SERVERS", "RAGSITE_BLOB_STORE", "RAGSITE_GENERATOR")
    assert [one.split()[0] for one in told] == list(variables)
    assert list(without_tls(Transport(), **HERE, storage=None, models=("http://127.0.0.1:8000/v1",))) == []
    by_tls = AWAY | {"redis": "rediss://cache:1"}
    assert list(without_tls(WITH, **by_tls, storage="https://minio", models=())) == []
    unchecked = by_tls | {
        "redis": "rediss://cache:1?ssl_cert_reqs=none",
        "database": "postgresql://a@db/b?sslmode=require",
    }
    assert len(list(without_tls(WITH, **unchecked, storage=None, models=()))) == 2


def test_who_is_told_of_alerts_is_told_by_tls_too() -> None:
    webhook, mail = "http://alerts.example.org", mail_server_read("smtp://mail.example.org")
    told = list(without_tls(Transport(), **HERE, storage=None, models=(), webhook=webhook, mail=mail))
    assert [one.split()[0] for one in told] == ["RAGSITE_MAIL_SERVER", "RAGSITE_ALERT_WEBHOOK_URL"]
    for address in ("smtps://mail.example.org", "smtp://mail.example.org?starttls", "smtp://localhost", ""):
        mail = mail_server_read(address)
        assert list(without_tls(Transport(), **HERE, storage=None, models=(), webhook="https://a.org", mail=mail)) == []


def test_this_machine_is_known_by_its_names() -> None:
    assert all(map(is_here, ("", "/run/pg", "localhost", "127.0.0.9", "::1", "[::1]")))
    assert not any(map(is_here, ("db", "10.0.0.1", "localhost.example.org")))
    assert is_open("http://gpu/v1")
    assert not is_open("https://gpu/v1")


def test_nothing_starts_in_the_open_where_tls_is_required(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, value in {
        "DATABASE_URL": AWAY["database"],
        "REDIS_URL": AWAY["redis"],
        "KAFKA_BOOTSTRAP_SERVERS": "kafka:1",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("RAGSITE_REQUIRE_TLS", "true")
    with pytest.raises(ConfigurationError) as error:
        environment_read()
    assert [line.split(":")[0] for line in error.value.message.splitlines()] == ["RAGSITE_REQUIRE_TLS"] * 3
    (ca := tmp_path / "ca.pem").touch()
    for name, value in {
        "RAGSITE_CA_FILE": str(ca),
        "RAGSITE_KAFKA_TLS": "true",
        "REDIS_URL": "rediss://cache:1",
    }.items():
        monkeypatch.setenv(name, value)
    assert environment_read().transport == Transport(str(ca), kafka_tls=True)
    for name, value in {"RAGSITE_CA_FILE": "/nowhere", "RAGSITE_CORS_ORIGINS": "https://a.org/x,*"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=r"no file '/nowhere'(.|\n)*is no origin"):
        environment_read()


def test_half_a_login_at_the_broker_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAGSITE_KAFKA_USER", "rag")
    with pytest.raises(ConfigurationError, match="RAGSITE_KAFKA_USER, RAGSITE_KAFKA_PASSWORD: give both"):
        environment_read()
    monkeypatch.setenv("RAGSITE_KAFKA_PASSWORD", "sesame")
    assert environment_read().transport.kafka_login == KafkaLogin("rag", "sesame", "SCRAM-SHA-512")
