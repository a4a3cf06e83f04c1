"""A page of the list of documents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _

from apps.documents.lifecycle.stages import STAGE_FROM
from apps.documents.models import Document, KnowledgeBase
from apps.documents.rights.access import documents_shown_to
from apps.monitoring.workspace.documents.filters import LAST_PAGE, PAGE_SIZE, Filters, State
from apps.monitoring.workspace.documents.rows import Row, rows_of
from ragsite.core.presence import jobs_listened_for


@dataclass(frozen=True, slots=True)
class Listing:
    """The rows of a page, whether there is a next one, and what holds up those that are under way."""

    filters: Filters
    rows: list[Row]
    has_next: bool
    has_more: bool
    """On pages that nobody is led to."""
    held_up: str

    @property
    def is_under_way(self) -> bool:
        return any(row.state is State.UNDER_WAY for row in self.rows)

    @property
    def first(self) -> int:
        """The place of the first row among all, from 1."""
        return (self.filters.page - 1) * PAGE_SIZE + 1

    @property
    def last(self) -> int:
        return self.first + len(self.rows) - 1

    @property
    def previous_query(self) -> str:
        return self.filters.query(page=self.filters.page - 1)

    @property
    def next_query(self) -> str:
        return self.filters.query(page=self.filters.page + 1)


def documents_of(request: HttpRequest, knowledge_base: KnowledgeBase) -> QuerySet[Document]:
    """The documents of the knowledge base that the user is shown."""
    shown = documents_shown_to(request.user)
    return shown.filter(knowledge_base=knowledge_base)


def listing_of(request: HttpRequest, knowledge_base: KnowledgeBase, filters: Filters) -> Listing:
    """The page that the filters ask for, in a constant number of queries; nothing is counted."""
    found = filters.apply(documents_of(request, knowledge_base), knowledge_base)
    first = (filters.page - 1) * PAGE_SIZE
    # Ids alone are sorted, and whole rows are read of one page only.
    pks = list(found.values_list("pk", flat=True)[first : first + PAGE_SIZE + 1])
    documents = Document.objects.select_related("current_version").in_bulk(pks[:PAGE_SIZE])
    rows = rows_of([documents[pk] for pk in pks[:PAGE_SIZE] if pk in documents])
    has_more, is_last = len(pks) > PAGE_SIZE, filters.page >= LAST_PAGE
    return Listing(filters, rows, has_more and not is_last, has_more and is_last, _held_up(rows))


def _held_up(rows: Sequence[Row]) -> str:
    """That nobody works on what waits."""
    waiting = {STAGE_FROM[row.version.status] for row in rows if row.state is State.UNDER_WAY}
    if not waiting or waiting & jobs_listened_for():
        return ""
    return _("No worker is running, so nothing is read just now. Start one; what is uploaded is kept and will be read.")
