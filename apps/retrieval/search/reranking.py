"""Reranking: a cross-encoder reads the question with each of the best passages, and puts them into its own order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from apps.models.gateway import Deadline, Purpose, ask_or_smaller, rerank
from apps.models.installed_model import InstalledModel
from apps.models.selectors import reranker_default
from apps.retrieval.search.degradation import SMALLER, UNRERANKED, Degradation, DegradedStep
from apps.retrieval.search.passages import Passage
from ragsite.core.database import connection_release
from ragsite.core.errors import PermanentError, RagError

MOST_RERANKED = 50
"""Passages that are read, the best of a search, where the caller does not say how many."""

RESERVE_SECONDS = 0.5
"""What is left of the search's time for the rest of it, should the reranker take too long."""


class NoRerankerError(PermanentError):
    """A search was to be reranked, and there is no reranker; seen by those who search."""

    code = "no_reranker"
    action = "Search without `rerank`, or register a cross-encoder: `manage.py models register PATH`."


@dataclass(frozen=True, slots=True)
class RerankResult:
    """Passages best first; where they are still in the order they had, `degraded` says why."""

    passages: tuple[Passage, ...]
    degraded: tuple[Degradation, ...] = ()


def reranker_required() -> InstalledModel:
    """The default reranker.

    Raises:
        NoRerankerError: none is registered.
    """
    model = reranker_default()
    if model is None:
        raise NoRerankerError("No reranker is registered.")
    return model


def rerank_passages(
    query: str, passages: Sequence[Passage], *, model: InstalledModel, deadline: Deadline, most: int = MOST_RERANKED
) -> RerankResult:
    """The passages by how well each answers the query, by the model's scores; of equal ones the earlier goes first. The `most`
    best of the search are read, and the others follow in the order they had.

    Where the model does not answer, a smaller one behind it does; without any answer they stay as they are. The result says
    either, and why. No transaction may be open.
    """
    read, others = tuple(passages[:most]), tuple(passages[most:])
    where = tuple(dict.fromkeys(passage.knowledge_base_id for passage in passages))
    texts = [passage.text for passage in read]
    connection_release()
    try:
        found = ask_or_smaller(
            lambda one, until: rerank(query, texts, model=one, purpose=Purpose.QUERY, deadline=until),
            model=model,
            deadline=Deadline(deadline.at - RESERVE_SECONDS),
        )
    except RagError as error:
        return RerankResult(tuple(passages), (Degradation(DegradedStep.RERANK, error, where, UNRERANKED),))
    scored = sorted(zip(found.answer.tolist(), read, strict=True), key=lambda pair: -pair[0])
    best_first = (_scored(passage, score, rank) for rank, (score, passage) in enumerate(scored, start=1))
    degraded = (Degradation(DegradedStep.RERANK, found.error, where, SMALLER),) if found.error else ()
    return RerankResult((*best_first, *others), degraded)


def _scored(passage: Passage, score: float, rank: int) -> Passage:
    return replace(passage, score=score, scores=replace(passage.scores, rerank=score, rerank_rank=rank))
