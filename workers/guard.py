"""A guard for Celery 5.7.0 on Redis: its worker exits when Redis goes away while tasks are in flight.

The connection is closed twice; the second close asks a channel that has lost its connection for the host, and the
AttributeError that follows is not taken for a connection error. The guard raises the error that is.
"""

from __future__ import annotations

from typing import Any

from kombu.transport.redis import Channel
from redis.exceptions import ConnectionError as RedisConnectionError

_connparams = Channel._connparams


def _guarded(channel: Any, *args: Any, **kwargs: Any) -> Any:
    if channel.connection is None or channel.connection.client is None:
        raise RedisConnectionError("The connection to Redis is closed.")
    return _connparams(channel, *args, **kwargs)


def install() -> None:
    """Put the guard in place; doing so twice is the same as once."""
    Channel._connparams = _guarded  # type: ignore[method-assign,assignment]
