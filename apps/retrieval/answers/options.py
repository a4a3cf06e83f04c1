"""How a caller wants a question answered, beside where and how to search."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class AnswerOptions:
    """None leaves a thing to the system.

    `model`: the language model that shall write, by name or id of its version. `writes`: False for none, also where there is one:
    then sentences are quoted. `temperature`, `max_tokens`: as in
    `GenerationOptions`. `language`: the code of the language to answer in (ISO 639-1), that of the question if not given.
    """

    model: str | None = None
    temperature: float | None = None
    max_tokens: int | None = None
    language: str | None = None
    writes: bool | None = None

    def record(self) -> dict[str, Any]:
        """What was asked for, as JSON."""
        return {name: value for name, value in asdict(self).items() if value is not None}


AS_USUAL = AnswerOptions()
