"""Sends calls to a model worker through Celery and waits for their answers."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import celery
import numpy as np
from celery.exceptions import TaskRevokedError
from celery.exceptions import TimeoutError as CeleryTimeoutError
from celery.result import AsyncResult
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from apps.models.errors import DeadlineExceededError
from apps.models.gateway.channel import Channel
from apps.models.gateway.lanes import Lanes, late
from apps.models.gateway.protocol import ModelCall
from apps.models.gateway.wire import STREAM_END, ModelRequest, decode_reply
from apps.models.kinds import KINDS
from ragsite.core.errors import ModelUnavailableError

TASK = "workers.tasks.model_call"
STREAM_TASK = "workers.tasks.model_stream"
SILENT_SECONDS = 5.0
"""A worker that writes says so twice a second; one that is silent for so long is lost."""

# Celery's own twenty tries, a second apart, would outlast the caller's deadline.
STORE_RETRIES = {"max_retries": 1, "interval_start": 0, "interval_step": 0.2, "interval_max": 0.2}
# Only for result stores that cannot notify; Redis can.
POLL_SECONDS = 0.02


class QueueTransport:
    """Asks whichever model worker is free, each call in its lane. After repeated silence it refuses there at once, and tries
    again now and then.
    """

    def __init__(self, *, app: celery.Celery | None = None) -> None:
        self._app = app
        self.lanes = Lanes()

    def run(self, call: ModelCall) -> np.ndarray:
        """See ModelTransport."""
        call.deadline.check("the model workers were asked")
        found: np.ndarray = self.lanes.of(call).ask(lambda: self._ask(call), call)
        return found

    def stream(self, call: ModelCall) -> Iterator[Any]:
        """See ModelTransport."""
        call.deadline.check("the model workers were asked")
        with _broker_errors(), Channel.opened() as channel:
            # The breaker counts who answers at all; what follows is taken by the caller's own thread.
            lane, codec = self.lanes.of(call), KINDS[call.model.kind].codec
            replies = lane.ask(lambda: self._begin(call, channel), call)
            while True:
                for reply in replies:
                    if reply == STREAM_END:
                        return
                    yield decode_reply(reply, codec=codec)
                replies = _replies(channel, call, seconds=SILENT_SECONDS)

    def _begin(self, call: ModelCall, channel: Channel) -> list[dict[str, Any]]:
        """Send a call, and wait for the first pieces of its answer; an error among them counts as one of the call."""
        call.deadline.check("it was its turn to be sent to a model worker")
        with _broker_errors():
            app = self._app or celery.current_app
            app.send_task(
                STREAM_TASK,
                kwargs={"payload": ModelRequest.of(call).encode(), "key": channel.key},
                queue=call.purpose.queue,
                expires=datetime.fromtimestamp(call.deadline.at, UTC),
            )
            replies = _replies(channel, call, seconds=None)
        if replies[0] != STREAM_END:
            decode_reply(replies[0], codec=KINDS[call.model.kind].codec)
        return replies

    def _ask(self, call: ModelCall) -> Any:
        call.deadline.check("it was its turn to be sent to a model worker")
        with _broker_errors():
            return decode_reply(_wait(self._send(call), call), codec=KINDS[call.model.kind].codec)

    def _send(self, call: ModelCall) -> AsyncResult[Any]:
        app = self._app or celery.current_app
        app.backend.retry_policy = STORE_RETRIES
        return app.send_task(
            TASK,
            kwargs={"payload": ModelRequest.of(call).encode()},
            queue=call.purpose.queue,
            expires=datetime.fromtimestamp(call.deadline.at, UTC),
            ignore_result=False,
        )


def _wait(result: AsyncResult[Any], call: ModelCall) -> object:
    try:
        # Waiting inside another task is safe: it is for another queue's worker, and no longer than the deadline.
        reply: object = result.get(
            timeout=call.deadline.remaining(), interval=POLL_SECONDS, propagate=False, disable_sync_subtasks=False
        )
    except CeleryTimeoutError:
        raise late(call) from None
    finally:
        result.forget()
    return _reply(reply)


def _replies(channel: Channel, call: ModelCall, *, seconds: float | None) -> list[dict[str, Any]]:
    """The next replies, of which there is at least one.

    Raises:
        ModelUnavailableError: (code `deadline_exceeded`) there was none in time, or (`worker_lost`) none for so many seconds.
        RedisError: Redis does not answer.
    """
    silent_at = None if seconds is None else time.monotonic() + seconds
    while not (replies := channel.read(seconds=call.deadline.remaining())):
        if call.deadline.expired:
            raise late(call)
        if silent_at is not None and time.monotonic() > silent_at:
            raise ModelUnavailableError(
                f"The model worker that was writing has been silent for {seconds:.0f} s.",
                code="worker_lost",
                action="Try again; see the model worker's log.",
                retry_after=1.0,
            )
    return replies


@contextmanager
def _broker_errors() -> Iterator[None]:
    """Errors of the broker as one of ours."""
    try:
        yield
    except (OperationalError, RedisError, OSError) as error:
        raise _unreachable(error) from error
    except RuntimeError as error:
        # So Celery says that the result store stayed away; the next call connects afresh.
        if not isinstance(error.__cause__, (RedisError, OSError)):
            raise
        raise _unreachable(error.__cause__) from error


def _unreachable(error: BaseException) -> ModelUnavailableError:
    return ModelUnavailableError(
        f"The broker could not be reached: {error}",
        code="broker_unavailable",
        action="Check that Redis is running, then try again.",
        retry_after=2.0,
    )


def _reply(reply: object) -> object:
    if isinstance(reply, TaskRevokedError):
        raise DeadlineExceededError("The deadline passed before a model worker took it up.")
    if isinstance(reply, BaseException):
        raise ModelUnavailableError(
            f"The model worker failed: {type(reply).__name__}: {reply}",
            code="worker_failed",
            action="See the model worker's log.",
        )
    return reply
