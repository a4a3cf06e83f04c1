"""The only door to inference. Importing it brings in neither torch nor transformers."""

from apps.models.gateway.calls import embed, rerank, set_transport, using_transport
from apps.models.gateway.fallback import Answered, ask_or_smaller
from apps.models.gateway.protocol import Deadline, ModelCall, ModelTransport, Purpose
from apps.models.gateway.remote import model_call

__all__ = [
    "Answered",
    "Deadline",
    "ModelCall",
    "ModelTransport",
    "Purpose",
    "ask_or_smaller",
    "embed",
    "model_call",
    "rerank",
    "set_transport",
    "using_transport",
]
