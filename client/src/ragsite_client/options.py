"""How to search and to answer, beside the question; what is left out is up to the knowledge bases' settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypedDict

Mode = Literal["hybrid", "dense", "lexical"]


class QueryOptions(TypedDict, total=False):
    """Of both; `filters` are as docs/api.md describes them."""

    top_k: int
    mode: Mode
    fusion: Literal["convex", "rrf"]
    weight: float
    threshold: float
    filters: Mapping[str, Any]
    rerank: bool
    diversity: float


class AskOptions(QueryOptions, total=False):
    """Of a question: which language model shall write, if one does, and how."""

    conversation: str
    model: str
    temperature: float
    max_tokens: int
    language: str
