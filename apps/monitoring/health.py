"""Health: whether this process lives, and whether what it needs answers, each part within a time limit."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

import redis
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from django.db import DatabaseError, ProgrammingError, connection, transaction
from django.http import HttpRequest, JsonResponse
from redis.backoff import NoBackoff
from redis.retry import Retry

from apps.documents.blobs import blob_store
from apps.documents.lifecycle.stages import EMBED, STAGE_FROM
from apps.documents.paired_blobs import second_store
from apps.monitoring.probes import Probes, Tried
from ragsite.core.configuration import ServerSettings
from ragsite.core.errors import RagError, ServiceUnavailableError, TransientError
from ragsite.core.presence import jobs_listened_for

logger = logging.getLogger(__name__)

TIMEOUT_SECONDS = 2.0
LIMIT_SECONDS = 4.0
"""What does not answer until then is down, whatever its own driver waits for. A line to Redis or Kafka is laid and asked."""

STATEMENT_MILLISECONDS = 2_000
OK = "ok"
NOT_CONFIGURED = "not configured"
FINE = frozenset({OK, NOT_CONFIGURED})
"""What is said of a part with which nothing is wrong."""


def live(request: HttpRequest) -> JsonResponse:
    """The process answers."""
    return JsonResponse({"status": "ok"})


def ready(request: HttpRequest) -> JsonResponse:
    """200 when the database answers: the API accepts work then. Other parts that are down are listed, and make it degraded."""
    health, checks = health_read()
    return JsonResponse({"status": health.value, "checks": checks}, status=503 if health is Health.DOWN else 200)


class Health(StrEnum):
    """All parts answer; some do not; the one without which nothing works does not."""

    OK = OK
    DEGRADED = "degraded"
    DOWN = "down"


def health_read() -> tuple[Health, dict[str, str]]:
    """How the whole is, and of each part what `outcome` says."""
    checks = {name: found.sentence for name, found in parts_tried().items()}
    if checks["database"] != OK:
        return Health.DOWN, checks
    return (Health.OK if FINE.issuperset(checks.values()) else Health.DEGRADED), checks


def check_database() -> None:
    """Raises DatabaseError: PostgreSQL does not answer or pgvector is missing."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL statement_timeout = {STATEMENT_MILLISECONDS}")
        cursor.execute("SELECT '[1]'::halfvec")


def check_redis() -> None:
    """Raises redis.RedisError: Redis does not answer."""
    with redis.Redis.from_url(
        ServerSettings.current().redis_url,
        socket_timeout=TIMEOUT_SECONDS,
        socket_connect_timeout=TIMEOUT_SECONDS,
        retry=Retry(NoBackoff(), 0),
    ) as client:
        client.ping()


def check_kafka() -> str:
    """Raises KafkaException: no broker answers."""
    settings = ServerSettings.current()
    if not settings.has_kafka:
        return NOT_CONFIGURED
    _kafka(tuple(settings.kafka_client.items())).list_topics(timeout=TIMEOUT_SECONDS)
    return OK


@lru_cache(maxsize=1)
def _kafka(settings: tuple[tuple[str, str], ...]) -> AdminClient:
    """One client for all calls: each has threads and lines of its own."""
    return AdminClient({**dict(settings), "log_level": 0})


def check_blobs() -> None:
    """Raises TransientError: uploaded bytes can't be kept, or the bucket for them is not to be had."""
    blob_store().check()


def check_second_blobs() -> str:
    """Raises TransientError: uploaded bytes can't be copied. Nobody waits for that: it shows, and that is all."""
    second = second_store()
    if second is None:
        return NOT_CONFIGURED
    try:
        second.check()
    except TransientError as error:  # its words name the folder or the bucket
        raise TransientError(NO_SECOND_STORAGE) from error
    return OK


def check_workers() -> None:
    """Raises ServiceUnavailableError: nobody listens for a stage, so documents wait there."""
    listened = jobs_listened_for()
    missing = [stage for stage in STAGE_FROM.values() if stage not in listened]
    if EMBED in missing:
        waits = "No model worker listens: documents wait to be embedded, and searches by models that run there go by words alone."
        raise ServiceUnavailableError(waits, action="Start one, or see its log.")
    if missing:
        raise ServiceUnavailableError(
            f"No worker listens for {', '.join(missing)}: documents wait there.", action="Start one, or see its log."
        )


@dataclass(frozen=True, slots=True)
class Check:
    """How a part is tried, which may say something of one that is fine, and what is said of one that is down. Drivers' words go
    to the log: they name hosts and users.
    """

    run: Callable[[], str | None]
    down: str


NO_DATABASE = "The database does not answer."
NO_REDIS = "Redis does not answer."
NO_KAFKA = "The Kafka broker does not answer."
NO_STORAGE = "The storage for documents does not answer, or refuses us."
NO_SECOND_STORAGE = "The second storage for documents does not answer, or refuses us."
NO_WORDS_OF_WORKERS = "Nobody can be asked which workers listen."

CHECKS: dict[str, Check] = {
    "database": Check(check_database, NO_DATABASE),
    "redis": Check(check_redis, NO_REDIS),
    "kafka": Check(check_kafka, NO_KAFKA),
    "blobs": Check(check_blobs, NO_STORAGE),
    "second-blobs": Check(check_second_blobs, NO_SECOND_STORAGE),
    "workers": Check(check_workers, NO_WORDS_OF_WORKERS),
}
NO_VECTORS = "The database has no pgvector, or not where the application looks for it."


def outcome(name: str) -> str:
    """Tries a part: one of FINE, or what is said of one that is down."""
    check = CHECKS[name]
    try:
        return check.run() or OK
    except RagError as error:
        return _down(name, error, error.sentence if error.__cause__ is None else check.down)
    except ProgrammingError as error:
        return _down(name, error, NO_VECTORS)
    except (DatabaseError, redis.RedisError, KafkaException, OSError) as error:
        return _down(name, error, check.down)


def parts_tried() -> dict[str, Tried]:
    """Of each part what `outcome` says, and how long that took; all within the time limit."""
    return _probes.tried(CHECKS)


_probes = Probes(outcome, late=lambda name: CHECKS[name].down, seconds=LIMIT_SECONDS)


def _down(name: str, error: Exception, sentence: str) -> str:
    logger.warning("%s is not ready: %s: %s", name, type(error).__name__, " ".join(str(error).split()))
    return sentence
