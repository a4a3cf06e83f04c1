"""Whether the servers that were given by their URLs answer, asked before anything is started on them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from urllib.parse import urlsplit

import psycopg
import redis
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from ragsite.core.errors import ConfigurationError, RagError
from ragsite.core.storage.places import blob_place
from ragsite.core.transport import Transport

SECONDS = 5
PLAIN = Transport()


def servers_check(environ: Mapping[str, str]) -> None:
    """Ask each server once.

    Raises:
        ConfigurationError: a line for each setting whose server does not answer, with what it said.
    """
    is_by_tls = environ.get("RAGSITE_KAFKA_TLS", "").lower() in ("1", "true", "yes", "on")
    transport = Transport(environ.get("RAGSITE_CA_FILE", ""), is_by_tls)
    wrong = [
        line
        for setting, check in CHECKS.items()
        if (line := _complaint(setting, environ.get(setting, ""), partial(check, transport=transport)))
    ]
    if wrong:
        raise ConfigurationError("\n".join(wrong))


def check_database(url: str, *, transport: Transport = PLAIN) -> None:
    with psycopg.connect(transport.database(url), connect_timeout=SECONDS) as connection:
        connection.execute("SELECT '[1]'::halfvec")


def check_redis(url: str, *, transport: Transport = PLAIN) -> None:
    there = transport.redis(url)
    with redis.Redis.from_url(there, socket_connect_timeout=SECONDS, socket_timeout=SECONDS) as client:
        client.ping()


def check_broker(servers: str, *, transport: Transport = PLAIN) -> None:
    AdminClient(transport.kafka(servers) | {"log_level": 0}).list_topics(timeout=SECONDS)


def check_blobs(place: str, *, transport: Transport = PLAIN) -> None:
    """Files need nobody's answer, and no client is imported for them."""
    if bucket := blob_place(place, certificates=transport.certificates):
        import_module("ragsite.core.storage.s3_client").bucket_check(bucket)


CHECKS: dict[str, Callable[..., None]] = {
    "DATABASE_URL": check_database,
    "REDIS_URL": check_redis,
    "KAFKA_BOOTSTRAP_SERVERS": check_broker,
    "RAGSITE_BLOB_STORE": check_blobs,
}


def _complaint(setting: str, url: str, check: Callable[[str], None]) -> str:
    try:
        check(url)
    except RagError as error:
        return f"{setting}: {error.sentence}"
    except (psycopg.Error, redis.RedisError, KafkaException, OSError, ValueError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        return f"{setting}: {_without_password(url)!r} does not answer: {reason}"
    return ""


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    return url.replace(f":{parts.password}@", ":***@") if parts.password else url
