"""Where a document was cited lately, and to whom: as far as the user may see questions, and who asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from apps.documents.admin.wording import where_in_words
from apps.monitoring.workspace.document.opened import Opened
from apps.retrieval.answers.citing import citations_latest
from apps.retrieval.models import Citation, Query
from ragsite.core.admin.base import row_url
from ragsite.gateway.members import rows_of_tenants

MOST_ANSWERS = 20
MOST_PEOPLE = 20
SEES_WHO = "documents.add_grant"
"""Who decides on who reads the document may know who did."""


@dataclass(frozen=True, slots=True)
class Cited:
    """An answer that cites the document, by the latest of its citations; `question` and `url` for who may see it."""

    citation: Citation
    question: str
    url: str

    @property
    def where(self) -> str:
        return where_in_words(self.citation.heading_path, self.citation.place)

    @property
    def at(self) -> datetime:
        moment: datetime = self.citation.answer.created_at
        return moment


@dataclass(frozen=True, slots=True)
class Seen:
    """Somebody to whom an answer quoted the document, and when last."""

    name: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Use:
    """What is known of a document's use. `people` is None for who may not know."""

    cited: list[Cited]
    people: list[Seen] | None


def use_of(opened: Opened) -> Use:
    """The latest answers that cite a version of the document, and the people who got them, in a constant number of queries."""
    latest = list(citations_latest([version.pk for version in opened.versions]))
    answers = _of_each_answer(latest)
    visible = _visible(opened, [one.answer.query_id for one in answers[:MOST_ANSWERS]])
    people = _people(answers) if opened.place.may(SEES_WHO) else None
    return Use([_cited(one, visible) for one in answers[:MOST_ANSWERS]], people)


def _of_each_answer(latest: Sequence[Citation]) -> list[Citation]:
    first: dict[UUID, Citation] = {}
    for citation in latest:
        first.setdefault(citation.answer_id, citation)
    return list(first.values())


def _visible(opened: Opened, query_ids: Sequence[UUID]) -> set[UUID]:
    if not opened.place.may("retrieval.view_query"):
        return set()
    mine = rows_of_tenants(Query.objects.filter(pk__in=query_ids), opened.place.request.user, path="tenant")
    return set(mine.values_list("pk", flat=True))


def _cited(citation: Citation, visible: set[UUID]) -> Cited:
    query = citation.answer.query
    if query.pk not in visible:
        return Cited(citation, "", "")
    return Cited(citation, str(query), row_url(query))


def _people(answers: Sequence[Citation]) -> list[Seen]:
    last: dict[str, datetime] = {}
    for citation in answers:
        last.setdefault(citation.answer.query.asked_by, citation.answer.created_at)
    return [Seen(name, at) for name, at in list(last.items())[:MOST_PEOPLE]]
