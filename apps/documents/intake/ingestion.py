"""An operator's bulk ingestion: files of this machine become documents, known by their paths."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Q
from django.db.models.functions import Now

from apps.documents.intake.bulk import FileResult, result_of, results_of
from apps.documents.intake.external_ids import external_id_of
from apps.documents.intake.sources import DocumentSource, SourceFile, on_disk, sha256_of
from apps.documents.intake.uploads import (
    Upload,
    UploadForecast,
    UploadOutcome,
    UploadRequest,
    document_upload,
    upload_foresee,
)
from apps.documents.models import LIVING_VERSIONS, VERSION_ENDED, DocumentVersion, KnowledgeBase
from apps.documents.parsing.sniffing import sniff
from ragsite.core.actors import Actor
from ragsite.core.errors import ConflictError, NotFoundError, TransientError

POLL_SECONDS = 1.0
STALLED_SECONDS = 120.0
BATCH = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Ingestion:
    """Where files go. `dry_run` writes nothing; `resume` skips what is already there unchanged, without storing it again.

    New documents get the tags; known ones keep theirs. `restricted` documents are read by nobody without a grant.
    """

    knowledge_base: KnowledgeBase
    dry_run: bool = False
    resume: bool = False
    tags: Sequence[str] = ()
    restricted: bool = False


def knowledge_base_named(name_or_id: str, *, tenant: str = "") -> KnowledgeBase:
    """The knowledge base an operator means; `tenant` is the name of its tenant, where the name alone does not tell.

    Raises:
        NotFoundError: there is none.
        ConflictError: several tenants have one of that name.
    """
    found = KnowledgeBase.objects.filter(_is_named(name_or_id), deleted_at=None).select_related("tenant")
    if tenant:
        found = found.filter(Q(tenant__name=tenant) | Q(tenant__slug=tenant))
    matches = list(found.order_by("tenant__name"))
    if not matches:
        of = f" of tenant {tenant!r}" if tenant else ""
        raise NotFoundError(f"There is no knowledge base {name_or_id!r}{of}.", action="Make it in the admin first.")
    if len(matches) > 1:
        owners = ", ".join(repr(match.tenant.name) for match in matches)
        raise ConflictError(f"{owners} each have a knowledge base {name_or_id!r}.", action="Say which with --tenant.")
    return matches[0]


def file_ingest(ingestion: Ingestion, file: SourceFile, *, actor: Actor) -> Iterator[FileResult]:
    """Take the file, or each member of the ZIP it is; a changed one becomes a new version. A refusal is a result.

    On a dry run a result says what would happen now, each file looked at by itself.
    """
    return results_of(file, lambda source: result_of(source.name, _take(ingestion, source, actor)))


def versions_settle(version_ids: Collection[UUID]) -> Iterator[DocumentVersion]:
    """The versions as they end, until all have or their documents are deleted.

    Raises:
        TransientError: for STALLED_SECONDS no worker held or moved any of them.
    """
    waiting, seen, moved_at = set(version_ids), frozenset[tuple[object, ...]](), time.monotonic()
    while waiting:
        versions = _living(waiting)
        waiting = {version.pk for version in versions if version.status not in VERSION_ENDED}
        yield from (version for version in versions if version.status in VERSION_ENDED)
        now_seen = frozenset((version.pk, version.status, version.attempts) for version in versions)
        if now_seen != seen or _is_held(waiting):
            seen, moved_at = now_seen, time.monotonic()
        elif time.monotonic() - moved_at > STALLED_SECONDS:
            raise _stalled(len(waiting))
        if waiting:
            time.sleep(POLL_SECONDS)


def _is_named(name_or_id: str) -> Q:
    try:
        return Q(pk=UUID(name_or_id)) | Q(name=name_or_id)
    except ValueError:
        return Q(name=name_or_id)


def _take(ingestion: Ingestion, source: DocumentSource, actor: Actor) -> Upload | UploadForecast:
    request = UploadRequest(
        knowledge_base=ingestion.knowledge_base,
        filename=source.filename,
        parts=source.parts(),
        external_id=external_id_of(source.name),
        tags=ingestion.tags,
        restricted=ingestion.restricted,
    )
    if ingestion.dry_run or ingestion.resume:
        foreseen = _foresee(request, source)
        if ingestion.dry_run or foreseen.outcome is UploadOutcome.UNCHANGED:
            return foreseen
    return document_upload(request, actor=actor)


def _foresee(request: UploadRequest, source: DocumentSource) -> UploadForecast:
    with on_disk(source) as path:
        sniff(path, request.filename)
        return upload_foresee(request, sha256_of(path))


def _living(version_ids: Collection[UUID]) -> list[DocumentVersion]:
    ordered = sorted(version_ids)
    batches = (ordered[start : start + BATCH] for start in range(0, len(ordered), BATCH))
    wanted = ("pk", "status", "attempts", "filename", "error_code", "error")
    return [
        version
        for batch in batches
        for version in DocumentVersion.objects.filter(LIVING_VERSIONS, pk__in=batch).only(*wanted)
    ]


def _is_held(version_ids: Collection[UUID]) -> bool:
    some = sorted(version_ids)[:BATCH]
    return DocumentVersion.objects.filter(pk__in=some, lease_until__gt=Now()).exists()


def _stalled(number: int) -> TransientError:
    return TransientError(
        f"No worker did anything on the {number} versions that are left for {STALLED_SECONDS:.0f} s.",
        code="stalled",
        action="They continue once the workers run; `--resume --wait` waits again.",
    )
