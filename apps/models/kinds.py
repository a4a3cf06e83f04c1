"""The kinds of models: one table. A new kind is a row, an engine and what travels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from apps.models.codec import Codec, rows_decode, rows_encode
from apps.models.generation import Conversation, piece_decode, piece_encode
from apps.models.inputs import QueryTexts, Texts
from apps.models.installed_model import EmbeddingModel, InstalledModel, ModelKind
from apps.models.memory import encoder_token_numbers
from apps.models.recognising import encodes_texts, finds_answers, scores_pairs, writes_texts


@dataclass(frozen=True, slots=True)
class BreakerSettings:
    """After so many `failures` in a row a model is not asked for `open_seconds`, then once to see."""

    failures: int
    open_seconds: int


@dataclass(frozen=True, slots=True)
class Kind:
    """All that tells one kind of model from another.

    `recognised` looks at a checkpoint's config.json, `model` is what is known of a registered one. `engine` is a path, as the web
    process must not load it; its runner is a `BatchRunner`, or if it `streams` a `StreamRunner`. `token_numbers` are the numbers
    that a token of the batches under way takes beside the weights.
    """

    recognised: Callable[[Path, Mapping[str, Any]], bool]
    model: type[InstalledModel]
    engine: str
    codec: Codec
    token_numbers: Callable[[Mapping[str, Any]], int]
    breaker: BreakerSettings
    streams: bool = False

    @property
    def has_dimensions(self) -> bool:
        """Whether it gives vectors, which have a width."""
        return issubclass(self.model, EmbeddingModel)


# The first row that recognises a checkpoint has it.
KINDS: dict[ModelKind, Kind] = {
    ModelKind.RERANKING: Kind(
        recognised=scores_pairs,
        model=InstalledModel,
        engine="apps.models.engine.reranking.RerankingEngine",
        codec=Codec(QueryTexts, rows_encode, rows_decode),
        token_numbers=encoder_token_numbers,
        breaker=BreakerSettings(failures=5, open_seconds=10),
    ),
    ModelKind.GENERATION: Kind(
        recognised=writes_texts,
        model=InstalledModel,
        engine="apps.models.engine.generation.engine.GenerationEngine",
        codec=Codec(Conversation, piece_encode, piece_decode),
        token_numbers=encoder_token_numbers,
        breaker=BreakerSettings(failures=5, open_seconds=10),
        streams=True,
    ),
    ModelKind.READING: Kind(
        recognised=finds_answers,
        model=InstalledModel,
        engine="apps.models.engine.reading.ReadingEngine",
        codec=Codec(QueryTexts, rows_encode, rows_decode),
        token_numbers=encoder_token_numbers,
        breaker=BreakerSettings(failures=5, open_seconds=10),
    ),
    ModelKind.EMBEDDING: Kind(
        recognised=encodes_texts,
        model=EmbeddingModel,
        engine="apps.models.engine.embedding.EmbeddingEngine",
        codec=Codec(Texts, rows_encode, rows_decode),
        token_numbers=encoder_token_numbers,
        breaker=BreakerSettings(failures=5, open_seconds=10),
    ),
}


def kind_recognised(path: Path, config: Mapping[str, Any]) -> ModelKind:
    """The kind of the checkpoint that has this config.json.

    Raises:
        UnsupportedModelError: it is of a kind, but not as it is needed.
    """
    return next(kind for kind, row in KINDS.items() if row.recognised(path, config))
