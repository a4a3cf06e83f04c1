from __future__ import annotations

import uuid
from dataclasses import replace

import pytest
from django.db import IntegrityError, transaction

from apps.documents.models import KnowledgeBase
from apps.documents.services.documents import document_delete
from apps.retrieval.evaluation.ranking import relevant_keys
from apps.retrieval.evaluation.selectors import judged, questions_measurable
from apps.retrieval.evaluation.sets import (
    NewJudgement,
    evaluation_set_create,
    evaluation_set_delete,
    evaluation_set_update,
    passage_mark,
    playground_set,
    question_add,
    question_judge,
)
from apps.retrieval.models import WRONG, EvaluationQuestion, EvaluationSet, Judgement
from ragsite.core.errors import ConflictError, NotFoundError, PermanentError
from tests import factories as make
from tests.acting import ACTOR
from tests.apps.retrieval.evaluation.asking import TEXTS, asked, document, library

pytestmark = pytest.mark.django_db


@pytest.fixture
def base() -> KnowledgeBase:
    return library()


def span(base: KnowledgeBase, name: str, start: int = 4, end: int = 10) -> NewJudgement:
    return NewJudgement(version_id=document(base, name).current_version_id, start=start, end=end)


def test_two_sets_of_a_knowledge_base_do_not_share_a_name(base: KnowledgeBase) -> None:
    evaluation_set_create(knowledge_base=base, name="Set", actor=ACTOR)
    with pytest.raises(ConflictError, match="'Set'"):
        evaluation_set_create(knowledge_base=base, name="Set", actor=ACTOR)
    other = evaluation_set_create(knowledge_base=base, name="Other", actor=ACTOR)
    with pytest.raises(ConflictError, match="'Set'"):
        evaluation_set_update(evaluation_set=other, name="Set", actor=ACTOR)
    assert sorted(EvaluationSet.objects.values_list("name", flat=True)) == ["Other", "Set"]


def test_a_question_keeps_documents_spans_grades_and_the_reference_answer(base: KnowledgeBase) -> None:
    made = evaluation_set_create(knowledge_base=base, name="Set", actor=ACTOR)
    relevant = [NewJudgement(document_id=document(base, "tides").pk, grade=2), span(base, "berths")]
    question = question_add(
        evaluation_set=made, text="When?", relevant=relevant, reference_answer="At noon.", actor=ACTOR
    )
    assert question.reference_answer == "At noon."
    rows = question.judgements.values_list("document__external_id", "start", "end", "grade")
    assert list(rows) == [("tides", None, None, 2), ("berths", 4, 10, 1)]


@pytest.mark.parametrize(
    ("relevant", "error", "told"),
    [
        ([], PermanentError, "0 documents are named"),
        ([NewJudgement(document_id=uuid.UUID(int=1))], NotFoundError, "no document"),
        ([NewJudgement(version_id=uuid.UUID(int=1), start=0, end=1)], NotFoundError, "no version"),
    ],
)
def test_what_is_not_in_the_knowledge_base_is_refused_and_no_question_is_kept(
    base: KnowledgeBase, relevant: list[NewJudgement], error: type[Exception], told: str
) -> None:
    made = evaluation_set_create(knowledge_base=base, name="Set", actor=ACTOR)
    with pytest.raises(error, match=told):
        question_add(evaluation_set=made, text="When?", relevant=relevant, actor=ACTOR)
    assert not EvaluationQuestion.objects.exists()


@pytest.mark.parametrize(("start", "end"), [(0, 10_000), (5, 5), (9, 3), (None, 3), (-1, 3)])
def test_a_span_must_stand_in_its_version(base: KnowledgeBase, start: int, end: int) -> None:
    made = evaluation_set_create(knowledge_base=base, name="Set", actor=ACTOR)
    with pytest.raises(PermanentError, match="has no text from"):
        question_add(evaluation_set=made, text="When?", relevant=[span(base, "tides", start, end)], actor=ACTOR)
    assert not EvaluationQuestion.objects.exists()


def test_a_document_of_another_knowledge_base_cannot_be_judged(base: KnowledgeBase) -> None:
    made = evaluation_set_create(knowledge_base=make.knowledge_base(of=base.tenant), name="Set", actor=ACTOR)
    with pytest.raises(NotFoundError):
        question_add(evaluation_set=made, text="When?", relevant=[span(base, "tides")], actor=ACTOR)


def test_marking_a_passage_adds_its_question_once_and_its_span_once(base: KnowledgeBase) -> None:
    made = playground_set(base, actor=ACTOR)
    for _ in range(2):
        passage_mark(evaluation_set=made, text="When is high water?", judged=span(base, "tides"), actor=ACTOR)
    passage_mark(evaluation_set=made, text="When is high water?", judged=span(base, "berths"), actor=ACTOR)
    assert made.questions.count() == 1
    assert Judgement.objects.count() == 2
    assert playground_set(base, actor=ACTOR) == made


def test_a_passage_is_judged_wrong_and_relevant_and_back_and_only_what_has_an_answer_is_measured(
    base: KnowledgeBase,
) -> None:
    made, tides = playground_set(base, actor=ACTOR), span(base, "tides")
    for grade in (WRONG, 1, WRONG):
        mark = passage_mark(evaluation_set=made, text="When?", judged=replace(tides, grade=grade), actor=ACTOR)
        assert [one.grade for one in Judgement.objects.all()] == [grade]
        assert questions_measurable(made).exists() == bool(grade)
    (wrong,) = judged([mark.question_id])[mark.question_id]
    assert relevant_keys([wrong]) == {}
    question_judge(question=mark.question, judged=span(base, "berths"), actor=ACTOR)
    assert list(questions_measurable(made)) == [mark.question]


def test_a_span_counts_while_its_version_answers_and_then_the_document_does(base: KnowledgeBase) -> None:
    made = playground_set(base, actor=ACTOR)
    mark = passage_mark(evaluation_set=made, text="When?", judged=span(base, "tides"), actor=ACTOR)
    (before,) = judged([mark.question_id])[mark.question_id]
    assert before.span is not None
    make.ready_version(base, "High water is at one o'clock.", filename="tides.txt", external_id="tides")
    (after,) = judged([mark.question_id])[mark.question_id]
    assert (after.span, after.document_id) == (None, document(base, "tides").pk)


def test_a_question_whose_documents_are_deleted_is_not_measured(base: KnowledgeBase) -> None:
    made = asked(base, "tides", "berths")
    document_delete(document=document(base, "tides"), actor=ACTOR)
    assert [question.text for question in questions_measurable(made)] == [TEXTS["berths"]]


def test_deleting_a_set_takes_its_questions_along(base: KnowledgeBase) -> None:
    evaluation_set_delete(evaluation_set=asked(base), actor=ACTOR)
    assert not EvaluationQuestion.objects.exists()
    assert not Judgement.objects.exists()


@pytest.mark.parametrize("fields", [{"start": 1}, {"start": 1, "end": 2}, {"grade": -1}], ids=str)
def test_the_database_refuses_half_a_span_and_an_invalid_grade(base: KnowledgeBase, fields: dict[str, int]) -> None:
    question = asked(base, "tides").questions.get()
    with pytest.raises(IntegrityError), transaction.atomic():
        Judgement.objects.create(question=question, document=document(base, "berths"), **fields)
