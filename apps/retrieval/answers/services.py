"""Answers are checked and kept: a quote must be in the stored text of its version, at its span, and can be checked later."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F, Func, IntegerField, QuerySet, TextField, Value

from apps.documents.models import ParsedText
from apps.documents.parsing.types import place_narrowed
from apps.documents.rights.access import AccessScope, versions_visible
from apps.retrieval.answers.answer_events import answer_events
from apps.retrieval.answers.masking import turn_masked
from apps.retrieval.answers.options import AnswerOptions
from apps.retrieval.answers.turns import AskedTurn, searched_for_shown, turn_take
from apps.retrieval.answers.types import Draft, Judgement, Quotation, Statement, Verdict
from apps.retrieval.answers.visibility import answers_readable, asked_by, first_withdrawn
from apps.retrieval.events import CitedSpan
from apps.retrieval.models import Answer, Citation, Query
from apps.retrieval.search.degradation import Degradation
from apps.retrieval.search.passages import Passage
from apps.retrieval.search.retrieval import Retrieval
from ragsite.core.actors import Actor
from ragsite.core.errors import NotFoundError
from ragsite.core.ids import new_id
from ragsite.core.outbox import emit
from ragsite.core.timelines import Mark, marks_record
from ragsite.core.tracing.trace_parents import trace_id_of
from ragsite.gateway.keys import Principal

NOT_FOUND = "Not found in your documents."


def citations_verify(draft: Draft) -> Draft:
    """The draft without quotations that are not where they say; a statement that has none left is borne out by nothing."""
    return replace(draft, statements=tuple(statement_verify(one) for one in draft.statements))


def statement_verify(statement: Statement) -> Statement:
    """As `citations_verify`, for one statement."""
    standing = tuple(filter(quotation_stands, statement.quotations))
    if standing or not statement.is_shown:
        return replace(statement, quotations=standing)
    return replace(statement, quotations=(), judgement=Judgement(Verdict.UNSUPPORTED))


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


@dataclass(frozen=True, slots=True)
class AnswerRecord:
    """What is kept of a question and its checked answer; `degraded`, `milliseconds` and `marks` are of all steps."""

    turn: AskedTurn
    found: Retrieval
    draft: Draft
    options: AnswerOptions
    degraded: tuple[Degradation, ...]
    milliseconds: dict[str, float]
    answer_id: UUID = field(default_factory=new_id)
    marks: tuple[Mark, ...] = ()


def answer_save(record: AnswerRecord, *, actor: Actor) -> Answer:
    """Write the question, the answer and its citations, and its events, in one transaction.

    Raises:
        NotFoundError: its conversation was deleted meanwhile.
    """
    scope, turn = record.found.scope, record.turn
    with transaction.atomic():
        query = query_write(turn, scope=scope, options=record.options, actor=actor)
        answer = _answer_row(record, query)
        answer.save(force_insert=True)
        shown = record.draft.shown
        citations = [_citation(answer, index, q) for index, one in enumerate(shown) for q in one.quotations]
        Citation.objects.bulk_create(citations)
        cited = [_cited(quotation) for one in shown for quotation in one.quotations]
        emit(*answer_events(answer, cited, passages=record.draft.end.passages), actor=actor)
    return answer_of(query.pk, tenant_id=query.tenant_id)


def query_write(turn: AskedTurn, *, scope: AccessScope, options: AnswerOptions, actor: Actor) -> Query:
    """The row of a question, masked as it is to be, in the transaction that saves its answer.

    Raises:
        NotFoundError: its conversation was deleted meanwhile.
    """
    turn = turn_masked(turn, scope)
    return Query.objects.create(
        tenant_id=scope.tenant_id,
        asked_by=actor.text,
        user_id=scope.subjects.user_id,
        api_key_id=scope.subjects.api_key_id,
        conversation_id=turn.conversation_id,
        turn=turn_take(turn, scope=scope, actor=actor),
        question=turn.question,
        searched_for=turn.searched_for,
        knowledge_base_ids=sorted(str(pk) for pk in scope.searched_ids),
        options=options.record(),
        trace_id=trace_id_of(actor.traceparent),
    )


def _answer_row(record: AnswerRecord, query: Query) -> Answer:
    shown, end = record.draft.shown, record.draft.end
    return Answer(
        pk=record.answer_id,
        query=query,
        text=" ".join(statement.text for statement in shown) or NOT_FOUND,
        found=bool(shown),
        generator=end.generator,
        model=end.provenance.model,
        prompt=end.provenance.prompt,
        usage=end.provenance.usage(),
        statements=[_statement_kept(one) for one in record.draft.statements],
        passages=[_passage_kept(one) for one in record.found.passages],
        searched={"mode": record.found.settings.mode.value, "candidates": dict(record.found.candidates)},
        degraded=[one.record() for one in record.degraded],
        milliseconds=record.milliseconds,
        timeline=marks_record(record.marks),
        citation_count=sum(len(statement.quotations) for statement in shown),
    )


def _statement_kept(one: Statement) -> dict[str, Any]:
    judgement = one.judgement
    kept = {"text": one.text, "verdict": judgement.verdict.value, "confidence": round(judgement.confidence, 3)}
    return kept | {"shown": one.is_shown}


def _passage_kept(passage: Passage) -> dict[str, Any]:
    """By the span, which is there as long as its version is: chunks are made anew by a re-index."""
    return {
        "version": str(passage.version_id),
        "start": passage.start,
        "end": passage.end,
        "heading_path": list(passage.heading_path),
        "place": passage.place,
        "score": passage.score,
    }


def answer_visible(answer_id: UUID, principal: Principal) -> Answer:
    """An answer the caller was given, as long as the caller may read every document that it rests on.

    What was granted then and is not now, and what was deleted since, takes its answers with it: they quote it.

    Raises:
        NotFoundError: there is none of that id for the caller.
    """
    versions = versions_visible(principal)
    mine = answers_whole().filter(asked_by(principal, path="query__"), pk=answer_id)
    answer = answers_readable(mine, versions=versions).first()
    if answer is None:
        raise NotFoundError(f"There is no answer {answer_id}.")
    withdrawn = first_withdrawn(answer.query.conversation_id, versions=versions)
    answer.query.searched_for = searched_for_shown(answer.query, withdrawn)
    return answer


def answer_of(query_id: UUID, *, tenant_id: UUID) -> Answer:
    """The answer to a question, with its citations and their documents."""
    return answers_whole().get(query_id=query_id, query__tenant_id=tenant_id)


def answers_whole() -> QuerySet[Answer]:
    """With their questions, citations and what these are of."""
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
        place=place_narrowed(quotation.passage.place, quotation.start, quotation.end),
        score=quotation.score,
    )


def _cited(quotation: Quotation) -> CitedSpan:
    passage = quotation.passage
    return CitedSpan(
        knowledge_base_id=passage.knowledge_base_id, document_id=passage.document_id, version_id=passage.version_id,
        start=quotation.start, end=quotation.end,
    )  # fmt: skip
