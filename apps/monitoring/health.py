"""Health: whether this process lives, and whether what it needs answers."""

from __future__ import annotations

from collections.abc import Callable

import redis
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse
from redis.backoff import NoBackoff
from redis.retry import Retry

from apps.documents.blobs import blob_store
from apps.documents.lifecycle.stages import EMBED, STAGE_FROM
from ragsite.core.configuration import ServerSettings
from ragsite.core.errors import RagError, ServiceUnavailableError
from ragsite.core.presence import jobs_listened_for

TIMEOUT_SECONDS = 2.0


def live(request: HttpRequest) -> JsonResponse:
    """The process answers."""
    return JsonResponse({"status": "ok"})


def ready(request: HttpRequest) -> JsonResponse:
    """200 when the database answers: the API accepts work then. Other parts that are down are listed, and make it degraded."""
    checks = {name: _outcome(check) for name, check in CHECKS.items()}
    fine = all(outcome == "ok" for outcome in checks.values())
    status = 200 if checks["database"] == "ok" else 503
    return JsonResponse(
        {"status": "ok" if fine else "degraded" if status == 200 else "down", "checks": checks}, status=status
    )


def check_database() -> None:
    """Raises DatabaseError: PostgreSQL does not answer or pgvector is missing."""
    with connection.cursor() as cursor:
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


def check_kafka() -> None:
    """Raises KafkaException: no broker answers."""
    AdminClient({"bootstrap.servers": ServerSettings.current().kafka_bootstrap_servers, "log_level": 0}).list_topics(
        timeout=TIMEOUT_SECONDS
    )


def check_blobs() -> None:
    """Raises TransientError: uploaded bytes can't be kept, or the bucket for them is not to be had."""
    blob_store().check()


def check_workers() -> None:
    """Raises ServiceUnavailableError: nobody listens for a stage, so documents wait there."""
    listened = jobs_listened_for()
    missing = [stage for stage in STAGE_FROM.values() if stage not in listened]
    if EMBED in missing:
        waits = "No model worker listens: searches go by words alone, and documents wait to be embedded."
        raise ServiceUnavailableError(waits, action="Start one, or see its log.")
    if missing:
        waits = f"No worker listens for {', '.join(missing)}: documents wait there."
        raise ServiceUnavailableError(waits, action="Start one, or see its log.")


CHECKS: dict[str, Callable[[], None]] = {
    "database": check_database,
    "redis": check_redis,
    "kafka": check_kafka,
    "blobs": check_blobs,
    "workers": check_workers,
}


def _outcome(check: Callable[[], None]) -> str:
    try:
        check()
    except RagError as error:
        return error.sentence
    except (DatabaseError, redis.RedisError, KafkaException, OSError) as error:
        return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return "ok"
