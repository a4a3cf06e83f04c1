"""What may be said besides; what is left out is up to the server, or to the knowledge bases' settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypedDict

Mode = Literal["hybrid", "dense", "lexical"]


class QueryOptions(TypedDict, total=False):
    """How to search, and to find what an answer rests on; `filters` are as docs/api.md describes them."""

    top_k: int
    mode: Mode
    fusion: Literal["convex", "rrf"]
    weight: float
    names: float
    same_page: float
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
    cache: bool


class KnowledgeBaseSettings(TypedDict, total=False):
    """Of a new knowledge base; `chunking`, `retrieval` and `masking` are as docs/api.md describes them."""

    chunking: Mapping[str, Any]
    retrieval: Mapping[str, Any]
    masking: Mapping[str, Any]
    visibility: Literal["tenant", "restricted"]


class KnowledgeBaseChanges(TypedDict, total=False):
    """What can be changed about a knowledge base without a re-index."""

    name: str
    description: str
    retrieval: Mapping[str, Any]
    masking: Mapping[str, Any]
    visibility: Literal["tenant", "restricted"]


class AboutDocuments(TypedDict, total=False):
    """What is said about each of the documents that are uploaded."""

    metadata: Mapping[str, Any]
    tags: Sequence[str]
    chunking: Mapping[str, Any]
    restricted: bool


class AboutDocument(AboutDocuments, total=False):
    """What is said about one; `external_id` is your own, and a known one makes a new version."""

    title: str
    external_id: str


class DocumentChanges(AboutDocument, total=False):
    """What can be changed about one; empty tags or chunking, or an empty `external_id`, take them away."""
