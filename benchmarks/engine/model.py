"""The model that comes with the project and texts for it, without any server."""

from __future__ import annotations

import os
import random
from importlib import import_module

from apps.models.checkpoint import checkpoint_read, weights_sha256
from apps.models.installed_model import EmbeddingModel
from benchmarks.ingestion.corpus import long_text
from ragsite.core.ids import new_id

SETTINGS = {
    "DJANGO_SETTINGS_MODULE": "ragsite.settings",
    "DATABASE_URL": "postgresql://nowhere",
    "REDIS_URL": "redis://nowhere",
    "KAFKA_BOOTSTRAP_SERVERS": "nowhere:1",
    "RAGSITE_SECRET_KEY": "benchmark-only-" + "0" * 40,
}


def django_alone() -> None:
    """Set Django up, without any server."""
    os.environ.update(SETTINGS)
    import_module("django").setup()


def bundled_model() -> EmbeddingModel:
    """all-MiniLM-L6-v2."""
    django_alone()
    path = import_module("apps.models.services.registry").bundled_model_path()
    found = checkpoint_read(path)
    return EmbeddingModel(
        version_id=new_id(),
        name=path.name,
        path=path,
        sha256=weights_sha256(found.weights),
        dimensions=found.dimensions,
        max_tokens=found.max_tokens,
    )


def pieces(number: int, *, least: int, most: int, seed: int = 5) -> list[str]:
    """Pieces of prose of `least` to `most` words, always the same."""
    dice, words = random.Random(seed), " ".join(long_text(20)).split()
    starts = [dice.randrange(len(words) - most) for _ in range(number)]
    return [" ".join(words[start : start + dice.randint(least, most)]) for start in starts]
