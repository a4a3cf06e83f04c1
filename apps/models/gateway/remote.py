"""The worker's side of the queue transport."""

from __future__ import annotations

from typing import Any

from apps.models.gateway.local import LocalTransport
from apps.models.gateway.protocol import EmbeddingTransport, RerankingTransport
from apps.models.gateway.wire import EmbedRequest, RerankRequest, encode_error, encode_vectors
from apps.models.selectors import embedding_model_version, reranker_version
from ragsite.core.database import connection_release
from ragsite.core.errors import RagError


def embed_request(payload: dict[str, Any], *, transport: EmbeddingTransport | None = None) -> dict[str, Any]:
    """Do what a QueueTransport asked for, in this process; errors that a caller is told of become data."""
    request = EmbedRequest.decode(payload)
    try:
        request.deadline.check("a model worker took up the texts")
        model = embedding_model_version(request.model_version_id)
        connection_release()
        vectors = (transport or LocalTransport()).embed(
            request.texts, model=model, purpose=request.purpose, deadline=request.deadline
        )
    except RagError as error:
        return encode_error(error)
    return encode_vectors(vectors)


def rerank_request(payload: dict[str, Any], *, transport: RerankingTransport | None = None) -> dict[str, Any]:
    """As `embed_request`, for scores: a column of them."""
    request = RerankRequest.decode(payload)
    try:
        request.deadline.check("a model worker took up the texts")
        model = reranker_version(request.model_version_id)
        connection_release()
        scores = (transport or LocalTransport()).rerank(
            request.query, request.texts, model=model, purpose=request.purpose, deadline=request.deadline
        )
    except RagError as error:
        return encode_error(error)
    return encode_vectors(scores[:, None])
