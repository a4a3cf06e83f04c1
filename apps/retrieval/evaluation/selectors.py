"""Reads of evaluation sets and runs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from django.db.models import Count, QuerySet

from apps.documents.models import LIVING, Document
from apps.documents.rights.access import knowledge_bases_visible
from apps.retrieval.evaluation.ranking import Judged, SpanOfVersion
from apps.retrieval.models import (
    IS_RELEVANT,
    EvaluationQuestion,
    EvaluationResult,
    EvaluationRun,
    EvaluationSet,
    Judgement,
)
from ragsite.core.errors import NotFoundError
from ragsite.gateway.keys import Principal


def evaluation_sets_visible(principal: Principal) -> QuerySet[EvaluationSet]:
    """The sets of the knowledge bases a caller may see, each with `question_total`."""
    sets = EvaluationSet.objects.filter(knowledge_base__in=knowledge_bases_visible(principal))
    return sets.select_related("knowledge_base").annotate(question_total=Count("questions"))


def evaluation_set_visible(principal: Principal, set_id: UUID) -> EvaluationSet:
    """The set of that id.

    Raises:
        NotFoundError: it does not exist or belongs to somebody else; the two look alike.
    """
    found = evaluation_sets_visible(principal).filter(pk=set_id).first()
    if found is None:
        raise NotFoundError(f"There is no evaluation set {set_id}.")
    return found


def evaluation_questions_visible(principal: Principal) -> QuerySet[EvaluationQuestion]:
    """The questions of the sets a caller may see, with what was judged of each."""
    return EvaluationQuestion.objects.filter(
        evaluation_set__knowledge_base__in=knowledge_bases_visible(principal)
    ).prefetch_related("judgements")


def evaluation_runs_visible(principal: Principal) -> QuerySet[EvaluationRun]:
    """The runs over the sets a caller may see."""
    return EvaluationRun.objects.filter(
        evaluation_set__knowledge_base__in=knowledge_bases_visible(principal)
    ).select_related("evaluation_set")


def results_worst_first(run: EvaluationRun) -> QuerySet[EvaluationResult]:
    """The results of a run by nDCG, the worst first."""
    return run.results.order_by(f"metrics__ndcg@{run.k}", "id")


def figures_in_order(metrics: Mapping[str, Any], *, only_quality: bool = False) -> list[str]:
    """The names of figures as people read them, since jsonb keeps no order; `only_quality` leaves out time and numbers."""
    return sorted((name for name in metrics if not only_quality or _rank(name) < len(_ORDER) - 1), key=_figure_key)


_ORDER = (r"ndcg@", r"recall@", r"map$", r"mrr$", r"")


def _figure_key(name: str) -> tuple[int, int, str]:
    return _rank(name), len(name), name


def _rank(name: str) -> int:
    return next(rank for rank, pattern in enumerate(_ORDER) if re.match(pattern, name))


def documents_measured(knowledge_base_id: UUID) -> QuerySet[Document]:
    """The documents that evaluation knows of: those that every reader of the knowledge base reads."""
    return Document.objects.filter(LIVING, knowledge_base_id=knowledge_base_id, restricted=False)


def documents_restricted_since(results: Iterable[EvaluationResult]) -> frozenset[str]:
    """The ids of documents in the results' rankings that were restricted after the run."""
    ranked = {place["document"] for result in results for place in result.ranking}
    ids = Document.objects.filter(pk__in=ranked, restricted=True).values_list("pk", flat=True)
    return frozenset(map(str, ids))


def judged(question_ids: Iterable[UUID]) -> dict[UUID, list[Judged]]:
    """What was judged of each question, of documents that are measured; a span only while its version answers."""
    found: dict[UUID, list[Judged]] = {}
    measured = Document.objects.filter(LIVING, restricted=False)
    rows = Judgement.objects.filter(question__in=list(question_ids), document__in=measured)
    for row in rows.select_related("document"):
        found.setdefault(row.question_id, []).append(_judged(row))
    return found


def questions_measurable(evaluation_set: EvaluationSet) -> QuerySet[EvaluationQuestion]:
    """The questions to which a document that is measured is relevant."""
    measured = documents_measured(evaluation_set.knowledge_base_id)
    answered = Judgement.objects.filter(IS_RELEVANT, document__in=measured, question__evaluation_set=evaluation_set)
    return evaluation_set.questions.filter(pk__in=answered.values("question"))


def _judged(row: Judgement) -> Judged:
    if row.version_id is None or row.start is None or row.end is None:
        return Judged(row.document_id, row.grade)
    if row.version_id != row.document.current_version_id:
        return Judged(row.document_id, row.grade)
    return Judged(row.document_id, row.grade, SpanOfVersion(row.version_id, row.start, row.end))
