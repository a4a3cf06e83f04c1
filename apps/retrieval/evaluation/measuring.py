"""One question put to the search and its ranking measured; all of a run's results as figures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from apps.retrieval.evaluation.metrics import means, measure, percentile
from apps.retrieval.evaluation.ranking import Judged, RankingPlace, ranked, relevant_keys
from apps.retrieval.evaluation.searching import passages_for, scope_of
from apps.retrieval.models import EvaluationQuestion, EvaluationResult, EvaluationRun
from apps.retrieval.models.modes import Mode, Searching
from ragsite.core.errors import ConflictError

SHOWN = 20
"""How many places of a ranking are kept for people to look at; the figures see all of them."""


def question_measure(run: EvaluationRun, question: EvaluationQuestion, judged: Sequence[Judged]) -> EvaluationResult:
    """Search, rank the documents, measure; the result is not saved.

    Raises:
        RagError: the search did not answer, or what the run measures was dropped.
    """
    if run.generation is None:
        raise ConflictError("The index generation that this run measures was dropped.", action="Start another run.")
    how = Searching(mode=Mode(run.mode), rerank=run.rerank, depth=run.depth)
    scope = scope_of(run.evaluation_set.knowledge_base)
    found = passages_for(question.text, scope=scope, how=how, generation=run.generation)
    ranking, relevant = ranked(found.passages, judged, depth=run.depth), relevant_keys(judged)
    return EvaluationResult(
        run=run,
        question=question,
        text=question.text,
        ranking=[_place(one, relevant.get(one.key, 0)) for one in ranking[:SHOWN]],
        metrics=measure([one.key for one in ranking], relevant, k=run.k, depth=run.depth),
        milliseconds=found.milliseconds,
    )


def run_metrics(run: EvaluationRun) -> dict[str, Any]:
    """The figures of a run: the mean of each metric, how many questions were measured, and how long a search took."""
    rows = list(run.results.order_by("id").values_list("metrics", "milliseconds"))
    took = [milliseconds for _, milliseconds in rows]
    return {
        **{name: round(value, 6) for name, value in means([metrics for metrics, _ in rows]).items()},
        "queries": len(rows),
        "p50_ms": round(percentile(took, 0.5), 2),
        "p95_ms": round(percentile(took, 0.95), 2),
    }


def _place(one: RankingPlace, grade: int) -> dict[str, Any]:
    return {
        "document": str(one.passage.document_id),
        "title": one.passage.document_title,
        "chunk": one.passage.chunk_id,
        "score": round(one.passage.score, 6),
        "grade": grade,
        "wrong": one.is_wrong,
    }
