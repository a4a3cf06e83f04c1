"""Evaluation sets as things that happen: made, filled one question at a time, deleted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from django.db import IntegrityError, transaction

from apps.documents.models import Document, DocumentVersion, KnowledgeBase
from apps.retrieval.answers.services import span_text
from apps.retrieval.evaluation.selectors import documents_measured
from apps.retrieval.models import (
    WRONG,
    Answer,
    AnswerFeedback,
    EvaluationQuestion,
    EvaluationSet,
    ExperimentEntry,
    Judgement,
    Rating,
)
from ragsite.core.actors import Actor, change_log
from ragsite.core.audit.recording import AuditObject
from ragsite.core.bounds import lengths_check
from ragsite.core.errors import ConflictError, NotFoundError, PermanentError
from ragsite.core.locking import rows_hold, rows_hold_to_remove
from ragsite.gateway.conditions import UNCONDITIONAL, Condition, etag_of

PLAYGROUND = "From tried queries"
MOST_JUDGEMENTS = 1_000


@dataclass(frozen=True, slots=True)
class NewJudgement:
    """What answers a question, or with grade 0 does not: a document, or `start` to `end` of one of its versions."""

    document_id: UUID | None = None
    version_id: UUID | None = None
    start: int | None = None
    end: int | None = None
    grade: int = 1


def evaluation_set_create(
    *, knowledge_base: KnowledgeBase, name: str, description: str = "", actor: Actor
) -> EvaluationSet:
    """A new, empty set.

    Raises:
        ConflictError: the knowledge base has one of that name.
    """
    lengths_check(EvaluationSet, name=name, description=description)
    try:
        with transaction.atomic():
            made = EvaluationSet.objects.create(knowledge_base=knowledge_base, name=name, description=description)
            change_log(f"evaluation set {made.pk} was made", actor=actor, action="evaluation_set.created", of=made)
    except IntegrityError as error:
        raise _name_taken(name) from error
    return made


def evaluation_set_etag(evaluation_set: EvaluationSet) -> str:
    """By what is said about it: its questions have ETags of their own."""
    return etag_of(evaluation_set, "id", "name", "description")


def question_etag(question: EvaluationQuestion) -> str:
    """By its words and all that was judged of it."""
    judged = sorted(question.judgements.values_list("document_id", "version_id", "start", "end", "grade"), key=repr)
    return etag_of(question, "id", "text", "reference_answer", "external_id", told=judged)


def evaluation_set_update(
    *, evaluation_set: EvaluationSet, actor: Actor, condition: Condition = UNCONDITIONAL, **changes: str
) -> EvaluationSet:
    """Change name or description.

    Raises:
        ConflictError: the knowledge base has another one of that name.
        PreconditionFailedError: it is not as the condition says.
    """
    lengths_check(EvaluationSet, **changes)
    siblings = EvaluationSet.objects.filter(knowledge_base=evaluation_set.knowledge_base_id)
    name = changes.get("name", evaluation_set.name)
    if siblings.exclude(pk=evaluation_set.pk).filter(name=name).exists():
        raise _name_taken(name)
    try:
        with transaction.atomic():
            rows = EvaluationSet.objects.filter(pk=evaluation_set.pk)
            rows_hold(rows)
            condition.check_row(rows, evaluation_set_etag)
            for field, value in changes.items():
                setattr(evaluation_set, field, value)
            evaluation_set.save(update_fields=list(changes))
            what, changed = f"evaluation set {evaluation_set.pk} was changed", {"changed": sorted(changes)}
            change_log(what, actor=actor, action="evaluation_set.updated", of=evaluation_set, details=changed)
    except IntegrityError as error:
        raise _name_taken(name) from error
    return evaluation_set


def evaluation_set_delete(*, evaluation_set: EvaluationSet, actor: Actor, condition: Condition = UNCONDITIONAL) -> None:
    """Remove a set with its questions and runs.

    Raises:
        PreconditionFailedError: it is not as the condition says; it stays.
    """
    pk = evaluation_set.pk
    with transaction.atomic():
        rows_hold_to_remove(
            EvaluationSet.objects.filter(pk=pk),
            # A worker that notes results holds its run, and then wants the questions.
            evaluation_set.runs.all(),
            Judgement.objects.filter(question__evaluation_set=pk),
            ExperimentEntry.objects.filter(run__evaluation_set=pk),
        )
        condition.check_row(EvaluationSet.objects.filter(pk=pk), evaluation_set_etag)
        what = f"evaluation set {pk} was deleted"
        change_log(what, actor=actor, action="evaluation_set.deleted", of=evaluation_set)
        evaluation_set.delete()


def question_add(
    *,
    evaluation_set: EvaluationSet,
    text: str,
    relevant: Sequence[NewJudgement],
    wrong: Sequence[NewJudgement] = (),
    reference_answer: str = "",
    actor: Actor,
) -> EvaluationQuestion:
    """Add a question with what answers it, and what does not. What is named as both is relevant.

    Raises:
        NotFoundError: a document or version is not of the set's knowledge base.
        PermanentError: nothing is relevant, or a span is not in its version's text.
    """
    found = sum(one.grade > WRONG for one in relevant)
    if not found or len(relevant) + len(wrong) > MOST_JUDGEMENTS:
        raise PermanentError(
            f"{found} documents are named as relevant, and {len(wrong)} as wrong.",
            action=f"Name 1 to {MOST_JUDGEMENTS:,}: a question that nothing answers measures nothing.",
        )
    lengths_check(EvaluationQuestion, text=text, reference_answer=reference_answer)
    with transaction.atomic():
        question = EvaluationQuestion.objects.create(
            evaluation_set=evaluation_set, text=text, reference_answer=reference_answer
        )
        for one in (*(replace(one, grade=WRONG) for one in wrong), *relevant):
            _judge(question, one)
        change_log(
            f"question {question.pk} was added",
            actor=actor,
            action="evaluation_question.added",
            of=AuditObject.unnamed(question),
        )
    return question


def question_delete(*, question: EvaluationQuestion, actor: Actor, condition: Condition = UNCONDITIONAL) -> None:
    """Take a question out of its set; the results of earlier runs keep its text.

    Raises:
        PreconditionFailedError: it is not as the condition says; it stays.
    """
    pk = question.pk
    with transaction.atomic():
        rows_hold(EvaluationSet.objects.filter(pk=question.evaluation_set_id))
        rows_hold(question.judgements.all())
        condition.check_row(EvaluationQuestion.objects.filter(pk=pk), question_etag)
        change_log(
            f"question {pk} was deleted",
            actor=actor,
            action="evaluation_question.deleted",
            of=AuditObject.unnamed(question),
        )
        question.delete()


def passage_mark(*, evaluation_set: EvaluationSet, text: str, judged: NewJudgement, actor: Actor) -> Judgement:
    """Note that a span answers a question, or with grade 0 that it does not; the question joins the set if it is not in it. What
    was noted before is changed: twice is the same as once.

    Raises:
        NotFoundError, PermanentError: as `question_add`.
    """
    lengths_check(EvaluationQuestion, text=text)
    with transaction.atomic():
        _set_hold(evaluation_set)
        question = _question_joined(evaluation_set, text)
        judgement = _judge(question, judged)
        _judged(question, judgement, actor)
    return judgement


def question_judge(*, question: EvaluationQuestion, judged: NewJudgement, actor: Actor) -> Judgement:
    """As `passage_mark`, of a question that is in a set.

    Raises:
        NotFoundError: the question was deleted a moment ago; and as `question_add`.
        ConflictError: it has as many judgements as it may.
    """
    with transaction.atomic():
        _set_hold(question.evaluation_set)
        if not EvaluationQuestion.objects.filter(pk=question.pk).exists():
            raise NotFoundError(f"There is no question {question.pk}; it was deleted a moment ago.")
        judgement = _judge(question, judged)
        if question.judgements.count() > MOST_JUDGEMENTS:
            raise ConflictError(f"The question has {MOST_JUDGEMENTS:,} judgements already.", action="Add another one.")
        _judged(question, judgement, actor)
    return judgement


def _judged(question: EvaluationQuestion, judgement: Judgement, actor: Actor) -> None:
    what = f"judgement {judgement.pk} of question {question.pk} was noted"
    details = {"judgement_id": judgement.pk, "grade": judgement.grade}
    change_log(
        what, actor=actor, action="evaluation_question.judged", of=AuditObject.unnamed(question), details=details
    )


def _set_hold(evaluation_set: EvaluationSet) -> None:
    if not rows_hold(EvaluationSet.objects.filter(pk=evaluation_set.pk)):
        raise NotFoundError(f"There is no evaluation set {evaluation_set.pk}; it was deleted a moment ago.")


def question_of_answer(*, answer: Answer, knowledge_base: KnowledgeBase, actor: Actor) -> EvaluationQuestion:
    """The question of an answer, as it was understood, in the knowledge base's set of tried queries. If the one who asked called
    the answer good, what it cites there is relevant, where nobody has judged that. Twice is the same as once.

    Raises:
        NotFoundError: the set was deleted a moment ago.
    """
    evaluation_set = playground_set(knowledge_base, actor=actor)
    text = answer.query.searched_for or answer.query.question
    is_good = AnswerFeedback.objects.filter(answer=answer, rating=Rating.UP).exists()
    with transaction.atomic():
        _set_hold(evaluation_set)
        question = _question_joined(evaluation_set, text)
        for one in _cited(answer, knowledge_base) if is_good else ():
            _judge(question, one, anew=False)
        what, details = f"question {question.pk} was made of answer {answer.pk}", {"answer_id": answer.pk}
        change_log(
            what, actor=actor, action="evaluation_question.added", of=AuditObject.unnamed(question), details=details
        )
    return question


def playground_set(knowledge_base: KnowledgeBase, *, actor: Actor) -> EvaluationSet:
    """The set that a knowledge base's marked passages go to when none was chosen; made if there is none."""
    with transaction.atomic():
        found, made = EvaluationSet.objects.get_or_create(
            knowledge_base=knowledge_base, name=PLAYGROUND, defaults={"description": "Passages judged by hand."}
        )
        if made:
            change_log(f"evaluation set {found.pk} was made", actor=actor, action="evaluation_set.created", of=found)
    return found


def _question_joined(evaluation_set: EvaluationSet, text: str) -> EvaluationQuestion:
    """The set's question of that text, which joins it if there is none."""
    known = evaluation_set.questions.filter(text=text).first()
    return known or EvaluationQuestion.objects.create(evaluation_set=evaluation_set, text=text)


def _cited(answer: Answer, knowledge_base: KnowledgeBase) -> list[NewJudgement]:
    """The spans it cites, of documents that evaluation knows of."""
    measured = documents_measured(knowledge_base.pk)
    citations = answer.citations.filter(version__document__in=measured).order_by("version_id", "start")
    return [NewJudgement(version_id=one.version_id, start=one.start, end=one.end) for one in citations]


def _judge(question: EvaluationQuestion, judged: NewJudgement, *, anew: bool = True) -> Judgement:
    """Note it; a judgement that is there already is changed only `anew`."""
    document = _document(question.evaluation_set, judged)
    if judged.version_id is not None:
        _check_span(judged)
    judgement, made = Judgement.objects.get_or_create(
        question=question,
        document=document,
        version_id=judged.version_id,
        start=judged.start,
        end=judged.end,
        defaults={"grade": judged.grade},
    )
    if anew and not made and judgement.grade != judged.grade:
        judgement.grade = judged.grade
        judgement.save(update_fields=["grade"])
    return judgement


def _document(evaluation_set: EvaluationSet, relevant: NewJudgement) -> Document:
    measured = documents_measured(evaluation_set.knowledge_base_id)
    if relevant.version_id is None:
        document = measured.filter(pk=relevant.document_id).first() if relevant.document_id else None
        return document or _missing(f"document {relevant.document_id}")
    version = (
        DocumentVersion.objects.filter(pk=relevant.version_id, document__in=measured).select_related("document").first()
    )
    if version is None or relevant.document_id not in (None, version.document_id):
        return _missing(f"version {relevant.version_id}")
    return version.document


def _missing(what: str) -> Document:
    raise NotFoundError(f"There is no {what} in this evaluation set's knowledge base.")


def _check_span(relevant: NewJudgement) -> None:
    start, end = relevant.start, relevant.end
    is_span = relevant.version_id is not None and start is not None and end is not None and 0 <= start < end
    found = span_text(relevant.version_id, start, end) if is_span else None  # type: ignore[arg-type]
    if found is None or len(found) != (end or 0) - (start or 0):
        raise PermanentError(
            f"The version {relevant.version_id} has no text from {start} to {end}.",
            action="Give `start` and `end` as characters of its parsed text, or neither and the document alone.",
        )


def _name_taken(name: str) -> ConflictError:
    return ConflictError(f"There is already an evaluation set named {name!r}.", action="Choose another name.")
