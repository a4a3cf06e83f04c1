"""Removing what was deleted or left behind, in bites: see `ragsite.core.bites`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Count, QuerySet

from apps.documents.blobs import blobs_after, blobs_older_than, blobs_release
from apps.documents.models import Document, DocumentVersion, PagePicture
from ragsite.core.bites import AT_ONCE, bites, rows_remove, walk_note, walk_position
from ragsite.core.work import Turn

DOCUMENTS = 200
"""Documents that one bite removes at most; fewer go where more than `AT_ONCE` rows hang on them."""

ORPHAN_SECONDS = 3600.0
"""Age from which a blob that no row names is what an interrupted upload, or an interrupted purge, left."""

BLOBS = "blobs"
"""The name of the walk through the store."""

NAMES = 2_000
"""Blobs that one bite asks for, in one statement."""

PAGE = 50_000
"""Names that are held at a time: a folder is read once for so many."""


@dataclass(frozen=True, slots=True)
class DocumentsRemoved:
    """How many documents a bite found and how many are gone, and the blobs that may go once it has committed."""

    found: int
    documents: int
    blobs: frozenset[str]


def documents_purge(turn: Turn) -> bool:
    """Remove the rows and bytes of deleted documents, the longest deleted first; whether some are left.

    Those of a deleted knowledge base are left to its deletion, which counts them.
    """
    doomed = Document.objects.filter(deleted_at__isnull=False, knowledge_base__deleted_at=None).order_by("deleted_at")

    def bite() -> bool:
        with transaction.atomic():
            removed = documents_remove(doomed)
        blobs_release(removed.blobs)
        return removed.found > 0

    return bites(turn, bite)


def documents_remove(rows: QuerySet[Document]) -> DocumentsRemoved:
    """Remove some of the documents with all that belongs to them, in the caller's transaction.

    Documents are skipped if somebody else has locked them or a version of theirs. The blobs stay until then: a worker that
    dies first leaves them to the walk through the store.
    """
    pks, blobs = _free(rows)
    if not pks:
        return DocumentsRemoved(0, 0, frozenset())
    gone = rows_remove(Document, pks)
    return DocumentsRemoved(len(pks), len(pks) if gone else 0, blobs - _named(blobs))


def _free(rows: QuerySet[Document]) -> tuple[list[UUID], frozenset[str]]:
    """Some of the documents, locked with all their versions, and the blobs of these and of the pictures of their pages.

    Both before what hangs on them goes: who fails or cancels a version holds it and removes its chunks, too. Nobody is
    waited for: who holds a version may refer to its document when its transaction commits, and would wait for us.
    """
    pks = list(_skipping(rows).values_list("pk", flat=True)[:DOCUMENTS])
    versions = DocumentVersion.objects.filter(document__in=pks)
    locked = list(_skipping(versions).order_by("pk").values_list("document", "blob"))
    held = Counter(document for document, _ in locked)
    there = dict(versions.order_by().values_list("document").annotate(Count("pk")))
    free = [pk for pk in pks if held[pk] == there.get(pk, 0)]
    blobs = [blob for document, blob in locked if held[document] == there[document]]
    pictures = PagePicture.objects.filter(version__document__in=free).exclude(blob="").values_list("blob", flat=True)
    return free, frozenset([*blobs, *pictures[:AT_ONCE]][:AT_ONCE])


def _skipping(rows: QuerySet[Any]) -> QuerySet[Any]:
    return rows.select_for_update(of=("self",), skip_locked=True)


def blobs_purge(turn: Turn) -> bool:
    """Remove blobs that no row names and that are old enough; whether the walk through the store is not at its end.

    Its position is kept in the database after each bite, so another process can continue from there.
    """
    for names in _walked():
        if turn.is_over():
            return True
        _orphans_remove(names)
        walk_note(BLOBS, names[-1])
    walk_note(BLOBS, "")
    return False


def _walked() -> Iterator[list[str]]:
    position = walk_position(BLOBS)
    while page := blobs_after(position, limit=PAGE):
        yield from (page[start : start + NAMES] for start in range(0, len(page), NAMES))
        position = page[-1]


def _orphans_remove(names: list[str]) -> None:
    """Age counts only where nothing names a blob, so that few files are looked at."""
    blobs_release(blobs_older_than(sorted(set(names) - _named(names)), ORPHAN_SECONDS))


def _named(blobs: frozenset[str] | list[str]) -> frozenset[str]:
    """Those that a version or the picture of a page names."""
    uploads = DocumentVersion.objects.order_by().filter(blob__in=blobs).values_list("blob", flat=True)
    pictures = PagePicture.objects.order_by().filter(blob__in=blobs).values_list("blob", flat=True)
    return frozenset(uploads.union(pictures))
