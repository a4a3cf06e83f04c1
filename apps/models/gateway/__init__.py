"""The only door to inference. Importing it brings in neither torch nor transformers."""

from apps.models.gateway.calls import embed, generate, read, rerank, set_transport, using_transport
from apps.models.gateway.fallback import SHARE, Answered, ask_or_smaller
from apps.models.gateway.protocol import Deadline, ModelCall, ModelTransport, Purpose
from apps.models.gateway.remote import call_answer
from apps.models.gateway.streaming import stream_start
from apps.models.prompts import TextRole

__all__ = [
    "SHARE",
    "Answered",
    "Deadline",
    "ModelCall",
    "ModelTransport",
    "Purpose",
    "TextRole",
    "ask_or_smaller",
    "call_answer",
    "embed",
    "generate",
    "read",
    "rerank",
    "set_transport",
    "stream_start",
    "using_transport",
]
