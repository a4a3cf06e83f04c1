"""A version made of another one without an upload: the same bytes, and a text that is chunked anew."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from apps.documents.models import Document, DocumentVersion, OriginalText, ParsedText, TextEdit, VersionStatus
from ragsite.core.actors import Actor


def version_of_same_bytes(
    current: DocumentVersion, *, document: Document, actor: Actor, **columns: Any
) -> DocumentVersion:
    """The next version of the document, with the bytes of `current`; the caller's transaction holds the document's row."""
    return DocumentVersion.objects.create(
        tenant_id=document.tenant_id,
        document=document,
        number=document.versions.count() + 1,
        filename=current.filename,
        document_type=current.document_type,
        content_hash=current.content_hash,
        blob=current.blob,
        size=current.size,
        actor=actor.as_dict(),
        **columns,
    )


def version_derive(
    current: DocumentVersion,
    *,
    document: Document,
    text: ParsedText,
    original: OriginalText | None,
    edits: Iterable[TextEdit],
    edited: bool = False,
    actor: Actor,
) -> DocumentVersion:
    """The next version of the document, about to be chunked, in the caller's transaction, which holds the document's row.

    It has the bytes of `current`, and its own copies of the text, of its original and of all edits that this text has.
    """
    derived = {"status": VersionStatus.PARSED, "rechunk_of_id": current.upload_id, "edited": edited}
    version = version_of_same_bytes(current, document=document, actor=actor, **derived)
    text.pk, text._state.adding = version.pk, True
    text.save(force_insert=True)
    if original is not None:
        original.pk, original._state.adding = version.pk, True
        original.save(force_insert=True)
    TextEdit.objects.bulk_create(_copied(edit, version) for edit in edits)
    return version


def _copied(edit: TextEdit, version: DocumentVersion) -> TextEdit:
    """Who made it, and when, stays."""
    made_at = {"made_at": edit.made_at} if edit.pk else {}
    return TextEdit(
        version=version,
        start=edit.start,
        end=edit.end,
        old_text=edit.old_text,
        text=edit.text,
        actor=edit.actor,
        **made_at,
    )
