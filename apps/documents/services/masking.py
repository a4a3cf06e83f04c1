"""A change of a knowledge base's masking, applied to the versions that are there: in bites, by a job that can die anywhere.

What is kept from the change on is masked by it already; see `keeping`. What was said of the documents before, answers among it,
is seen to by `apps.retrieval.answers.masking` afterwards.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Func, IntegerField, QuerySet
from django.db.models.functions import Now

from apps.documents.lifecycle.rechunking import document_rechunk
from apps.documents.masking.keeping import originals_replace
from apps.documents.masking.settings import MaskingMode, MaskingSettings
from apps.documents.masking.texts import header_shown, raw_of, text_mask
from apps.documents.models import (
    Chunk,
    Document,
    DocumentVersion,
    KnowledgeBase,
    MaskingChange,
    MaskingState,
    OriginalText,
    ParsedText,
    TextEdit,
)
from ragsite.core.actors import Actor, change_log
from ragsite.core.errors import LeaseLostError, RagError
from ragsite.core.jobs import ring
from ragsite.core.leases import RELEASED, Claim
from ragsite.core.masking.masks import masks_of
from ragsite.core.work import LeasedRows

MASK = "masking-apply"
"""The job's name for those who ring."""

AT_ONCE, AT_ONCE_BYTES = 50, 2_000_000
"""Versions that one bite looks at, and bytes of their texts, by which it ends after the first."""


class MaskingChanges(LeasedRows):
    """Changes that are being applied; the one that has waited longest comes first."""

    model, what = MaskingChange, "the masking of a knowledge base"

    def open(self) -> QuerySet[Any]:
        living = MaskingChange.objects.filter(state=MaskingState.APPLYING, knowledge_base__deleted_at=None)
        return living.order_by("not_before", "id")

    def fail(self, claim: Claim, error: RagError) -> None:
        self.held(claim).update(state=MaskingState.FAILED, error=error.sentence, **RELEASED)


MASKING_CHANGES = MaskingChanges()


def masking_apply(knowledge_base: KnowledgeBase, *, actor: Actor) -> None:
    """Have the masking that the knowledge base has now applied from the start, in the transaction that changes it."""
    total = DocumentVersion.objects.filter(document__knowledge_base=knowledge_base).count()
    fresh: dict[str, Any] = {
        "state": MaskingState.APPLYING, "walked_to": None, "answers": False, "version_total": total,
        "version_done": 0, "error": "", "attempts": 0, "not_before": Now(), "actor": actor.as_dict(), **RELEASED,
    }  # fmt: skip
    MaskingChange.objects.update_or_create(knowledge_base=knowledge_base, defaults=fresh)
    ring(MASK)
    mode = MaskingSettings.from_dict(knowledge_base.masking).mode
    what = f"the masking of knowledge base {knowledge_base.pk} is {mode} now"
    change_log(what, actor=actor, action="masking.changed", of=knowledge_base, details={"mode": mode})


@transaction.atomic
def masking_resume(knowledge_base: KnowledgeBase, *, actor: Actor) -> None:
    """Go on with a change that failed, where it stopped; nothing where none did."""
    failed = MaskingChange.objects.filter(knowledge_base=knowledge_base, state=MaskingState.FAILED)
    if failed.update(state=MaskingState.APPLYING, error="", attempts=0, not_before=Now(), **RELEASED):
        ring(MASK)
        what = f"the masking of knowledge base {knowledge_base.pk} was resumed"
        change_log(what, actor=actor, action="masking.resumed", of=knowledge_base)


def masking_hold(claim: Claim) -> MaskingChange:
    """The claimed change, locked for the rest of the transaction, with its knowledge base.

    Raises:
        LeaseLostError: somebody else took over, or it was changed anew.
    """
    held = MASKING_CHANGES.held(claim).select_for_update(of=("self",), no_key=True).select_related("knowledge_base")
    change: MaskingChange | None = held.first()
    if change is None:
        raise LeaseLostError(f"The lease on the masking {claim.ids[0]} was lost; this part of it is dropped.")
    return change


def versions_mask(claim: Claim) -> bool:
    """Mask the next versions as their knowledge base says now; whether there may be more.

    Raises:
        LeaseLostError: somebody else took over, or it was changed anew.
    """
    with transaction.atomic():
        change = masking_hold(claim)
        if change.answers:
            return False
        pks = _next(change)
        masking = MaskingSettings.from_dict(change.knowledge_base.masking)
        _mask(change, pks, masking)
        progress: dict[str, Any] = {"walked_to": pks[-1]} if pks else {"walked_to": None, "answers": True}
        MaskingChange.objects.filter(pk=change.pk).update(
            version_done=change.version_done + len(pks), attempts=1, error="", **progress
        )
    return bool(pks)


def _next(change: MaskingChange) -> list[UUID]:
    """The ids of the next versions, in their order."""
    versions = DocumentVersion.objects.filter(document__knowledge_base=change.knowledge_base_id).order_by("pk")
    later = versions if change.walked_to is None else versions.filter(pk__gt=change.walked_to)
    size = Func("parsed__text", function="octet_length", output_field=IntegerField())
    rows = list(later.annotate(size_of_text=size).values_list("pk", "size_of_text")[:AT_ONCE])
    chosen, read = list[UUID](), 0
    for pk, bytes_ in rows:
        read += bytes_ or 0
        if chosen and read > AT_ONCE_BYTES:
            break
        chosen.append(pk)
    return chosen


def _mask(change: MaskingChange, pks: Sequence[UUID], masking: MaskingSettings) -> None:
    """Documents first and then their versions, as everybody locks them."""
    documents = Document.objects.filter(versions__in=pks).order_by("pk").values("pk")
    held = Document.objects.select_for_update(of=("self",), no_key=True).filter(pk__in=documents).order_by("pk")
    by_id = {document.pk: document for document in held}
    versions = DocumentVersion.objects.select_for_update(of=("self",), no_key=True).filter(pk__in=pks).order_by("pk")
    originals = OriginalText.objects.in_bulk(list(pks))
    edited = list[UUID]()
    for version in versions.select_related("parsed"):
        parsed = getattr(version, "parsed", None)
        if parsed is None or parsed.masked_as == masking.applied:
            continue
        if _version_mask(version, parsed, originals.get(version.pk), masking):
            edited.append(version.document_id)
    if masking.mode is MaskingMode.AT_INGESTION:
        actor = Actor.kept(change.actor, job=MASK)
        for pk in sorted(set(edited)):
            if by_id[pk].deleted_at is None:
                by_id[pk].knowledge_base = change.knowledge_base
                document_rechunk(document=by_id[pk], actor=actor)


def _version_mask(
    version: DocumentVersion, parsed: ParsedText, original: OriginalText | None, masking: MaskingSettings
) -> bool:
    """Whether what is shown of it, or indexed, is another text than before."""
    before, told, raw = parsed.text, parsed.title, raw_of(parsed, original)
    aside = text_mask(parsed, raw, masking, tenant_id=version.tenant_id)
    parsed.save()
    if parsed.title != told:
        Document.objects.filter(current_version=version.pk).update(told=parsed.title)
    originals_replace([version.pk], [aside] if aside else [])
    if parsed.text != before or aside is not None or original is not None:
        _chunks_mask(version, parsed, masking, before=before)
        if masking.masks:
            _edits_mask(version, masking)
        return masking.mode is MaskingMode.AT_INGESTION and parsed.text != raw.text
    return False


def _chunks_mask(version: DocumentVersion, parsed: ParsedText, masking: MaskingSettings, *, before: str) -> None:
    """Give its chunks the words that are shown now and not `before`; what is embedded of them, and its hash, stays."""
    chunks = list(Chunk.objects.filter(version=version).order_by("pk"))
    headings = [(section["start"], section["heading_path"]) for section in parsed.sections]
    masks = masks_of(version.tenant_id)
    for chunk in chunks:
        chunk.text = parsed.text[chunk.start : chunk.end]
        chunk.heading_path = _path_at(headings, chunk)
        chunk.table_header = header_shown(chunk.table_header, raw=before, shown=parsed.text)
        if masking.masks:
            chunk.context = masks.masked(chunk.context, masking.kinds).text
    Chunk.objects.bulk_update(chunks, ["text", "heading_path", "table_header", "context"], batch_size=500)


def _path_at(headings: Sequence[tuple[int, list[str]]], chunk: Chunk) -> list[str]:
    """The headings over a chunk that has as many: those of the section in which it begins."""
    at = bisect_right(headings, chunk.start, key=lambda one: one[0]) - 1
    found = headings[at][1] if at >= 0 else []
    return list(found if len(found) == len(chunk.heading_path) else chunk.heading_path)


def _edits_mask(version: DocumentVersion, masking: MaskingSettings) -> None:
    """What people typed and what stood there before is masked for good: an edit is kept as it is shown."""
    masks = masks_of(version.tenant_id)
    for edit in TextEdit.objects.filter(version=version):
        texts = {name: masks.masked(getattr(edit, name), masking.kinds).text for name in ("old_text", "text")}
        if texts != {"old_text": edit.old_text, "text": edit.text}:
            TextEdit.objects.filter(pk=edit.pk).update(**texts)


def masking_end(claim: Claim) -> None:
    """Record that all is done.

    Raises:
        LeaseLostError: somebody else took over, or it was changed anew.
    """
    with transaction.atomic():
        change = masking_hold(claim)
        MaskingChange.objects.filter(pk=change.pk).update(
            state=MaskingState.DONE, walked_to=None, error="", attempts=0, **RELEASED
        )


def masking_under_way(knowledge_base: KnowledgeBase) -> MaskingChange | None:
    """The change that is not applied yet, or failed."""
    return MaskingChange.objects.filter(knowledge_base=knowledge_base).exclude(state=MaskingState.DONE).first()
