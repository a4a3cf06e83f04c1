"""Sends texts to a model worker through Celery and waits for the vectors or scores."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import celery
import numpy as np
from celery.exceptions import TaskRevokedError
from celery.exceptions import TimeoutError as CeleryTimeoutError
from celery.result import AsyncResult
from circuitbreaker import CircuitBreakerError
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from apps.models.embedding_model import EmbeddingModel
from apps.models.errors import DeadlineExceededError
from apps.models.gateway.breaker import OneProbeBreaker
from apps.models.gateway.deadline import Deadline
from apps.models.gateway.purpose import Purpose
from apps.models.gateway.wire import EmbedRequest, RerankRequest, decode_reply
from apps.models.reranker_model import RerankerModel
from ragsite.core.errors import ModelUnavailableError

TASK = "workers.tasks.embed_texts"
RERANK_TASK = "workers.tasks.rerank_texts"
Request = EmbedRequest | RerankRequest
FAILURES_TO_OPEN = 5
OPEN_SECONDS = 10
# Celery's own twenty tries, a second apart, would outlast the caller's deadline.
STORE_RETRIES = {"max_retries": 1, "interval_start": 0, "interval_step": 0.2, "interval_max": 0.2}
ASKING = 32
"""Questions of this process that are with the model workers at once; more wait for their turn."""
# Only for result stores that cannot notify; Redis can.
POLL_SECONDS = 0.02


def model_breaker() -> OneProbeBreaker:
    """A closed breaker that opens when model workers have failed to answer several times in a row."""
    return OneProbeBreaker(
        name="model workers",
        failure_threshold=FAILURES_TO_OPEN,
        recovery_timeout=OPEN_SECONDS,
        expected_exception=ModelUnavailableError,
    )


class QueueTransport:
    """Asks whichever model worker is free. After repeated silence it refuses at once, and tries again now and then.

    It asks in threads that last: Celery keeps its connections by thread, and a web request has a thread of its own, which
    would connect anew for each question.
    """

    def __init__(self, *, app: celery.Celery | None = None, breaker: OneProbeBreaker | None = None) -> None:
        self._app = app
        self._breaker = breaker or model_breaker()
        self._threads = ThreadPoolExecutor(max_workers=ASKING, thread_name_prefix="asking")

    def embed(self, texts: Sequence[str], *, model: EmbeddingModel, purpose: Purpose, deadline: Deadline) -> np.ndarray:
        """See EmbeddingTransport."""
        deadline.check("the texts were sent to a model worker")
        return self._guarded(TASK, EmbedRequest(model.version_id, list(texts), purpose, deadline))

    def rerank(
        self, query: str, texts: Sequence[str], *, model: RerankerModel, purpose: Purpose, deadline: Deadline
    ) -> np.ndarray:
        """See RerankingTransport."""
        deadline.check("the texts were sent to a model worker")
        found = self._guarded(RERANK_TASK, RerankRequest(model.version_id, query, list(texts), purpose, deadline))
        return found.reshape(-1)

    def _guarded(self, task: str, request: Request) -> np.ndarray:
        try:
            return self._breaker.call(lambda: self._threads.submit(self._ask, task, request).result())
        except CircuitBreakerError as error:
            raise ModelUnavailableError(
                "The model workers have not answered several times in a row, so they are not asked for now.",
                code="circuit_open",
                retry_after=float(max(1, self._breaker.open_remaining)),
            ) from error

    def _ask(self, task: str, request: Request) -> np.ndarray:
        request.deadline.check("it was its turn to be sent to a model worker")
        try:
            return decode_reply(_wait(self._send(task, request), request))
        except (OperationalError, RedisError, OSError) as error:
            raise _unreachable(error) from error
        except RuntimeError as error:
            # So Celery says that the result store stayed away; the next call connects afresh.
            if not isinstance(error.__cause__, (RedisError, OSError)):
                raise
            raise _unreachable(error.__cause__) from error

    def _send(self, task: str, request: Request) -> AsyncResult[Any]:
        app = self._app or celery.current_app
        app.backend.retry_policy = STORE_RETRIES
        return app.send_task(
            task,
            kwargs={"payload": request.encode()},
            queue=request.purpose.queue,
            expires=datetime.fromtimestamp(request.deadline.at, UTC),
            ignore_result=False,
        )


def _wait(result: AsyncResult[Any], request: Request) -> object:
    try:
        # Waiting inside another task is safe: it is for another queue's worker, and no longer than the deadline.
        reply: object = result.get(
            timeout=request.deadline.remaining(), interval=POLL_SECONDS, propagate=False, disable_sync_subtasks=False
        )
    except CeleryTimeoutError:
        raise ModelUnavailableError(
            f"No model worker answered on the queue {request.purpose.queue!r} before the deadline.",
            code="deadline_exceeded",
            status=504,
        ) from None
    finally:
        result.forget()
    return _reply(reply)


def _unreachable(error: BaseException) -> ModelUnavailableError:
    return ModelUnavailableError(
        f"The broker could not be reached: {error}",
        code="broker_unavailable",
        action="Check that Redis is running, then try again.",
        retry_after=2.0,
    )


def _reply(reply: object) -> object:
    if isinstance(reply, TaskRevokedError):
        raise DeadlineExceededError("The deadline passed before a model worker took up the texts.")
    if isinstance(reply, BaseException):
        raise ModelUnavailableError(
            f"The model worker failed: {type(reply).__name__}: {reply}",
            code="worker_failed",
            action="See the model worker's log.",
        )
    return reply
