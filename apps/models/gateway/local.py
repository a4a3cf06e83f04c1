"""Runs models in this process: for model workers, commands and evaluation."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from django.utils.module_loading import import_string

from apps.models.embedding_model import EmbeddingModel
from apps.models.errors import DeadlineExceededError
from apps.models.gateway.deadline import Deadline
from apps.models.gateway.purpose import Purpose
from apps.models.reranker_model import InstalledModel, RerankerModel

# By name, not by import: naming it here must not load torch into the web process.
ENGINES = "apps.models.engine.resources.engines"


class LocalTransport:
    """Hands texts to this process's engine of the model, which is loaded on first use."""

    def embed(self, texts: Sequence[str], *, model: EmbeddingModel, purpose: Purpose, deadline: Deadline) -> np.ndarray:
        """See EmbeddingTransport."""
        deadline.check("the texts were embedded")
        return _run(texts, model=model, purpose=purpose, deadline=deadline)

    def rerank(
        self, query: str, texts: Sequence[str], *, model: RerankerModel, purpose: Purpose, deadline: Deadline
    ) -> np.ndarray:
        """See RerankingTransport."""
        deadline.check("the texts were reranked")
        return _run([(query, text) for text in texts], model=model, purpose=purpose, deadline=deadline)[:, 0]


def _run(inputs: Sequence[Any], *, model: InstalledModel, purpose: Purpose, deadline: Deadline) -> np.ndarray:
    with _engines().lease(model, timeout=deadline.remaining()) as runner:
        until = time.monotonic() + deadline.remaining()
        future = runner.submit(inputs, priority=purpose.priority, deadline=until)
        try:
            found: np.ndarray = future.result(timeout=deadline.remaining())
        except TimeoutError:
            future.cancel()
            raise DeadlineExceededError(
                f"The deadline passed while {len(inputs)} texts were being computed with {model.name!r}."
            ) from None
        return found


def _engines() -> Any:
    return import_string(ENGINES)()
