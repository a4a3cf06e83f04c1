"""The worker's side of streams. Each has a thread of its own, so that long texts keep no place of the worker's pool."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from contextlib import closing
from contextvars import copy_context
from typing import Any

from django.db import connection
from redis.exceptions import RedisError

from apps.models.gateway.channel import Channel
from apps.models.gateway.lifeline import lifeline_name
from apps.models.gateway.remote import model_stream
from apps.models.gateway.wire import STREAM_END, encode_error
from ragsite.core.errors import ModelUnavailableError

logger = logging.getLogger(__name__)

STREAMS = 64
"""Of one worker process at once; more are refused, so that their callers need not wait for nothing."""

_places = threading.BoundedSemaphore(STREAMS)


def stream_start(payload: Mapping[str, Any], key: str) -> None:
    """Begin what was asked for, and put its pieces into the channel of that key."""
    if not _places.acquire(blocking=False):
        _refuse(key)
        return
    # No daemon: a worker that is asked to end finishes what it writes, which is no longer than its deadlines.
    work = copy_context()
    threading.Thread(target=work.run, args=(_stream, payload, key), name=f"stream {key[-6:]}").start()


def _stream(payload: Mapping[str, Any], key: str) -> None:
    channel = Channel.named(key)
    try:
        if not channel.take_up(lifeline_name()):
            return
        with closing(model_stream(payload)) as replies:  # type: ignore[type-var]
            for reply in replies:
                if not channel.put(reply):
                    return
        channel.put(STREAM_END)
    except RedisError:
        logger.warning("the pieces of %s can't be passed on; its work ends", key, exc_info=True)
    finally:
        _places.release()
        connection.close()


def _refuse(key: str) -> None:
    error = ModelUnavailableError(
        f"The model worker writes {STREAMS} texts already.",
        code="generation_busy",
        action="Try again, or add a model worker.",
        retry_after=2.0,
    )
    try:
        Channel.named(key).put(encode_error(error))
    except RedisError:
        logger.warning("nobody could be told: %s", error.sentence, exc_info=True)
