"""How what a model answers looks as JSON, between a model worker and those who asked."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from apps.models.inputs import Inputs
from ragsite.core.errors import ModelUnavailableError


@dataclass(frozen=True, slots=True)
class Codec:
    """Both ways of one kind of model: its inputs, and what it answers, whole or piece by piece.

    `decode` raises ModelUnavailableError (code `invalid_reply`) for what is no such answer.
    """

    inputs: type[Inputs]
    encode: Callable[[Any], dict[str, Any]]
    decode: Callable[[Mapping[str, Any]], Any]


def rows_encode(rows: np.ndarray) -> dict[str, Any]:
    """Rows of numbers (n, width) as their shape and the base64 of their float32, little-endian bytes."""
    raw = np.ascontiguousarray(rows, dtype="<f4").tobytes()
    return {"shape": list(rows.shape), "rows": base64.b64encode(raw).decode("ascii")}


def rows_decode(reply: Mapping[str, Any]) -> np.ndarray:
    """The rows of a reply: float32 of shape (n, width).

    Raises:
        ModelUnavailableError: (code `invalid_reply`) it has none.
    """
    match reply:
        case {"shape": [int() as number, int() as width], "rows": str(encoded)}:
            return _rows(encoded, shape=(number, width))
        case other:
            raise reply_invalid(other)


def reply_invalid(reply: object) -> ModelUnavailableError:
    """The error for a reply that is not a model's."""
    return ModelUnavailableError(
        f"The model worker answered {str(reply)[:80]!r}, which is not a model's answer.",
        code="invalid_reply",
        action="Check that callers and model workers run the same version.",
    )


def _rows(encoded: str, *, shape: tuple[int, int]) -> np.ndarray:
    try:
        raw = np.frombuffer(base64.b64decode(encoded, validate=True), dtype="<f4")
        return raw.reshape(shape).astype(np.float32)
    except (binascii.Error, ValueError) as error:
        raise reply_invalid(f"{len(encoded)} characters that are not {shape} numbers") from error
