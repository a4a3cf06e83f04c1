"""The only door to inference. Importing it brings in neither torch nor transformers."""

from apps.models.gateway.calls import embed, rerank
from apps.models.gateway.deadline import Deadline
from apps.models.gateway.protocol import EmbeddingTransport, ModelTransport, RerankingTransport
from apps.models.gateway.purpose import Purpose
from apps.models.gateway.remote import embed_request, rerank_request
from apps.models.gateway.transport import set_transport, using_transport

__all__ = [
    "Deadline",
    "EmbeddingTransport",
    "ModelTransport",
    "Purpose",
    "RerankingTransport",
    "embed",
    "embed_request",
    "rerank",
    "rerank_request",
    "set_transport",
    "using_transport",
]
