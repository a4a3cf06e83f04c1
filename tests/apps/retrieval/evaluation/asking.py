"""A knowledge base with three small documents, and sets of questions about them."""

from __future__ import annotations

from typing import Any

from apps.documents.models import Document, KnowledgeBase
from apps.retrieval.evaluation.runs import evaluation_run_start
from apps.retrieval.evaluation.sets import NewJudgement, evaluation_set_create, question_add
from apps.retrieval.models import EvaluationRun, EvaluationSet
from apps.retrieval.models.modes import Searching
from tests import factories as make
from tests.acting import ACTOR

TEXTS = {
    "harbour": "The harbour office opens at seven and closes at six.",
    "berths": "A berth costs thirty euros, electricity included.",
    "tides": "High water is at noon on the day of the new moon.",
}


def library(**fields: Any) -> KnowledgeBase:
    """Three ready documents, known by the keys of TEXTS."""
    base = make.knowledge_base(**fields)
    for name, text in TEXTS.items():
        make.upload(base, text, filename=f"{name}.txt", external_id=name, title=name.title())
    make.run_stages()
    return base


def document(base: KnowledgeBase, name: str) -> Document:
    return Document.objects.get(knowledge_base=base, external_id=name)


def asked(base: KnowledgeBase, *names: str, name: str = "Set") -> EvaluationSet:
    """A set that asks for each named document in its own words."""
    made = evaluation_set_create(knowledge_base=base, name=name, actor=ACTOR)
    for one in names or TEXTS:
        question_add(
            evaluation_set=made,
            text=TEXTS[one],
            relevant=[NewJudgement(document_id=document(base, one).pk)],
            actor=ACTOR,
        )
    return made


def started(evaluation_set: EvaluationSet, **options: Any) -> EvaluationRun:
    return evaluation_run_start(evaluation_set=evaluation_set, how=Searching(), actor=ACTOR, **options)


def done(evaluation_set: EvaluationSet, **options: Any) -> EvaluationRun:
    """A run that was worked on in this process until none could be claimed."""
    run = started(evaluation_set, **options)
    while make.work_once("evaluate", run):
        pass
    run.refresh_from_db()
    return run
