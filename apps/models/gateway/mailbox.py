"""One reply on its way from a model worker to whoever asked, through a Redis list.

Whoever asks waits for it from the beginning, so a reply that is not taken at once is nobody's, and expires.
"""

from __future__ import annotations

import json
from typing import Any, cast
from uuid import uuid4

from apps.models.gateway.channel import BLOCK_SECONDS, redis_client

PREFIX = "rag:reply:"
KEPT_SECONDS = 60
PROMISED_SECONDS = 600
"""Longer than replies take; who waits for one that takes longer knows nothing of who makes it."""


def mailbox_key() -> str:
    """Where one reply is put, known to nobody else."""
    return f"{PREFIX}{uuid4().hex}"


def reply_promise(key: str, *, line: str) -> None:
    """Say that a reply is being made, and by whom, by the name of the process's line.

    Raises:
        RedisError: Redis does not answer.
    """
    redis_client().set(_promise(key), line, ex=PROMISED_SECONDS)


def reply_promised_by(key: str) -> str | None:
    """The line of the process that makes the reply; None if nobody has said so, as one of an older version does not.

    Raises:
        RedisError: Redis does not answer.
    """
    line: str | None = cast(Any, redis_client().get(_promise(key)))
    return line


def reply_put(key: str, reply: dict[str, Any]) -> None:
    """Raises RedisError: Redis does not answer."""
    with redis_client().pipeline(transaction=False) as pipeline:
        pipeline.rpush(key, json.dumps(reply))
        pipeline.expire(key, KEPT_SECONDS)
        pipeline.delete(_promise(key))
        pipeline.execute()


def reply_take(key: str, *, seconds: float) -> dict[str, Any] | None:
    """The reply; None if there is none yet after as long as one wait takes, or so many seconds.

    Raises:
        RedisError: Redis does not answer.
    """
    found = cast(Any, redis_client().blpop([key], timeout=max(0.001, min(seconds, BLOCK_SECONDS))))
    reply: dict[str, Any] | None = None if found is None else json.loads(found[1])
    return reply


def _promise(key: str) -> str:
    return f"{key}:line"
