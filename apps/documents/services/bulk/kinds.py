"""What can be done with many documents, as one table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.db.models import OuterRef, QuerySet, Subquery

from apps.documents.lifecycle.versions import version_retry
from apps.documents.models import VERSION_STOPPED, Document, DocumentVersion
from apps.documents.services.documents import document_delete, document_update
from apps.documents.tags import tags_cleaned
from ragsite.core.actors import Actor
from ragsite.core.errors import NotFoundError

Documents = QuerySet[Document]


@dataclass(frozen=True, slots=True)
class BulkKind:
    """Something that is done with documents: who may, which of some it would change, and the service that does it to one."""

    slug: str
    permission: str
    applies: Callable[[Documents, Sequence[str]], Documents]
    do: Callable[[Document, Sequence[str], Actor], object]
    needs_tags: bool = False


def _stopped(documents: Documents, _tags: Sequence[str]) -> Documents:
    """Those whose newest version failed or was cancelled. Few are so, so these are looked up first."""
    stopped = DocumentVersion.objects.filter(status__in=VERSION_STOPPED)
    newest = DocumentVersion.objects.filter(document=OuterRef("pk")).order_by("-number").values("status")[:1]
    some = documents.filter(pk__in=stopped.values("document"))
    return some.annotate(newest_stopped=Subquery(newest)).filter(newest_stopped__in=VERSION_STOPPED)


def _retry(document: Document, _tags: Sequence[str], actor: Actor) -> None:
    newest = document.versions.order_by("-number").first()
    if newest is None:
        raise NotFoundError(f"The document {document.pk} has no version to retry.")
    version_retry(version=newest, actor=actor)


def _tag(document: Document, tags: Sequence[str], actor: Actor) -> None:
    document_update(document=document, tags=tags_cleaned([*document.tags, *tags]), actor=actor)


def _untag(document: Document, tags: Sequence[str], actor: Actor) -> None:
    document_update(document=document, tags=[tag for tag in document.tags if tag not in tags], actor=actor)


BULK_KINDS: tuple[BulkKind, ...] = (
    BulkKind("retry", "documents.change_documentversion", applies=_stopped, do=_retry),
    BulkKind(
        "tag", "documents.change_document", needs_tags=True, do=_tag,
        applies=lambda documents, tags: documents.exclude(tags__contains=list(tags)),
    ),
    BulkKind(
        "untag", "documents.change_document", needs_tags=True, do=_untag,
        applies=lambda documents, tags: documents.filter(tags__overlap=list(tags)),
    ),
    BulkKind(
        "restrict", "documents.add_grant",
        applies=lambda documents, _tags: documents.filter(restricted=False),
        do=lambda document, _tags, actor: document_update(document=document, restricted=True, actor=actor),
    ),
    BulkKind(
        "lift", "documents.add_grant",
        applies=lambda documents, _tags: documents.filter(restricted=True),
        do=lambda document, _tags, actor: document_update(document=document, restricted=False, actor=actor),
    ),
    BulkKind(
        "delete", "documents.delete_document",
        applies=lambda documents, _tags: documents,
        do=lambda document, _tags, actor: document_delete(document=document, actor=actor),
    ),
)  # fmt: skip


def bulk_kind(slug: str) -> BulkKind:
    """The row of that name.

    Raises:
        NotFoundError: there is none.
    """
    found = next((kind for kind in BULK_KINDS if kind.slug == slug), None)
    if found is None:
        raise NotFoundError(f"There is nothing called {slug[:40]!r} to do with documents.")
    return found
