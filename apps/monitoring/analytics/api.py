"""The REST door to reports: parse, ask, answer. Each is of the key's tenant, and of what the key may know of it."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Self
from uuid import UUID

from django.http import HttpRequest
from ninja import Query as Parameters
from ninja import Router, Schema
from pydantic import BeforeValidator, Field

from apps.documents.models import Document
from apps.documents.rights.access import documents_visible, knowledge_bases_visible
from apps.monitoring.analytics import telling
from apps.monitoring.analytics.opening import store_for_reading
from apps.monitoring.analytics.reports import answers, documents
from apps.monitoring.analytics.reports.scope import By, ReportScope
from apps.retrieval.answers.visibility import asked_by
from apps.retrieval.models import Query
from ragsite.core.errors import NotFoundError
from ragsite.gateway.authentication import KeyBearer
from ragsite.gateway.keys import Principal
from ragsite.gateway.models import Permission
from ragsite.gateway.problem_schemas import own_codes

USUAL_DAYS = 30
PERIOD = ("since", "until", "knowledge_base")

router = Router(tags=["analytics"])
REPORTS = own_codes("analytics_off", "analytics_unavailable", "not_found")


def _as_day(said: object) -> object:
    """A day as people write it: a number of seconds, which pydantic would take for one, is none."""
    if isinstance(said, str) and not _DAY.fullmatch(said):
        raise ValueError("Give a day as 2026-11-28.")
    return said


_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
Day = Annotated[date, BeforeValidator(_as_day)]


class ReportPeriodIn(Schema):
    """Days of UTC, both included; without them the last 30."""

    since: Day | None = Field(None, description="The first day; 30 days before the last if not given.")
    until: Day | None = Field(None, description="The last day; today if not given.")
    knowledge_base: UUID | None = Field(None, description="Tell of this one alone.")


class ReportListIn(ReportPeriodIn):
    limit: int = Field(50, ge=1, le=200, description="At most so many.")


class ReportStepsIn(ReportPeriodIn):
    by: By = Field(By.DAY, description="What it is told by.")


class PeriodOut(Schema):
    since: date
    until: date

    @classmethod
    def of(cls, scope: ReportScope, **told: Any) -> Self:
        return cls(since=scope.first, until=scope.last, **told)


class DocumentOut(Schema):
    id: UUID
    title: str
    knowledge_base: UUID

    @classmethod
    def told(cls, document: Document) -> Self:
        return cls(id=document.pk, title=document.title, knowledge_base=document.knowledge_base_id)


class UnansweredOut(Schema):
    """A question that nothing was found for."""

    question: str = Field(examples=["Where can I moor overnight?"])
    times: int = Field(description="How often it was asked in these words.", examples=[7])
    last_asked_at: datetime
    passages: int = Field(description="How many were read when it was asked last.", examples=[10])
    best_score: float | None = Field(description="Of the best of them.", examples=[0.41])


class UnansweredQuestionsOut(PeriodOut):
    questions: list[UnansweredOut]


class UncitedOut(Schema):
    document: DocumentOut
    added_at: datetime


class UncitedDocumentsOut(PeriodOut):
    documents: list[UncitedOut]


class CitedOut(Schema):
    """`text` is what the version says from `start` to `end`, up to 500 characters of it."""

    document: DocumentOut
    version_number: int = Field(examples=[2])
    start: int = Field(examples=[1040])
    end: int = Field(examples=[1131])
    text: str = Field(examples=["The harbour has 42 berths for guests."])
    questions: int = Field(description="How many were answered with it.", examples=[31])
    last_day: date


class CitedPassagesOut(PeriodOut):
    passages: list[CitedOut]


class QualityRow(Schema):
    """What was asked of several knowledge bases together counts for each."""

    step: date = Field(description="The first day of the step.")
    knowledge_base: UUID
    questions: int = Field(examples=[120])
    found: int = Field(description="Of these, those that found an answer.", examples=[104])
    statements: int = Field(examples=[310])
    supported: int = Field(description="Of these, those that a document bears out.", examples=[287])
    citations: int = Field(examples=[298])
    rated_up: int = Field(examples=[12])
    rated_down: int = Field(examples=[3])


class QualityOut(PeriodOut):
    rows: list[QualityRow]


class StepRow(Schema):
    """A step of answering, in milliseconds: of all together, and what 50, 95 and 99 of 100 stay below."""

    step: str = Field(examples=["generate"])
    times: int = Field(examples=[104])
    milliseconds: float = Field(examples=[83012.5])
    p50: float = Field(examples=[640.2])
    p95: float = Field(examples=[1980.1])
    p99: float = Field(examples=[2400.7])


class ModelRow(Schema):
    generator: str = Field(examples=["local"])
    model: str = Field(description="Empty where documents' own sentences answered.", examples=["llama-3"])
    answers: int = Field(examples=[104])
    tokens_read: int = Field(examples=[210400])
    tokens_written: int = Field(examples=[18240])


class CostsOut(PeriodOut):
    steps: list[StepRow]
    models: list[ModelRow]


class CacheRow(Schema):
    step: date
    answers: int = Field(examples=[104])
    from_cache: int = Field(description="Of these, those that were given again.", examples=[31])
    milliseconds_saved: float = Field(description="What making them had taken the first time.", examples=[24800.0])
    tokens_saved: int = Field(examples=[70120])


class CacheOut(PeriodOut):
    rows: list[CacheRow]


class WaitingRow(Schema):
    """Milliseconds that versions waited before a stage, and that it took."""

    knowledge_base: UUID
    stage: str = Field(examples=["embed"])
    versions: int = Field(examples=[800])
    waited_p50: float = Field(examples=[210.0])
    waited_p95: float = Field(examples=[9300.5])
    waited_longest: float = Field(examples=[41000.0])
    worked_p50: float = Field(examples=[95.3])
    worked_p95: float = Field(examples=[410.8])


class WaitingOut(PeriodOut):
    stages: list[WaitingRow]


@router.get(
    "/analytics/unanswered-questions/",
    auth=KeyBearer(*PERIOD, "limit", permission=Permission.QUERY),
    response=UnansweredQuestionsOut, summary="List questions that find nothing", openapi_extra=REPORTS,
)  # fmt: skip
def unanswered_questions(request: HttpRequest, asked: Annotated[ReportListIn, Parameters()]) -> UnansweredQuestionsOut:
    """Of those that the key asked itself the ones that it asked most often, among the newest 2,000 of all that found nothing."""
    scope = _scope(request, asked)
    mine = Query.objects.filter(asked_by(_caller(request), path=""))
    told = telling.questions_unanswered(store_for_reading(), scope, queries=mine, most=asked.limit)
    return UnansweredQuestionsOut.of(scope, questions=told.questions)


@router.get(
    "/analytics/uncited-documents/",
    auth=KeyBearer(*PERIOD, "limit", permission=Permission.READ),
    response=UncitedDocumentsOut, summary="List documents that no answer rests on", openapi_extra=REPORTS,
)  # fmt: skip
def uncited_documents(request: HttpRequest, asked: Annotated[ReportListIn, Parameters()]) -> UncitedDocumentsOut:
    """The oldest first, of those that the key may read."""
    scope = _scope(request, asked)
    mine = documents_visible(_caller(request))
    told = telling.documents_uncited(store_for_reading(), scope, documents=mine, most=asked.limit)
    rows = [UncitedOut(document=DocumentOut.told(one.document), added_at=one.added_at) for one in told]
    return UncitedDocumentsOut.of(scope, documents=rows)


@router.get(
    "/analytics/cited-passages/",
    auth=KeyBearer(*PERIOD, "limit", permission=Permission.READ),
    response=CitedPassagesOut, summary="List the passages that most answers rest on", openapi_extra=REPORTS,
)  # fmt: skip
def cited_passages(request: HttpRequest, asked: Annotated[ReportListIn, Parameters()]) -> CitedPassagesOut:
    """Of documents that the key may read."""
    scope = _scope(request, asked)
    mine = documents_visible(_caller(request))
    told = telling.passages_cited(store_for_reading(), scope, documents=mine, most=asked.limit)
    rows = [
        CitedOut(
            document=DocumentOut.told(one.document), version_number=one.version_number, start=one.start, end=one.end,
            text=one.text, questions=one.questions, last_day=one.last_day,
        )
        for one in told
    ]  # fmt: skip
    return CitedPassagesOut.of(scope, passages=rows)


@router.get(
    "/analytics/quality/", auth=KeyBearer(*PERIOD, "by", permission=Permission.WORK),
    response=QualityOut, summary="Follow the quality of answers", openapi_extra=REPORTS,
)  # fmt: skip
def quality(request: HttpRequest, asked: Annotated[ReportStepsIn, Parameters()]) -> QualityOut:
    """By knowledge base, over time."""
    scope = _scope(request, asked)
    return QualityOut.of(scope, rows=answers.quality_by_base(store_for_reading(), scope, by=asked.by))


@router.get(
    "/analytics/costs/", auth=KeyBearer(*PERIOD, permission=Permission.WORK),
    response=CostsOut, summary="Look at what answering takes", openapi_extra=REPORTS,
)  # fmt: skip
def costs(request: HttpRequest, asked: Annotated[ReportPeriodIn, Parameters()]) -> CostsOut:
    """Time by step, and tokens by model. What was given again from the cache took nothing."""
    scope, store = _scope(request, asked), store_for_reading()
    return CostsOut.of(scope, steps=answers.step_costs(store, scope), models=answers.model_costs(store, scope))


@router.get(
    "/analytics/cache/", auth=KeyBearer(*PERIOD, "by", permission=Permission.WORK),
    response=CacheOut, summary="Look at what the cache of answers saves", openapi_extra=REPORTS,
)  # fmt: skip
def cache(request: HttpRequest, asked: Annotated[ReportStepsIn, Parameters()]) -> CacheOut:
    """Over time."""
    scope = _scope(request, asked)
    return CacheOut.of(scope, rows=answers.cache_worth(store_for_reading(), scope, by=asked.by))


@router.get(
    "/analytics/waiting/", auth=KeyBearer(*PERIOD, permission=Permission.WORK),
    response=WaitingOut, summary="Look at who waits for what", openapi_extra=REPORTS,
)  # fmt: skip
def waiting(request: HttpRequest, asked: Annotated[ReportPeriodIn, Parameters()]) -> WaitingOut:
    """How long documents wait before each stage, by knowledge base."""
    scope = _scope(request, asked)
    return WaitingOut.of(scope, stages=documents.stages_waited_for(store_for_reading(), scope))


def _caller(request: HttpRequest) -> Principal:
    principal: Principal = request.auth  # type: ignore[attr-defined]  # the bearer put it there
    return principal


def _scope(request: HttpRequest, asked: ReportPeriodIn) -> ReportScope:
    """Of the whole tenant for who may read its audit log; for others of the knowledge bases that they may read.

    Raises:
        NotFoundError: the knowledge base that is asked for is none of these.
        PermanentError: the days make no period.
    """
    principal = _caller(request)
    last = asked.until or datetime.now(UTC).date()
    first = asked.since or last - timedelta(days=USUAL_DAYS - 1)
    return ReportScope(principal.tenant_id, first, last, _bases(principal, asked.knowledge_base))


def _bases(principal: Principal, named: UUID | None) -> frozenset[UUID] | None:
    if named is None and Permission.AUDIT.value in principal.permissions and principal.knowledge_base_ids is None:
        return None
    visible = knowledge_bases_visible(principal)
    if named is None:
        return frozenset(visible.values_list("pk", flat=True))
    if not visible.filter(pk=named).exists():
        raise NotFoundError(f"There is no knowledge base {named}.")
    return frozenset({named})
