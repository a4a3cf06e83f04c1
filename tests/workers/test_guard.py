from __future__ import annotations

import pytest
from kombu.transport.redis import Channel
from redis.exceptions import ConnectionError as RedisConnectionError

from workers import guard


def test_a_channel_without_a_connection_says_so_as_a_connection_error() -> None:
    """Unguarded, kombu raises AttributeError here, and Celery's worker exits."""
    guard.install()
    channel = object.__new__(Channel)
    channel.connection = None
    with pytest.raises(RedisConnectionError):
        channel._connparams()
