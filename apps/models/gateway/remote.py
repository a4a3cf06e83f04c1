"""The worker's side of the queue transport. Errors that a caller should see become data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from apps.models.gateway.local import LocalTransport
from apps.models.gateway.protocol import ModelCall
from apps.models.gateway.wire import ModelRequest, encode_error
from apps.models.kinds import KINDS
from apps.models.selectors import model_version
from ragsite.core.database import connection_release
from ragsite.core.errors import RagError


def model_call(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Do what was asked for, in this process, and answer all at once."""
    request = ModelRequest.decode(payload)
    try:
        rows = LocalTransport().run(_call(request))
    except RagError as error:
        return encode_error(error)
    return KINDS[request.kind].codec.encode(rows)


def model_stream(payload: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """As `model_call`, piece by piece; an error is the last one."""
    request = ModelRequest.decode(payload)
    try:
        for piece in LocalTransport().stream(_call(request)):
            yield KINDS[request.kind].codec.encode(piece)
    except RagError as error:
        yield encode_error(error)


def _call(request: ModelRequest) -> ModelCall:
    """The call that was sent, with no connection held. Raises as `model_version`, and when it comes too late."""
    request.deadline.check("a model worker took it up")
    model = model_version(request.version_id, kind=request.kind)
    connection_release()
    return ModelCall(model, request.inputs, request.purpose, request.deadline)
