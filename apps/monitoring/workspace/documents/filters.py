"""What of a knowledge base's documents is listed, as the address says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any
from urllib.parse import urlencode

from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from apps.documents.models import VERSION_ENDED, Document, DocumentVersion, KnowledgeBase, VersionStatus
from apps.documents.parsing.types import DocumentType
from ragsite.core.composing import composed

PAGE_SIZE = 50
LAST_PAGE = 200
"""Nobody turns so many pages: who looks for a document further down searches or narrows."""


class State(StrEnum):
    """Where a document's newest version stands, as people ask for it."""

    READY = "ready"
    UNDER_WAY = "under_way"
    FAILED = "failed"
    CANCELLED = "cancelled"


STATUSES: dict[State, frozenset[str]] = {
    State.READY: frozenset({VersionStatus.READY.value}),
    State.UNDER_WAY: frozenset(status.value for status in VersionStatus if status not in VERSION_ENDED),
    State.FAILED: frozenset({VersionStatus.FAILED.value}),
    State.CANCELLED: frozenset({VersionStatus.CANCELLED.value}),
}
STATE_WORDS: dict[State, str | Promise] = {
    State.READY: _("Ready"),
    State.UNDER_WAY: _("Under way"),
    State.FAILED: _("Failed"),
    State.CANCELLED: _("Cancelled"),
}
TYPE_WORDS: dict[DocumentType, str | Promise] = {
    DocumentType.PDF: "PDF",
    DocumentType.DOCX: "Word",
    DocumentType.PPTX: "PowerPoint",
    DocumentType.XLSX: "Excel",
    DocumentType.TEXT: _("Text"),
    DocumentType.MARKDOWN: "Markdown",
    DocumentType.HTML: _("Web page"),
    DocumentType.CSV: _("Table (CSV)"),
    DocumentType.JSON: "JSON",
    DocumentType.JSONL: "JSON Lines",
    DocumentType.EML: _("E-mail"),
    DocumentType.CALENDAR: _("Calendar"),
    DocumentType.EPUB: _("Book (EPUB)"),
    DocumentType.ODT: "OpenDocument text",
    DocumentType.ODS: "OpenDocument sheet",
    DocumentType.ODP: "OpenDocument slides",
    DocumentType.RTF: "RTF",
    DocumentType.NOTEBOOK: _("Notebook"),
    DocumentType.PYTHON: "Python",
    DocumentType.CODE: _("Source code"),
}
ORDERS: dict[str, tuple[str, ...]] = {"newest": ("-pk",), "name": ("title", "pk")}


@dataclass(frozen=True, slots=True)
class Filters:
    """Empty texts ask for nothing; what the address says that is not known is as if it were not there."""

    state: str = ""
    type: str = ""
    tag: str = ""
    folder: str = ""
    q: str = ""
    order: str = "newest"
    page: int = 1

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> Filters:
        """As the parameters of an address or a form say."""
        texts = {field.name: str(said.get(field.name, "")).strip() for field in fields(cls)}
        page = int(texts["page"]) if texts["page"].isascii() and texts["page"].isdigit() else 1
        return cls(
            state=texts["state"] if texts["state"] in STATUSES else "",
            type=texts["type"] if texts["type"] in TYPE_WORDS else "",
            tag=texts["tag"].replace("\0", ""),
            folder=texts["folder"].replace("\0", "").strip("/"),
            q=texts["q"].replace("\0", ""),
            order=texts["order"] if texts["order"] in ORDERS else "newest",
            page=min(max(page, 1), LAST_PAGE),
        )

    @property
    def narrows(self) -> bool:
        """Whether some documents are left out."""
        return any((self.state, self.type, self.tag, self.folder, self.q))

    def query(self, **changes: Any) -> str:
        """As parameters of an address, without what says nothing."""
        said = {field.name: getattr(self, field.name) for field in fields(self)} | changes
        plain = {"order": "newest", "page": 1}
        return urlencode({name: value for name, value in said.items() if value and plain.get(name) != value})

    def apply(self, documents: QuerySet[Document], knowledge_base: KnowledgeBase) -> QuerySet[Document]:
        """Those of the knowledge base that are asked for, in the order that is asked for."""
        found = documents.filter(knowledge_base=knowledge_base)
        if self.state:
            found = in_state(found, knowledge_base, State(self.state))
        if self.type:
            of_type = DocumentVersion.objects.filter(document=OuterRef("pk"), document_type=self.type).values("pk")
            never_ready = Q(current_version=None, pk__in=Subquery(of_type.values("document")))
            found = found.filter(Q(document_type=self.type) | never_ready)
        if self.tag:
            found = found.filter(tags__contains=[self.tag])
        if self.folder:
            found = found.filter(external_id__startswith=f"{composed(self.folder)}/")
        if self.q:
            found = found.filter(*map(_named, composed(self.q).split()))
        return found.order_by(*ORDERS[self.order])


def _named(word: str) -> Q:
    """Whether the title has the word, or what the file tells, or the external id. Words may be anywhere, so that what is typed as
    the list shows it is found in the name of a file.
    """
    return Q(title__icontains=word) | Q(told__icontains=word) | Q(external_id__icontains=word)


def in_state(documents: QuerySet[Document], knowledge_base: KnowledgeBase, state: State) -> QuerySet[Document]:
    """Those whose newest version stands there. Few are under way or failed, so these are looked up first; of those that are ready
    there is one behind nearly every document that is looked at.
    """
    wanted = STATUSES[state]
    if state is not State.READY:
        some = DocumentVersion.objects.filter(document__knowledge_base=knowledge_base, status__in=wanted)
        documents = documents.filter(pk__in=some.values("document"))
    newest = DocumentVersion.objects.filter(document=OuterRef("pk")).order_by("-number").values("status")[:1]
    return documents.annotate(newest_status=Subquery(newest)).filter(newest_status__in=wanted)
