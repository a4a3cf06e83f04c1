"""Reports with the words that go with them: ids of ClickHouse, looked up in PostgreSQL among the rows that the asker may see.

What was removed since, or is hidden from the asker, falls out here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from django.db.models import QuerySet

from apps.documents.models import Document, DocumentVersion
from apps.monitoring.analytics.reports.answers import UnansweredQuery, queries_unanswered
from apps.monitoring.analytics.reports.documents import CitedPassage, documents_never_cited, passages_cited_most
from apps.monitoring.analytics.reports.scope import ReportScope
from apps.monitoring.analytics.store import AnalyticsStore
from apps.retrieval.answers.span_texts import VersionSpan, span_texts
from apps.retrieval.models import Query

LOOKED_THROUGH = 2_000
"""Of so many rows of ClickHouse those are taken that the asker may see."""

LONGEST_QUOTE = 500
"""Characters of a passage that are told."""


@dataclass(frozen=True, slots=True)
class UnansweredQuestion:
    """A question that nothing was found for, however often it was asked in the same words."""

    question: str
    times: int
    last_asked_at: datetime
    passages: int
    best_score: float | None


@dataclass(frozen=True, slots=True)
class Unanswered:
    """Questions that the asker may see, and how many more there were that found nothing: other people's, and what was removed."""

    questions: list[UnansweredQuestion]
    others: int


@dataclass(frozen=True, slots=True)
class UncitedTold:
    """A document that no answer rests on."""

    document: Document
    added_at: datetime


@dataclass(frozen=True, slots=True)
class PassageTold:
    """A passage that many answers rest on, with the beginning of its text."""

    document: Document
    version_number: int
    start: int
    end: int
    text: str
    questions: int
    last_day: date


def questions_unanswered(
    store: AnalyticsStore, scope: ReportScope, *, queries: QuerySet[Query], most: int
) -> Unanswered:
    """The questions that were asked most often among the newest that found nothing, of those in `queries`."""
    found = queries_unanswered(store, scope, most=LOOKED_THROUGH)
    mine = queries.filter(tenant=scope.tenant_id, pk__in=[one.query_id for one in found])
    texts = dict(mine.order_by().values_list("pk", "question"))
    return Unanswered(questions_together(found, texts)[:most], len(found) - len(texts))


def questions_together(found: Iterable[UnansweredQuery], texts: Mapping[UUID, str]) -> list[UnansweredQuestion]:
    """Those with a text, each text once: however it is written large or small, spaced, or ended with a mark."""
    together: dict[str, list[UnansweredQuery]] = {}
    for one in found:
        if one.query_id in texts:
            together.setdefault(_plain(texts[one.query_id]), []).append(one)
    told = [_question(texts, same) for same in together.values()]
    return sorted(told, key=lambda one: (-one.times, -one.last_asked_at.timestamp(), one.question))


def documents_uncited(
    store: AnalyticsStore, scope: ReportScope, *, documents: QuerySet[Document], most: int
) -> list[UncitedTold]:
    """The oldest documents that no answer rests on, of those in `documents`."""
    found = documents_never_cited(store, scope, most=LOOKED_THROUGH)
    shown = _among(documents, (one.document_id for one in found))
    return [UncitedTold(shown[one.document_id], one.added_at) for one in found if one.document_id in shown][:most]


def passages_cited(
    store: AnalyticsStore, scope: ReportScope, *, documents: QuerySet[Document], most: int
) -> list[PassageTold]:
    """The passages that most answers rest on, of those in `documents`, as their versions say them."""
    found = passages_cited_most(store, scope, most=LOOKED_THROUGH)
    shown = _among(documents, (one.document_id for one in found))
    passages = [one for one in found if one.document_id in shown][:most]
    wanted = {one.version_id for one in passages}
    numbers = dict(DocumentVersion.objects.filter(pk__in=wanted).values_list("pk", "number"))
    texts = span_texts([VersionSpan(one.version_id, one.start, _told_to(one)) for one in passages])
    return [
        PassageTold(
            shown[one.document_id], numbers[one.version_id], one.start, one.end, text, one.questions, one.last_day
        )
        for one, text in zip(passages, texts, strict=True)
        if text is not None and one.version_id in numbers
    ]


def _told_to(passage: CitedPassage) -> int:
    return min(passage.end, passage.start + LONGEST_QUOTE)


def _among(documents: QuerySet[Document], ids: Iterable[UUID]) -> dict[UUID, Document]:
    rows = documents.filter(pk__in=set(ids)).select_related("knowledge_base").order_by("pk")
    return {one.pk: one for one in rows}


def _plain(question: str) -> str:
    return " ".join(question.casefold().split()).rstrip("?!. ")


def _question(texts: Mapping[UUID, str], same: Sequence[UnansweredQuery]) -> UnansweredQuestion:
    newest = max(same, key=lambda one: one.at)
    return UnansweredQuestion(
        texts[newest.query_id], len(same), newest.at, newest.passages, newest.best_score
    )  # fmt: skip
