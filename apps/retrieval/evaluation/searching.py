"""The one place where evaluation meets the search."""

from __future__ import annotations

import time
from dataclasses import dataclass

from apps.documents.models import KnowledgeBase
from apps.documents.rights.access import AccessScope
from apps.models.gateway import Deadline
from apps.retrieval.models import IndexGeneration
from apps.retrieval.models.modes import Searching
from apps.retrieval.pipeline import retrieve
from apps.retrieval.search.passages import Passage
from apps.retrieval.search.request import SearchRequest
from apps.retrieval.search.reranking import reranker_required
from ragsite.core.configuration import SearchSettings

PASSAGES_PER_DOCUMENT = 3
"""A first guess; where a ranking comes out too short, more are asked for."""


@dataclass(frozen=True, slots=True)
class TimedPassages:
    """Passages, best first, and how long one search for them took."""

    passages: tuple[Passage, ...]
    milliseconds: float


def searching_check(how: Searching) -> None:
    """Refuse what the search can't do.

    Raises:
        NoRerankerError: it shall be reranked, and nothing can do that.
    """
    if how.rerank:
        reranker_required()


def scope_of(knowledge_base: KnowledgeBase) -> AccessScope:
    """All of one knowledge base that each of its readers reads: who may evaluate it is asked at the door.

    So a run's figures are the same for everybody, and its rankings name no restricted document.
    """
    return AccessScope(
        tenant_id=knowledge_base.tenant_id, knowledge_base_ids=frozenset({knowledge_base.pk}), for_all_readers=True
    )


def passages_for(
    question: str, *, scope: AccessScope, how: Searching, generation: IndexGeneration | None = None
) -> TimedPassages:
    """As many passages as it takes to have `how.depth` documents, or all there are; of the live generation by default.

    Raises:
        NoRerankerError: as `searching_check`.
        ModelUnavailableError: no model answered before the deadline, or the reranker did not.
    """
    limit = how.depth * PASSAGES_PER_DOCUMENT
    while True:
        found = _search(
            SearchRequest(question, top_k=limit, mode=how.mode, fallback=False, rerank=how.rerank), scope, generation
        )
        documents = len({passage.document_id for passage in found.passages})
        if documents >= how.depth or len(found.passages) < limit:
            return found
        limit *= 2


def _search(request: SearchRequest, scope: AccessScope, generation: IndexGeneration | None) -> TimedPassages:
    deadline = Deadline.after(SearchSettings.current(scope.place).seconds)
    started = time.monotonic()
    found = retrieve(request, scope=scope, deadline=deadline, generation=generation)
    if found.degraded:
        # A figure for what was not done would be worth nothing.
        raise found.degraded[0].error
    return TimedPassages(found.passages, (time.monotonic() - started) * 1000)
