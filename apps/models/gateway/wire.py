"""How calls of models and their answers look as JSON, between a caller and a model worker."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Any, Self
from uuid import UUID

import numpy as np

from apps.models.errors import (
    DeadlineExceededError,
    ModelTooLargeError,
    UnsafeWeightsError,
    UnsupportedModelError,
)
from apps.models.gateway.deadline import Deadline
from apps.models.gateway.purpose import Purpose
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


@dataclass(frozen=True, slots=True)
class EmbedRequest:
    """An embedding call: ids and texts, never files or rows."""

    model_version_id: UUID
    texts: list[str]
    purpose: Purpose
    deadline: Deadline

    def encode(self) -> dict[str, Any]:
        return {
            "model_version_id": str(self.model_version_id),
            "texts": self.texts,
            "purpose": self.purpose.value,
            "deadline": self.deadline.at,
        }

    @classmethod
    def decode(cls, payload: dict[str, Any]) -> Self:
        return cls(
            model_version_id=UUID(payload["model_version_id"]),
            texts=[str(text) for text in payload["texts"]],
            purpose=Purpose(payload["purpose"]),
            deadline=Deadline(float(payload["deadline"])),
        )


@dataclass(frozen=True, slots=True)
class RerankRequest:
    """A reranking call: as `EmbedRequest`, with the query that the texts shall answer."""

    model_version_id: UUID
    query: str
    texts: list[str]
    purpose: Purpose
    deadline: Deadline

    def encode(self) -> dict[str, Any]:
        return {
            "model_version_id": str(self.model_version_id),
            "query": self.query,
            "texts": self.texts,
            "purpose": self.purpose.value,
            "deadline": self.deadline.at,
        }

    @classmethod
    def decode(cls, payload: dict[str, Any]) -> Self:
        return cls(
            model_version_id=UUID(payload["model_version_id"]),
            query=str(payload["query"]),
            texts=[str(text) for text in payload["texts"]],
            purpose=Purpose(payload["purpose"]),
            deadline=Deadline(float(payload["deadline"])),
        )


def encode_vectors(vectors: np.ndarray) -> dict[str, Any]:
    """Vectors as their shape and the base64 of their float32, little-endian bytes."""
    raw = np.ascontiguousarray(vectors, dtype="<f4").tobytes()
    return {"shape": list(vectors.shape), "vectors": base64.b64encode(raw).decode("ascii")}


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


def decode_reply(reply: object) -> np.ndarray:
    """The vectors of a worker's reply.

    Raises:
        RagError: the reply tells of an error; it keeps its code, message and action.
        ModelUnavailableError: (code `invalid_embedding`) the reply is neither vectors nor an error.
    """
    match reply:
        case {"error": {"type": str(), "code": str(), "message": str()} as told}:
            raise _error(told)
        case {"shape": [int() as rows, int() as width], "vectors": str(encoded)}:
            return _vectors(encoded, shape=(rows, width))
        case other:
            raise _invalid(f"{str(other)[:80]!r}")


def _vectors(encoded: str, *, shape: tuple[int, int]) -> np.ndarray:
    try:
        raw = np.frombuffer(base64.b64decode(encoded, validate=True), dtype="<f4")
        return raw.reshape(shape).astype(np.float32)
    except (binascii.Error, ValueError) as error:
        raise _invalid(f"{len(encoded)} characters that are not {shape} numbers") from error


def _error(told: dict[str, Any]) -> RagError:
    kind = next((kind for kind in ERRORS if kind.__name__ == told["type"]), TransientError)
    return kind(
        told["message"],
        code=told["code"],
        action=told.get("action"),
        status=told.get("status"),
        retry_after=told.get("retry_after"),
    )


def _invalid(found: str) -> ModelUnavailableError:
    return ModelUnavailableError(
        f"The model worker answered {found}, not an embedding.",
        code="invalid_embedding",
        action="Check that callers and model workers run the same version.",
    )
