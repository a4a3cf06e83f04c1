"""Indexes follow their model: where another version of it was activated, a re-index with that one is started.

Until it has switched, the index is searched by the version that made it, which is kept for that. A re-index that was cancelled,
refused or failed is a person's to take up: it is not started again by itself.
"""

from __future__ import annotations

import logging

from django.db.models import Exists, OuterRef, Q

from apps.documents.chunking.settings import ChunkingSettings
from apps.models.models import ModelStatus, ModelVersion
from apps.models.selectors import embedding_model_version
from apps.retrieval.models import REINDEX_ENDED, GenerationState, IndexGeneration, Reindex
from apps.retrieval.reindexing.services import ReindexRequest, reindex_start
from ragsite.core.actors import Actor
from ragsite.core.errors import RagError
from ragsite.core.work import Turn

logger = logging.getLogger(__name__)
ACTOR = Actor.of_job("models-follow")


def models_follow(turn: Turn) -> bool:
    """Start a re-index where a model has another active version than the one that made the index; whether some are left."""
    for live in generations_behind():
        if turn.is_over():
            return True
        _start(live)
    return False


def generations_behind() -> list[IndexGeneration]:
    """Live generations by a retired version whose model has an active one, where nothing of the kind was begun before."""
    active = ModelVersion.objects.filter(model=OuterRef("model_version__model"), status=ModelStatus.ACTIVE)
    open_now = Reindex.objects.filter(knowledge_base=OuterRef("knowledge_base")).exclude(state__in=REINDEX_ENDED)
    live = IndexGeneration.objects.filter(state=GenerationState.LIVE, knowledge_base__deleted_at=None)
    behind = live.filter(Exists(active), ~Exists(open_now), model_version__status=ModelStatus.RETIRED)
    rows = behind.select_related("knowledge_base", "model_version").order_by("pk")
    return [one for one in rows if not _was_tried(one, _active(one))]


def _active(live: IndexGeneration) -> ModelVersion:
    return ModelVersion.objects.get(model=live.model_version.model_id, status=ModelStatus.ACTIVE)


def _was_tried(live: IndexGeneration, active: ModelVersion) -> bool:
    """Whether this job started one with that version. What was cancelled has lost its generation: then its time tells."""
    begun = Reindex.objects.filter(knowledge_base=live.knowledge_base, asked_by=ACTOR.text)
    for_it = Q(generation__model_version=active) | Q(generation=None, created_at__gte=active.created_at)
    return begun.filter(for_it).exists()


def _start(live: IndexGeneration) -> None:
    active = _active(live)
    chunking = ChunkingSettings.from_dict(live.chunking)
    try:
        request = ReindexRequest(model=embedding_model_version(active.pk), chunking=chunking)
        reindex_start(live.knowledge_base, request, actor=ACTOR)
    except RagError as error:
        logger.warning("the index of %s does not follow %s: %s", live.knowledge_base_id, active, error.sentence)
