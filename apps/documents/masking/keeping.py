"""Keeping a text as its knowledge base's masking says at the moment at which it is kept."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db import connection

from apps.documents.masking.settings import MaskingSettings, masking_of
from apps.documents.masking.texts import Said, text_mask
from apps.documents.models import DocumentVersion, KnowledgeBase, OriginalText, ParsedText
from ragsite.core.errors import TransientError


@dataclass(frozen=True, slots=True)
class Maskable:
    """A version's text, masked by `masking` but not saved, and what it was made from."""

    row: ParsedText
    original: OriginalText | None
    raw: Said
    masking: MaskingSettings
    knowledge_base_id: UUID
    tenant_id: UUID

    @property
    def version_id(self) -> UUID:
        return self.row.version_id

    def by(self, maskings: Mapping[UUID, MaskingSettings]) -> Maskable:
        """The same by the masking that holds now: it may have been changed while the text was read."""
        now = maskings.get(self.knowledge_base_id, self.masking)
        return self if now == self.masking else _masked(self.row, self.raw, now, self.knowledge_base_id, self.tenant_id)


def maskable(row: ParsedText, raw: Said, knowledge_base: KnowledgeBase) -> Maskable:
    """The row of a version with the text that is shown of it."""
    return _masked(row, raw, masking_of(knowledge_base), knowledge_base.pk, knowledge_base.tenant_id)


def _masked(row: ParsedText, raw: Said, masking: MaskingSettings, base_id: UUID, tenant_id: UUID) -> Maskable:
    original = text_mask(row, raw, masking, tenant_id=tenant_id)
    return Maskable(row, original, raw, masking, base_id, tenant_id)


def maskings_hold(knowledge_base_ids: Collection[UUID]) -> dict[UUID, MaskingSettings]:
    """The maskings of the knowledge bases, which nobody changes until the transaction ends.

    Whoever changes one waits, and applies it to what this transaction keeps as well.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM documents_knowledgebase WHERE id = ANY(%s) ORDER BY id FOR SHARE",
            [sorted(knowledge_base_ids)],
        )
    rows = KnowledgeBase.objects.filter(pk__in=knowledge_base_ids).order_by().values_list("pk", "masking")
    return {pk: MaskingSettings.from_dict(masking) for pk, masking in rows}


def maskables_save(texts: Sequence[Maskable]) -> None:
    """Write the texts, in the caller's transaction, which holds their versions; in two statements, or three."""
    # One statement, whether a version was parsed before or not.
    ParsedText.objects.bulk_create(
        [one.row for one in texts],
        update_conflicts=True,
        unique_fields=["version"],
        update_fields=["text", "sections", "title", "metadata", "language", "parser", "masked_as", "finds"],
    )
    originals_replace([one.version_id for one in texts], [one.original for one in texts if one.original])


def originals_replace(version_ids: Collection[UUID], originals: Sequence[OriginalText]) -> None:
    """Let these be the originals of the versions, and no others, in the caller's transaction."""
    OriginalText.objects.filter(version__in=version_ids).delete()
    OriginalText.objects.bulk_create(originals)


def masking_unchanged(versions: Sequence[DocumentVersion]) -> None:
    """In the transaction that holds the versions' documents, before chunks are written that were cut from their texts as read.

    Raises:
        TransientError: a text was masked otherwise meanwhile.
    """
    read = {version.pk: version.parsed.masked_as for version in versions}
    there = dict(ParsedText.objects.filter(version__in=read).order_by().values_list("version", "masked_as"))
    if any(there.get(pk, applied) != applied for pk, applied in read.items()):
        raise TransientError("What is masked was changed while a document was cut.", code="settings_changed")
