"""Sends calls to a model worker through Celery and waits for their answers."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import celery
import numpy as np
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from apps.models.gateway.channel import Channel
from apps.models.gateway.lanes import Lanes, late
from apps.models.gateway.lifeline import Watch
from apps.models.gateway.mailbox import mailbox_key, reply_promised_by, reply_take
from apps.models.gateway.protocol import ModelCall
from apps.models.gateway.wire import STREAM_END, ModelRequest, decode_reply
from apps.models.kinds import KINDS
from ragsite.core.errors import ModelUnavailableError

TASK = "workers.tasks.model_call"
STREAM_TASK = "workers.tasks.model_stream"
SILENT_SECONDS = 5.0
"""A worker that writes says so twice a second; one that is silent for so long is lost, even if it is there."""


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
            self._send(STREAM_TASK, call, key=channel.key)
            replies = _replies(channel, call, seconds=None)
        if replies[0] != STREAM_END:
            decode_reply(replies[0], codec=KINDS[call.model.kind].codec)
        return replies

    def _ask(self, call: ModelCall) -> Any:
        call.deadline.check("it was its turn to be sent to a model worker")
        with _broker_errors():
            key = mailbox_key()
            self._send(TASK, call, key=key)
            return decode_reply(_reply(key, call), codec=KINDS[call.model.kind].codec)

    def _send(self, task: str, call: ModelCall, *, key: str) -> None:
        """Send a call, with the key by which it is answered."""
        (self._app or celery.current_app).send_task(
            task,
            kwargs={"payload": ModelRequest.of(call).encode(), "key": key},
            queue=call.purpose.queue,
            expires=datetime.fromtimestamp(call.deadline.at, UTC),
        )


def _reply(key: str, call: ModelCall) -> dict[str, Any]:
    watch = Watch()
    while (reply := reply_take(key, seconds=call.deadline.remaining())) is None:
        if call.deadline.expired:
            raise late(call)
        watch.check(reply_promised_by(key))
    return reply


def _replies(channel: Channel, call: ModelCall, *, seconds: float | None) -> list[dict[str, Any]]:
    """The next replies, of which there is at least one.

    Raises:
        ModelUnavailableError: (code `deadline_exceeded`) there was none in time, or (`worker_lost`) the worker that writes is
            gone, or was silent for so many seconds.
        RedisError: Redis does not answer.
    """
    silent_at, watch = None if seconds is None else time.monotonic() + seconds, Watch()
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
        watch.check(channel.line)
    return replies


@contextmanager
def _broker_errors() -> Iterator[None]:
    """Errors of the broker as one of ours."""
    try:
        yield
    except (OperationalError, RedisError, OSError) as error:
        raise _unreachable(error) from error


def _unreachable(error: BaseException) -> ModelUnavailableError:
    return ModelUnavailableError(
        f"The broker could not be reached: {error}",
        code="broker_unavailable",
        action="Check that Redis is running, then try again.",
        retry_after=2.0,
    )
