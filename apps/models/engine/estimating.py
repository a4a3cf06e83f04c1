"""How long a text is for a model whose tokenizer is not here, as its server keeps it: an estimate that errs on the long side."""

from __future__ import annotations

import re

from apps.models.installed_model import EmbeddingModel
from apps.models.prompts import prompt_room

SPECIAL_TOKENS = 2
"""At a text's two ends."""

# Of what people write, tokens of trained tokenizers are longer: words that are frequent are one.
_PIECE = re.compile(r"[A-Za-z]{1,3}|[0-9]{1,2}|[^\sA-Za-z0-9]")


class EstimatingTokenizer:
    """Counts a token for three letters, two digits, or any other sign. Threads may share it."""

    def __init__(self, model: EmbeddingModel) -> None:
        self.limit = max(1, model.max_tokens - SPECIAL_TOKENS - prompt_room(model.prompts.document))

    def count(self, text: str) -> int:
        """About how many tokens `text` has."""
        return len(_PIECE.findall(text))

    def offsets(self, text: str) -> list[tuple[int, int]]:
        """The character span (start, end) of each."""
        return [piece.span() for piece in _PIECE.finditer(text)]
