"""Documents that an operator chooses by what is known of them, walked through without holding them all."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from uuid import UUID

from django.db.models import OuterRef, Q, QuerySet, Subquery

from apps.documents.models import Document, DocumentVersion, KnowledgeBase, VersionStatus
from ragsite.core.composing import spellings
from ragsite.core.errors import PermanentError

PAGE = 500
EVERY = frozenset(VersionStatus)


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentChoice:
    """Documents of a knowledge base; what is empty narrows nothing. Status, error code and age are the newest version's."""

    knowledge_base: KnowledgeBase
    status: str = ""
    error_code: str = ""
    tag: str = ""
    named: str = ""
    external_id: str = ""
    id: str = ""
    made_before: datetime | None = None
    limit: int | None = None


def newest_versions(choice: DocumentChoice, *, within: Collection[VersionStatus] = EVERY) -> Iterator[DocumentVersion]:
    """The newest version of each document of the choice, the oldest document first; of those in one of these statuses.

    They are read page by page after the last one seen, so what is done to those that were yielded shifts nothing.

    Raises:
        PermanentError: the id is none.
    """
    return islice(_walked(_documents(choice), _versions(choice, within)), choice.limit)


def _walked(documents: QuerySet[Document], versions: Q) -> Iterator[DocumentVersion]:
    last: UUID | None = None
    while page := list((documents.filter(pk__gt=last) if last else documents).values_list("pk", flat=True)[:PAGE]):
        newest = DocumentVersion.objects.filter(document=OuterRef("document")).order_by("-number").values("pk")[:1]
        found = DocumentVersion.objects.filter(versions, document__in=page, pk=Subquery(newest))
        yield from found.select_related("document").order_by("document_id")
        last = page[-1]


def _documents(choice: DocumentChoice) -> QuerySet[Document]:
    documents = Document.objects.filter(knowledge_base=choice.knowledge_base, deleted_at=None).order_by("pk")
    if choice.tag:
        documents = documents.filter(tags__contains=[choice.tag])
    if choice.named:
        documents = documents.filter(title__icontains=choice.named)
    if choice.external_id:
        documents = documents.filter(external_id__in=spellings(choice.external_id))
    return documents.filter(pk=_uuid(choice.id)) if choice.id else documents


def _versions(choice: DocumentChoice, within: Collection[VersionStatus]) -> Q:
    found = Q() if within == EVERY else Q(status__in=within)
    if choice.status:
        found &= Q(status=choice.status)
    if choice.made_before:
        found &= Q(created_at__lt=choice.made_before)
    return found & Q(error_code=choice.error_code) if choice.error_code else found


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise PermanentError(f"{text!r} is no id of a document.", action="`documents list` shows them.") from error
