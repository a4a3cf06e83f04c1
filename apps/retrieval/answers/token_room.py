"""How many tokens of documents a language model can be told. Its tokenizer is not in this process, so texts are estimated."""

from __future__ import annotations

import math
import string
from collections.abc import Iterable

from apps.models.generation import Message
from apps.models.installed_model import InstalledModel
from ragsite.core.configuration import GenerationSettings

MOST_TOKENS = 8_000
"""Of documents, however much a model reads: what is read is waited for, and at some servers paid for."""

TEMPLATE_TOKENS = 64
"""Of what a chat template puts around two messages."""

LETTER_TOKENS = 0.3
"""Of an ASCII letter or a blank: SmolLM2 has 0.2 in English, 0.3 in French and 0.4 in German text. Any other sign is one: digits
and tables come close to that, Chinese is below it with the tokenizer of a model that was trained on it.
"""

_LETTERS = str.maketrans("", "", string.ascii_letters + " ")


def tokens_estimated(text: str) -> int:
    """About how many tokens a text is, rather more than less; of the parts of a text together never less than of the whole."""
    others = len(text.translate(_LETTERS))
    return math.ceil(round(LETTER_TOKENS * (len(text) - others), 6) + others)


def document_room(model: InstalledModel, *, besides: Iterable[Message], writes: int) -> int | None:
    """Estimated tokens of documents that the model can be told beside these messages, if it writes so many tokens. None where
    nobody says how much it reads; 0 or less where there is no room.
    """
    context = _context_tokens(model)
    if context is None:
        return None
    told = sum(tokens_estimated(message.content) for message in besides)
    return min(MOST_TOKENS, context - writes - told - TEMPLATE_TOKENS)


def _context_tokens(model: InstalledModel) -> int | None:
    if model.endpoint is not None:
        return model.max_tokens or None
    return min(GenerationSettings.current().slot_tokens, model.max_tokens)
