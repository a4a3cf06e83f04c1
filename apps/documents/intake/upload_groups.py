"""Uploads that came together: those that are new become documents in one transaction, all others one by one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter

from django.db import IntegrityError, transaction

from apps.documents.intake.uploads import (
    StoredFile,
    Upload,
    UploadOutcome,
    UploadRequest,
    created_event,
    document_of,
    hold_knowledge_base,
    removed_on_failure,
    upload_note,
    version_of,
)
from apps.documents.lifecycle.stages import PARSE
from apps.documents.models import Document, DocumentVersion
from ragsite.core.actors import Actor
from ragsite.core.database import rows_insert
from ragsite.core.errors import NotFoundError, RagError
from ragsite.core.jobs import ring
from ragsite.core.outbox import emit


@dataclass(frozen=True, slots=True)
class Arrival:
    """An upload whose bytes are stored and not yet noted. It names no document: neither itself nor by an external id."""

    request: UploadRequest
    stored: StoredFile


def uploads_note(arrivals: Sequence[Arrival], *, actor: Actor) -> list[Upload | RagError]:
    """Record uploads into one knowledge base; the result of each, in their order.

    It comes to the same as `upload_note` for one after the other. A blob that no version names in the end is removed.
    """
    if not arrivals:
        return []
    results: list[Upload | RagError] = []
    with removed_on_failure(*(arrival.stored.blob for arrival in arrivals)):
        created = _created_together(arrivals, actor)
    for position, arrival in enumerate(arrivals):
        version = created.get(arrival.stored.blob.name)
        later = [one.stored.blob for one in arrivals[position + 1 :] if one.stored.blob.name not in created]
        with removed_on_failure(*later):
            results.append(Upload(UploadOutcome.CREATED, version) if version else _noted_alone(arrival, actor))
    return results


def _noted_alone(arrival: Arrival, actor: Actor) -> Upload | RagError:
    try:
        return upload_note(arrival.request, arrival.stored, actor=actor)
    except RagError as error:
        return error


def _created_together(arrivals: Sequence[Arrival], actor: Actor) -> dict[str, DocumentVersion]:
    """The versions of those that are new, by their blob; none if others committed some of the same bytes meanwhile."""
    firsts = {arrival.stored.blob.sha256: arrival for arrival in reversed(arrivals)}
    try:
        with transaction.atomic():
            alone = [arrival for arrival in arrivals if firsts[arrival.stored.blob.sha256] is arrival]
            return _create(alone, actor)
    except (IntegrityError, NotFoundError):
        return {}


def _create(arrivals: Sequence[Arrival], actor: Actor) -> dict[str, DocumentVersion]:
    knowledge_base = arrivals[0].request.knowledge_base
    hold_knowledge_base(knowledge_base)
    living = Document.objects.filter(knowledge_base=knowledge_base, deleted_at=None)
    hashes = [arrival.stored.blob.sha256 for arrival in arrivals]
    known = set(living.filter(content_hash__in=hashes).values_list("content_hash", flat=True))
    new = [arrival for arrival in arrivals if arrival.stored.blob.sha256 not in known]
    documents = [document_of(arrival.request, arrival.stored) for arrival in new]
    # In the order of their hashes: two requests with the same bytes then wait for each other, but never both.
    rows_insert(sorted(documents, key=attrgetter("content_hash")))
    versions = [
        version_of(document, arrival.stored, number=1, actor=actor)
        for document, arrival in zip(documents, new, strict=True)
    ]
    rows_insert(versions)
    emit(*(created_event(version.document, version) for version in versions), actor=actor)
    if versions:
        ring(PARSE)
    return {version.blob: version for version in versions}
