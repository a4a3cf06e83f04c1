"""The worker's side of the queue transport. Errors become data, so that whoever asked is told at once."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import Any

from redis.exceptions import RedisError

from apps.models.gateway.lifeline import lifeline_name
from apps.models.gateway.local import LocalTransport
from apps.models.gateway.mailbox import reply_promise, reply_put
from apps.models.gateway.protocol import ModelCall
from apps.models.gateway.wire import ModelRequest, encode_error
from apps.models.kinds import KINDS
from apps.models.selectors import model_version
from ragsite.core.database import connection_release
from ragsite.core.errors import ModelUnavailableError, RagError

logger = logging.getLogger(__name__)


def call_answer(payload: Mapping[str, Any], key: str) -> None:
    """Do what was asked for, and put the reply into the mailbox of that key."""
    _promise(key)
    reply_put(key, model_call(payload))


def model_call(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Do what was asked for, in this process, and answer all at once."""
    try:
        request = ModelRequest.decode(payload)
        return KINDS[request.kind].codec.encode(LocalTransport().run(_call(request)))
    except RagError as error:
        return encode_error(error)
    except Exception as error:
        logger.exception("a defect; whoever asked is told so")
        return _defect(error)


def model_stream(payload: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """As `model_call`, piece by piece; an error is the last one."""
    try:
        request = ModelRequest.decode(payload)
        for piece in LocalTransport().stream(_call(request)):
            yield KINDS[request.kind].codec.encode(piece)
    except RagError as error:
        yield encode_error(error)
    except Exception as error:
        logger.exception("a defect; whoever asked is told so")
        yield _defect(error)


def _promise(key: str) -> None:
    """Let whoever asked see whether this process is there while it waits."""
    try:
        if (line := lifeline_name()) is not None:
            reply_promise(key, line=line)
    except RedisError:
        logger.warning("nobody could be told who makes the reply %s", key, exc_info=True)


def _call(request: ModelRequest) -> ModelCall:
    """The call that was sent, with no connection held. Raises as `model_version`, and when it comes too late."""
    request.deadline.check("a model worker took it up")
    model = model_version(request.version_id, kind=request.kind)
    connection_release()
    return ModelCall(model, request.inputs, request.purpose, request.deadline)


def _defect(error: Exception) -> dict[str, Any]:
    failed = ModelUnavailableError(
        f"The model worker failed: {type(error).__name__}: {error}",
        code="worker_failed",
        action="See the model worker's log.",
    )
    return encode_error(failed)
