"""The only door to inference. Importing it brings in neither torch nor transformers."""

from apps.models.gateway.calls import embed, rerank
from apps.models.gateway.deadline import Deadline
from apps.models.gateway.protocol import ModelCall, ModelTransport
from apps.models.gateway.purpose import Purpose
from apps.models.gateway.remote import model_call
from apps.models.gateway.transport import set_transport, using_transport

__all__ = [
    "Deadline",
    "ModelCall",
    "ModelTransport",
    "Purpose",
    "embed",
    "model_call",
    "rerank",
    "set_transport",
    "using_transport",
]
