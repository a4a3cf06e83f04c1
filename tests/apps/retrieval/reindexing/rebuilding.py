"""Models of another width, and re-indexes that are worked on in the test's process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.db.models.functions import Now

from apps.documents.chunking.settings import ChunkingSettings
from apps.documents.models import Chunk, Document, KnowledgeBase
from apps.models.installed_model import EmbeddingModel
from apps.models.selectors import embedding_model_default, embedding_model_version
from apps.models.services.registry import model_register
from apps.retrieval.index.generations import generation_ensure
from apps.retrieval.models import IndexGeneration, Reindex
from apps.retrieval.reindexing.services import ReindexRequest, reindex_start
from tests import factories as make
from tests.acting import ACTOR
from tests.apps.models.conftest import checkpoint_make

SMALLER = 24


def other_model(folder: Path, *, dimensions: int = SMALLER, name: str = "other") -> EmbeddingModel:
    """A small real checkpoint, registered, that reads as much as the default one."""
    made = folder / f"{name}-{dimensions}"
    made.mkdir()
    checkpoint = checkpoint_make(made, dimensions=dimensions, tokens=256)
    return embedding_model_version(model_register(source=checkpoint, name=f"{name}-{dimensions}", actor=ACTOR).pk)


def started(base: KnowledgeBase, **changed: Any) -> Reindex:
    """A re-index; what is not named stays as it is."""
    fields = {
        "model": embedding_model_default(),
        "chunking": ChunkingSettings.from_dict(generation_ensure(base).chunking),
    }
    return reindex_start(base, ReindexRequest(**fields | changed), actor=ACTOR)


def worked(reindex: Reindex) -> Reindex:
    """The re-index after all that there is to do for now."""
    Reindex.objects.filter(pk=reindex.pk).update(not_before=Now())
    while make.work_once("reindex", reindex):
        pass
    reindex.refresh_from_db()
    return reindex


def assert_whole(generation: IndexGeneration) -> None:
    """The generation has just the vectors of its own chunking's chunks of all current versions."""
    current = Document.objects.filter(
        knowledge_base=generation.knowledge_base_id, deleted_at=None, current_version__isnull=False
    )
    chunks = Chunk.objects.filter(
        version__in=current.values("current_version"), chunking_key=generation.chunking_key
    ).values_list("pk", flat=True)
    vectors = list(generation.embeddings.values_list("chunk_id", "chunk__chunking_key"))
    assert len(vectors) == len(set(vectors))
    assert set(chunks) <= {chunk for chunk, _ in vectors}
    assert {key for _, key in vectors} <= {generation.chunking_key}
    versions = set(current.values_list("current_version", flat=True))
    assert versions == set(Chunk.objects.filter(pk__in=chunks).values_list("version", flat=True))
