"""How calls of models, their answers and errors look as JSON, between a caller and a model worker."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self
from uuid import UUID

from apps.models.codec import Codec, reply_invalid
from apps.models.errors import (
    DeadlineExceededError,
    ModelTooLargeError,
    UnsafeWeightsError,
    UnsupportedModelError,
)
from apps.models.gateway.protocol import Deadline, ModelCall, Purpose
from apps.models.inputs import Inputs
from apps.models.installed_model import ModelKind
from apps.models.kinds import KINDS
from ragsite.core.errors import (
    ModelNotFoundError,
    ModelUnavailableError,
    PermanentError,
    RagError,
    TransientError,
)

# Only these are rebuilt by name, most telling first; another error arrives as its family, with its code and words.
ERRORS: tuple[type[RagError], ...] = (
    DeadlineExceededError,
    ModelTooLargeError,
    ModelNotFoundError,
    ModelUnavailableError,
    UnsafeWeightsError,
    UnsupportedModelError,
    PermanentError,
    TransientError,
)

STREAM_END = {"end": True}
"""The last reply of a stream, after its pieces or the error that ended them."""


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """A call on its way: ids and inputs of the model's kind, never files or rows."""

    kind: ModelKind
    version_id: UUID
    inputs: Inputs
    purpose: Purpose
    deadline: Deadline

    @classmethod
    def of(cls, call: ModelCall) -> Self:
        """What is sent of a call."""
        return cls(call.model.kind, call.model.version_id, call.inputs, call.purpose, call.deadline)

    def encode(self) -> dict[str, Any]:
        return {
            "kind": self.kind.value,
            "version_id": str(self.version_id),
            "inputs": self.inputs.encode(),
            "purpose": self.purpose.value,
            "deadline": self.deadline.at,
        }

    @classmethod
    def decode(cls, payload: Mapping[str, Any]) -> Self:
        kind = ModelKind(payload["kind"])
        return cls(
            kind=kind,
            version_id=UUID(payload["version_id"]),
            inputs=KINDS[kind].codec.inputs.decode(payload["inputs"]),
            purpose=Purpose(payload["purpose"]),
            deadline=Deadline(float(payload["deadline"])),
        )


def encode_error(error: RagError) -> dict[str, Any]:
    """An error as data: what a pickled exception would say, without the power to run code."""
    name = next((kind.__name__ for kind in ERRORS if isinstance(error, kind)), TransientError.__name__)
    return {
        "error": {
            "type": name,
            "code": error.error_code,
            "message": error.message,
            "action": error.error_action,
            "status": error.http_status,
            "retry_after": error.retry_after,
        }
    }


def decode_reply(reply: object, *, codec: Codec) -> Any:
    """What a worker's reply tells: an answer of that kind of model, or one piece of it.

    Raises:
        RagError: the reply is an error; it keeps its code, message and action.
        ModelUnavailableError: (code `invalid_reply`) the reply is neither an answer nor an error.
    """
    match reply:
        case {"error": {"type": str(), "code": str(), "message": str()} as told}:
            raise _error(told)
        case dict():
            return codec.decode(reply)
        case other:
            raise reply_invalid(other)


def _error(told: dict[str, Any]) -> RagError:
    kind = next((kind for kind in ERRORS if kind.__name__ == told["type"]), TransientError)
    return kind(
        told["message"],
        code=told["code"],
        action=told.get("action"),
        status=told.get("status"),
        retry_after=told.get("retry_after"),
    )
