"""An embedding model at a server: `/embeddings` of OpenAI's protocol, which TEI, vLLM, llama.cpp and Ollama speak too."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from apps.models.servers.client import Server, answer_json
from apps.models.servers.errors import reply_junk
from apps.models.servers.portions import fitted


def vectors(server: Server, texts: Sequence[str]) -> np.ndarray:
    """The direction of each text, in their order: float32 of shape (n, width), rows of length 1.

    Raises:
        ModelUnavailableError: (code `invalid_reply`) what came is not a vector for each text; or as `answer_json`.
    """
    return fitted(lambda some: _asked(server, some), texts)


def _asked(server: Server, texts: Sequence[str]) -> np.ndarray:
    body = {"model": server.model, "input": list(texts), "encoding_format": "float"}
    return _rows(answer_json(server, "/embeddings", body), len(texts), server)


def _rows(told: Any, number: int, server: Server) -> np.ndarray:
    listed = told.get("data") if isinstance(told, Mapping) else None
    if not isinstance(listed, list) or len(listed) != number:
        raise reply_junk(server.url, str(told), f"{number} vectors were due", key=server.key)
    rows: dict[int, np.ndarray] = {}
    for position, one in enumerate(listed):
        if not isinstance(one, Mapping):
            raise reply_junk(server.url, str(one), "it is no vector", key=server.key)
        index = one.get("index", position)
        rows[index if isinstance(index, int) else position] = _row(one.get("embedding"), server)
    if rows.keys() != set(range(number)) or len({len(row) for row in rows.values()}) != 1:
        raise reply_junk(server.url, "…", "its vectors are not one of a width for each text", key=server.key)
    return _directions(np.stack([rows[index] for index in range(number)]), server)


def _row(told: Any, server: Server) -> np.ndarray:
    """A vector, written out or as base64 of little-endian float32."""
    try:
        if isinstance(told, str):
            row = np.frombuffer(base64.b64decode(told, validate=True), dtype="<f4")
        else:
            row = np.array(told, dtype=np.float64)
    except (TypeError, ValueError, OverflowError, binascii.Error):
        raise reply_junk(server.url, str(told), "it is no vector", key=server.key) from None
    if row.ndim != 1 or not len(row):
        raise reply_junk(server.url, str(told), "it is no vector", key=server.key)
    return row.astype(np.float64)


def _directions(rows: np.ndarray, server: Server) -> np.ndarray:
    with np.errstate(over="ignore"):
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    if not np.isfinite(lengths).all() or not lengths.all():
        raise reply_junk(server.url, "…", "a vector has no direction", key=server.key)
    directions: np.ndarray = (rows / lengths).astype(np.float32)
    return directions
