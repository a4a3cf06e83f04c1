"""Answers are checked and kept: a quote must be in the stored text of its version, at its span, and can be checked later."""

from __future__ import annotations

from dataclasses import dataclass, replace
from uuid import UUID

from django.db import transaction
from django.db.models import Count, F, Func, IntegerField, Q, QuerySet, TextField, Value

from apps.documents.models import ParsedText
from apps.documents.rights.access import AccessScope, versions_visible
from apps.retrieval.answers.types import Draft, Quotation, Statement
from apps.retrieval.events import QueryProcessed, StepDegraded
from apps.retrieval.models import Answer, Citation, Query
from apps.retrieval.search.degradation import Degradation
from ragsite.core.actors import Actor
from ragsite.core.errors import NotFoundError
from ragsite.core.outbox import emit
from ragsite.gateway.keys import Principal

NOT_FOUND = "Not found in your documents."


def citations_verify(draft: Draft) -> Draft:
    """The draft without quotations that are not where they say, and without statements that have none left."""
    checked = (replace(one, quotations=tuple(filter(quotation_stands, one.quotations))) for one in draft.statements)
    return replace(draft, statements=tuple(statement for statement in checked if _founded(statement)))


def quotation_stands(quotation: Quotation) -> bool:
    """Whether `text[start:end]` of the quotation's version is the quote, read from the database."""
    return span_text(quotation.passage.version_id, quotation.start, quotation.end) == quotation.quote


def span_text(version_id: UUID, start: int, end: int) -> str | None:
    """Characters `start` to `end` of a version's parsed text; None when there is no such version."""
    piece = Func(
        F("text"),
        Value(start + 1, output_field=IntegerField()),
        Value(end - start, output_field=IntegerField()),
        function="substr",
        output_field=TextField(),
    )
    return ParsedText.objects.filter(version_id=version_id).values_list(piece, flat=True).first()


def _founded(statement: Statement) -> bool:
    return bool(statement.quotations)


@dataclass(frozen=True, slots=True)
class AnswerRecord:
    """What is kept of a question and its checked answer; `degraded` and `milliseconds` are of all steps."""

    question: str
    scope: AccessScope
    draft: Draft
    degraded: tuple[Degradation, ...]
    milliseconds: dict[str, float]


def answer_save(record: AnswerRecord, *, actor: Actor) -> Answer:
    """Write the question, the answer and its citations, and its event, in one transaction."""
    with transaction.atomic():
        query = Query.objects.create(
            tenant_id=record.scope.tenant_id,
            asked_by=actor.text,
            user_id=record.scope.subjects.user_id,
            api_key_id=record.scope.subjects.api_key_id,
            question=record.question,
            knowledge_base_ids=sorted(str(pk) for pk in record.scope.searched_ids),
        )
        statements = record.draft.statements
        answer = Answer.objects.create(
            query=query,
            text=" ".join(statement.text for statement in statements) or NOT_FOUND,
            found=bool(statements),
            generator=record.draft.end.generator,
            degraded=[one.record() for one in record.degraded],
            milliseconds=record.milliseconds,
            citation_count=sum(len(statement.quotations) for statement in statements),
        )
        citations = [_citation(answer, index, q) for index, one in enumerate(statements) for q in one.quotations]
        Citation.objects.bulk_create(citations)
        emit(_processed_event(record, query, len(citations)), actor=actor)
    return answer_of(query.pk, tenant_id=query.tenant_id)


def answer_visible(answer_id: UUID, principal: Principal) -> Answer:
    """An answer the caller was given, as long as the caller may read every document that it rests on.

    What was granted then and is not now, and what was deleted since, takes its answers with it: they quote it.

    Raises:
        NotFoundError: there is none of that id for the caller.
    """
    readable = Count("citations", filter=Q(citations__version__in=versions_visible(principal).order_by().values("pk")))
    asked = _answers().filter(_asked_by(principal), pk=answer_id, query__tenant_id=principal.tenant_id)
    answer = asked.annotate(readable_count=readable).filter(readable_count=F("citation_count")).first()
    if answer is None:
        raise NotFoundError(f"There is no answer {answer_id}.")
    return answer


def _asked_by(principal: Principal) -> Q:
    """A caller that is neither a key nor a user has asked nothing."""
    if principal.api_key_id is not None:
        return Q(query__api_key_id=principal.api_key_id)
    return Q(query__user_id=principal.user_id, query__user__isnull=False)


def answer_of(query_id: UUID, *, tenant_id: UUID) -> Answer:
    """The answer to a question, with its citations and their documents."""
    return _answers().get(query_id=query_id, query__tenant_id=tenant_id)


def _answers() -> QuerySet[Answer]:
    return Answer.objects.select_related("query").prefetch_related("citations__version__document")


def _citation(answer: Answer, statement: int, quotation: Quotation) -> Citation:
    return Citation(
        answer=answer,
        claim=statement,
        version_id=quotation.passage.version_id,
        start=quotation.start,
        end=quotation.end,
        quote=quotation.quote,
        heading_path=list(quotation.passage.heading_path),
        place=quotation.passage.place,
        score=quotation.score,
    )


def _processed_event(record: AnswerRecord, query: Query, citations: int) -> QueryProcessed:
    return QueryProcessed(
        tenant_id=query.tenant_id,
        query_id=query.pk,
        found=bool(record.draft.statements),
        generator=record.draft.end.generator,
        passages=record.draft.end.passages,
        citations=citations,
        milliseconds=record.milliseconds,
        degraded=tuple(map(_step_degraded, record.degraded)),
    )


def _step_degraded(one: Degradation) -> StepDegraded:
    return StepDegraded(
        step=one.step.value,
        code=one.error.error_code,
        detail=one.detail,
        knowledge_bases=one.knowledge_base_ids,
    )
