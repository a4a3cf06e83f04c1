"""Whether the servers that were given by their URLs answer, asked before anything is started on them."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from urllib.parse import urlsplit

import psycopg
import redis
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from ragsite.core.errors import ConfigurationError, RagError
from ragsite.core.storage.places import SECOND_SETTING, FolderPlace, S3Place, blob_place, second_place
from ragsite.core.transport import MECHANISM, NO_KAFKA, KafkaLogin, Transport, advice

SECONDS = 5
BROKER_SECONDS = 0.5
SETUP = {"socket.connection.setup.timeout.ms": "2000"}
"""Of the client that asks the broker: what speaks no TLS may just be silent when it is greeted in it."""

PLAIN = Transport()


class _Said(logging.Handler):
    """Keeps what a client of the broker says, which is nothing that the log should have."""

    def __init__(self) -> None:
        super().__init__()
        self.logger = logging.Logger("broker")
        self.logger.addHandler(self)
        self._texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        # As `FAIL [client] [thrd:broker]: broker: reason`.
        self._texts.append(record.getMessage().rpartition("]: ")[2])

    def most_telling(self) -> str:
        """What can be mended, or else the first."""
        return next(filter(advice, self._texts), self._texts[0] if self._texts else "")


def servers_check(environ: Mapping[str, str]) -> None:
    """Ask each server once.

    Raises:
        ConfigurationError: a line for each setting whose server does not answer, with what it said.
    """
    transport = _transport(environ)
    wrong = [
        line
        for setting, check in CHECKS.items()
        if (line := _complaint(setting, environ.get(setting, ""), partial(check, transport=transport)))
    ]
    if wrong:
        raise ConfigurationError("\n".join(wrong))


def second_store_complaint(environ: Mapping[str, str]) -> str:
    """Why uploads can't be copied as things stand; empty where they can, or shall not be. Everything else works without that."""
    check = partial(check_second_blobs, transport=_transport(environ))
    return _complaint(SECOND_SETTING, environ.get(SECOND_SETTING, ""), check)


def check_database(url: str, *, transport: Transport = PLAIN) -> None:
    with psycopg.connect(transport.database(url), connect_timeout=SECONDS) as connection:
        connection.execute("SELECT '[1]'::halfvec")


def check_redis(url: str, *, transport: Transport = PLAIN) -> None:
    there = transport.redis(url)
    with redis.Redis.from_url(there, socket_connect_timeout=SECONDS, socket_timeout=SECONDS) as client:
        client.ping()


def check_broker(servers: str, *, transport: Transport = PLAIN) -> None:
    """A broker that is not verified, or refuses the login, never answers; what the client says of it meanwhile is listened to."""
    if servers == NO_KAFKA:
        return
    said = _Said()
    config: dict[str, str | int | float | bool] = {**transport.kafka(servers), **SETUP}
    client = AdminClient(config, logger=said.logger)
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            client.list_topics(timeout=BROKER_SECONDS)
        except KafkaException as error:
            client.poll(0)
            reason = said.most_telling()
            if advice(reason) or time.monotonic() > deadline:
                raise ConnectionError(reason or str(error)) from error
        else:
            return


def check_blobs(place: str, *, transport: Transport = PLAIN) -> None:
    """Files need nobody's answer, and no client is imported for them."""
    if bucket := blob_place(place, certificates=transport.certificates):
        import_module("ragsite.core.storage.s3_client").bucket_check(bucket)


def check_second_blobs(place: str, *, transport: Transport = PLAIN) -> None:
    """No client is imported for a folder either, and one that hangs is given up."""
    match second_place(place, certificates=transport.certificates):
        case S3Place() as bucket:
            client = import_module("ragsite.core.storage.s3_client")
            client.bucket_check(bucket, client.Told(named_by=SECOND_SETTING))
        case FolderPlace(folder):
            import_module("ragsite.core.storage.files").FolderBlobs(str(folder)).check()


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
        remedy = advice(reason)
        return f"{setting}: {_without_password(url)!r} does not answer: {reason}{remedy and f'. {remedy}'}"
    return ""


def _transport(environ: Mapping[str, str]) -> Transport:
    """As `Environment` has it, before there is one: what is wrong with other settings is told later."""
    user, password = (environ.get(f"RAGSITE_KAFKA_{name}", "") for name in ("USER", "PASSWORD"))
    return Transport(
        environ.get("RAGSITE_CA_FILE", ""),
        environ.get("RAGSITE_KAFKA_TLS", "").lower() in ("1", "true", "yes", "on"),
        KafkaLogin(user, password, environ.get("RAGSITE_KAFKA_MECHANISM") or MECHANISM) if user else None,
    )


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    return url.replace(f":{parts.password}@", ":***@") if parts.password else url
