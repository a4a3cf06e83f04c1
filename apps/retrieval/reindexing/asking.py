"""What a door was given, turned into a request: names of models, parts of chunking settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from apps.documents.chunking.settings import ChunkingSettings
from apps.documents.models import Document, KnowledgeBase, PartsBy
from apps.documents.rights.access import documents_hidden, told_of_all
from apps.models.selectors import embedding_model_named, embedding_model_version
from apps.retrieval.models import SwitchMode
from apps.retrieval.reindexing.planning import Planned, ReindexPlan, reindex_plan
from apps.retrieval.reindexing.services import ReindexRequest, live_generation
from ragsite.core.errors import PermanentError
from ragsite.gateway.keys import Principal

MARGIN = 0.02


def reindex_request(
    knowledge_base: KnowledgeBase,
    *,
    model: str = "",
    chunking: Mapping[str, Any] | None = None,
    switch: str = SwitchMode.AUTO,
    margin: float = MARGIN,
    parts: str = "",
) -> ReindexRequest:
    """What is not said stays as it is in the live generation, or for parts in the knowledge base, and is cut as documents are
    today.

    Raises:
        ConflictError: the knowledge base has no index yet.
        ModelNotFoundError: there is no such model.
        InvalidChunkingError: no document can be cut so.
        PermanentError: the margin is none.
    """
    live = live_generation(knowledge_base)
    if not 0 <= margin <= 1:
        raise PermanentError(f"A margin of {margin:g} is invalid.", action="Give a share of nDCG from 0 to 1.")
    return ReindexRequest(
        model=embedding_model_named(model) if model else embedding_model_version(live.model_version_id),
        chunking=ChunkingSettings.from_dict(live.chunking).overridden(chunking or {}).renewed(),
        switch=SwitchMode(switch),
        margin=margin,
        parts=PartsBy(parts) if parts else None,
    )


def request_plan(
    knowledge_base: KnowledgeBase, request: ReindexRequest, *, principal: Principal | None = None
) -> ReindexPlan:
    """What the request would take, by the documents that the caller may be told of: see `reindex_plan` and `told_of_all`."""
    documents = Document.objects.filter(knowledge_base=knowledge_base, deleted_at=None)
    is_whole = told_of_all(principal, knowledge_base)
    if principal is not None and not is_whole:
        documents = documents.exclude(pk__in=documents_hidden(principal, knowledge_base).values("pk"))
    planned = Planned(documents, is_whole)
    return reindex_plan(
        live_generation(knowledge_base), model=request.model, chunking=request.chunking, planned=planned
    )
