"""A reranker at a server: `/rerank` as Jina, Cohere, vLLM and llama.cpp have it, or as TEI does."""

from __future__ import annotations

import enum
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from apps.models.servers.client import Server, answer_json
from apps.models.servers.errors import ModelServerRefusedError, reply_junk
from apps.models.servers.portions import fitted


class Style(enum.Enum):
    """How a server wants to be asked."""

    JINA = "jina"
    TEI = "tei"


_styles: dict[str, Style] = {}
"""Of servers that have answered, by their address; a server that is replaced by one of another style is found out."""


def scores(server: Server, query: str, texts: Sequence[str]) -> np.ndarray:
    """How well each text answers the query, in their order: float32 of shape (n, 1), higher is better.

    Raises:
        ModelUnavailableError: (code `invalid_reply`) what came is not a score for each text; or as `answer_json`.
    """
    return fitted(lambda some: _by_either(server, query, some), texts)


def _by_either(server: Server, query: str, texts: Sequence[str]) -> np.ndarray:
    first = _styles.get(server.url, Style.JINA)
    try:
        found = _by(first, server, query, texts)
    except ModelServerRefusedError as refused:
        first = Style.TEI if first is Style.JINA else Style.JINA
        try:
            found = _by(first, server, query, texts)
        except ModelServerRefusedError:
            raise refused from None
    _styles[server.url] = first
    return found


def _by(style: Style, server: Server, query: str, texts: Sequence[str]) -> np.ndarray:
    if style is Style.TEI:
        told = answer_json(server.at_root(), "/rerank", {"query": query, "texts": list(texts), "truncate": True})
        return _column(told, len(texts), server)
    told = answer_json(server, "/rerank", {"model": server.model, "query": query, "documents": list(texts)})
    return _column(told.get("results") if isinstance(told, Mapping) else told, len(texts), server)


def _column(listed: Any, number: int, server: Server) -> np.ndarray:
    """The scores by their index; servers list the best first."""
    column = np.full((number, 1), np.nan, dtype=np.float32)
    for one in listed if isinstance(listed, list) else ():
        if isinstance(one, Mapping) and isinstance(index := one.get("index"), int) and 0 <= index < number:
            score = one.get("relevance_score", one.get("score"))
            column[index] = _number(score)
    if not np.isfinite(column).all():
        raise reply_junk(server.url, str(listed), f"a score for each of {number} texts was due", key=server.key)
    return column


def _number(score: Any) -> float:
    """One that float32 has room for; else none, which is no score."""
    try:
        return float(score) if isinstance(score, int | float) else math.nan
    except OverflowError:
        return math.nan
