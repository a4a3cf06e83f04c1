"""What happened before anybody listened, told from PostgreSQL: page by page, from where an interrupted run stood.

Rows get the keys that those of events have, and the sequence 0: an event replaces them, and a second run changes nothing.
What PostgreSQL does not keep stays untold: who loaded which model, what was changed about documents, what was purged, and
whether an answer was given again from the cache.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from django.db.models import QuerySet

from apps.documents.events import DocumentCreated, DocumentDeleted, DocumentFailed
from apps.documents.lifecycle.stage_times import StageTimes, stage_times
from apps.documents.models import Document, DocumentVersion, StageOutcome, VersionStatus
from apps.monitoring.analytics.facts import Told
from apps.monitoring.analytics.keeping import told_keep
from apps.monitoring.analytics.store import AnalyticsStore
from apps.retrieval.answers.answer_events import answer_events, citations_told
from apps.retrieval.events import AnswerRated, VectorIndexed
from apps.retrieval.models import Answer, AnswerFeedback
from ragsite.core.bites import walk, walk_position
from ragsite.core.events import Event
from ragsite.core.work import Turn

PAGE = 500
NOBODY = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Part:
    """Rows of one kind, in the order of their ids, what is told of a page of them, and the way to the tenant of a row."""

    name: str
    rows: Callable[[], QuerySet[Any]]
    tell: Callable[[Sequence[Any]], Iterable[Told]]
    tenant: str

    @property
    def walk(self) -> str:
        return f"analytics-{self.name}"

    def waiting(self) -> QuerySet[Any]:
        """Those that a run would tell of now."""
        position = walk_position(self.walk)
        rows = self.rows().order_by("pk")
        return rows.filter(pk__gt=position) if position else rows


def backfill(store: AnalyticsStore, turn: Turn, *, said: Callable[[str, int], None]) -> bool:
    """Tell of all that there is; `said` is told of each page its part and how many rows it had. Whether something is left.

    Raises:
        AnalyticsUnavailableError: ClickHouse is away; the next run goes on with this page.
    """
    return any(_part_told(part, store, turn, said) for part in PARTS)


def _part_told(part: Part, store: AnalyticsStore, turn: Turn, said: Callable[[str, int], None]) -> bool:
    def page(position: str) -> str:
        number, following = page_tell(part, store, part.rows(), after=position)
        if number:
            said(part.name, number)
        return following

    return walk(turn, part.walk, page)


def page_tell(part: Part, store: AnalyticsStore, rows: QuerySet[Any], *, after: str) -> tuple[int, str]:
    """Tell of the first `PAGE` of these rows of the part whose ids come after that one; how many there were, and the id after
    which to go on, "" at the end.
    """
    rows = rows.order_by("pk")
    found = list((rows.filter(pk__gt=after) if after else rows)[:PAGE])
    if found:
        told_keep(store, part.tell(found))
    return len(found), str(found[-1].pk) if len(found) == PAGE else ""


def _told(event: Event, at: datetime) -> Told:
    """By an id that the same thing has in each run."""
    return Told(event, uuid5(event.key, event.type), at)


def _answers() -> QuerySet[Any]:
    whole = Answer.objects.select_related("query").prefetch_related("citations__version__document")
    return whole.defer("text", "query__question", "query__searched_for")


def _of_answers(answers: Sequence[Answer]) -> Iterable[Told]:
    for answer in answers:
        for event in answer_events(answer, citations_told(answer.citations.all())):
            yield _told(event, answer.created_at)


def _of_ratings(ratings: Sequence[AnswerFeedback]) -> Iterable[Told]:
    for one in ratings:
        event = AnswerRated(
            tenant_id=one.answer.query.tenant_id, answer_id=one.answer_id, query_id=one.answer.query_id,
            rating=one.rating, has_comment=bool(one.comment),
        )  # fmt: skip
        yield _told(event, one.rated_at)


def _of_documents(documents: Sequence[Document]) -> Iterable[Told]:
    for one in documents:
        about = {"tenant_id": one.tenant_id, "knowledge_base_id": one.knowledge_base_id, "document_id": one.pk}
        version_id = one.current_version_id or NOBODY
        created = DocumentCreated(**about, version_id=version_id, title="", content_hash="")
        yield _told(created, one.created_at)
        if one.deleted_at is not None:
            yield _told(DocumentDeleted(**about), one.deleted_at)


def _versions() -> QuerySet[Any]:
    ended = DocumentVersion.objects.filter(status__in=[VersionStatus.READY, VersionStatus.FAILED])
    return ended.select_related("document").prefetch_related("stages")


def _of_versions(versions: Sequence[DocumentVersion]) -> Iterable[Told]:
    times = stage_times([one.pk for one in versions])
    for one in versions:
        is_ready = one.status == VersionStatus.READY
        yield _indexed(one, times.get(one.pk, StageTimes())) if is_ready else _failed(one)


def _about(version: DocumentVersion) -> dict[str, UUID]:
    document = version.document
    return {
        "tenant_id": document.tenant_id, "knowledge_base_id": document.knowledge_base_id, "document_id": document.pk,
        "version_id": version.pk,
    }  # fmt: skip


def _indexed(version: DocumentVersion, times: StageTimes) -> Told:
    event = VectorIndexed(
        **_about(version), generation_id=0, chunks=version.chunk_count,
        waited_milliseconds=times.waited, worked_milliseconds=times.worked,
    )  # fmt: skip
    return _told(event, version.ready_at or version.created_at)


def _failed(version: DocumentVersion) -> Told:
    ended = [one for one in version.stages.all() if one.outcome == StageOutcome.FAILED]
    stage = ended[-1].stage if ended else ""
    event = DocumentFailed(**_about(version), stage=stage, error_code=version.error_code, error="")
    return _told(event, (ended[-1].finished_at if ended else None) or version.created_at)


PARTS: tuple[Part, ...] = (
    Part("documents", Document.objects.all, _of_documents, "tenant"),
    Part("versions", _versions, _of_versions, "document__tenant"),
    Part("answers", _answers, _of_answers, "query__tenant"),
    Part(
        "ratings", lambda: AnswerFeedback.objects.select_related("answer__query"), _of_ratings, "answer__query__tenant"
    ),
)
