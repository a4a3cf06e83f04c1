"""What people change in a document's text: a passage reads otherwise, is left out, or is added, in a new version.

The new version has the bytes of the one that answers. That one keeps answering until the new one is ready, as with every version;
its chunks whose text stays the same keep their vectors, and every citation stays an exact span of an exact version. See ADR 56.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from apps.documents.lifecycle.deriving import version_derive
from apps.documents.lifecycle.edits import Edit, edit_trimmed, edits_composed, sections_edited, text_edited
from apps.documents.lifecycle.stages import CHUNK
from apps.documents.masking.settings import MaskingSettings, masking_of
from apps.documents.models import LIVING, VERSION_ENDED, Document, DocumentVersion, OriginalText, ParsedText, TextEdit
from apps.documents.parsing.cleaning import clean
from apps.documents.parsing.types import FileLimits, sections_from_list, sections_to_list
from ragsite.core.actors import Actor
from ragsite.core.errors import ConflictError, NotFoundError, PermanentError
from ragsite.core.jobs import ring
from ragsite.core.masking.masks import masks_of

MOST_CHARACTERS = 100_000
"""Of what one edit replaces, and of what it puts there."""

MOST_EDITS = 1_000
"""That a version has in all."""


def document_edit(
    *, document: Document, version: DocumentVersion, edits: Sequence[Edit], actor: Actor
) -> DocumentVersion:
    """Make a version that says something else at some spans of the one that answers; the new version, about to be chunked.

    Raises:
        ConflictError: another version answers by now, or one is under way that would answer in a moment.
        PermanentError: an edit lies outside the text or upon another one, changes nothing or too much, or nothing would be left.
        NotFoundError: the document was deleted.
    """
    with transaction.atomic():
        current = _answering(document, version)
        said = _cleaned(edits, masking_of(document.knowledge_base), document.tenant_id)
        _refuse_misplaced(said, length=len(current.parsed.text))
        changed = [edit_trimmed(edit, current.parsed.text) for edit in said]
        return _derived(current, edits_composed([_edit(row) for row in current.edits.all()], changed), actor)


def document_edits_undo(
    *, document: Document, version: DocumentVersion, edit_ids: Collection[int], actor: Actor
) -> DocumentVersion:
    """Make a version without some edits of the one that answers: it says there again what its upload says.

    Raises:
        ConflictError, NotFoundError: as `document_edit`.
        NotFoundError: the version has no such edit.
    """
    with transaction.atomic():
        current = _answering(document, version)
        rows = list(current.edits.all())
        if missing := sorted(set(edit_ids) - {row.pk for row in rows}):
            raise NotFoundError(f"Version {current.number} has no edit {missing[0]}.")
        if not edit_ids:
            raise PermanentError("No edit is named.", action="Name one to take it back.")
        return _derived(current, [_edit(row) for row in rows if row.pk not in edit_ids], actor)


def _answering(document: Document, version: DocumentVersion) -> DocumentVersion:
    """The version, which answers, with its document's row held."""
    rows = Document.objects.select_for_update(of=("self",), no_key=True).filter(LIVING, pk=document.pk)
    locked = rows.first()
    if locked is None:
        raise NotFoundError(f"There is no document {document.pk}; it was deleted a moment ago.")
    if locked.current_version_id != version.pk:
        raise ConflictError(
            f"Version {version.number} is not the one that answers.", action="Look at the one that does, and edit that."
        )
    under_way = locked.versions.exclude(status__in=VERSION_ENDED).order_by("-number").first()
    if under_way is not None:
        raise ConflictError(
            f"Version {under_way.number} is under way, and the text may be another one in a moment.",
            action="Wait until it is ready, or cancel it.",
        )
    current: DocumentVersion = locked.versions.select_related("parsed").get(pk=version.pk)
    current.document = locked
    return current


def _derived(current: DocumentVersion, edits: Sequence[Edit], actor: Actor) -> DocumentVersion:
    upload = ParsedText.objects.get(version=current.upload_id)
    original = OriginalText.objects.filter(version=current.upload_id).first()
    edits = [edit for edit in edits if upload.text[edit.start : edit.end] != edit.text]
    rows = _rows(current, edits, upload, actor)
    text = text_edited(upload.text, edits)
    _refuse_unfit(text, edits)
    if text == current.parsed.text:
        raise PermanentError("Nothing would change: the text says that already.")
    for said in (upload, original):
        if said is not None:
            said.text, sections = text_edited(said.text, edits), sections_from_list(said.sections)
            said.sections = sections_to_list(sections_edited(sections, edits, text=said.text))
    made = version_derive(
        current, document=current.document, text=upload, original=original, edits=rows, edited=True, actor=actor
    )
    ring(CHUNK)
    return made


def _rows(current: DocumentVersion, edits: Sequence[Edit], upload: ParsedText, actor: Actor) -> list[TextEdit]:
    """The edits as rows: those that there were, and new ones by the actor."""
    there = {_edit(row): row for row in current.edits.all()}
    return [there.get(edit) or _row(edit, upload, actor) for edit in edits]


def _row(edit: Edit, upload: ParsedText, actor: Actor) -> TextEdit:
    old_text = upload.text[edit.start : edit.end]
    return TextEdit(start=edit.start, end=edit.end, old_text=old_text, text=edit.text, actor=actor.as_dict())


def _edit(row: TextEdit) -> Edit:
    return Edit(row.start, row.end, row.text)


def _cleaned(edits: Sequence[Edit], masking: MaskingSettings, tenant_id: UUID) -> list[Edit]:
    """In their order, with characters that a parsed text may have, and without values that are masked: see ADR 64."""
    masks = masks_of(tenant_id)

    def typed(text: str) -> str:
        text = clean(text)
        return masks.masked(text, masking.kinds).text if masking.masks else text

    return sorted((Edit(one.start, one.end, typed(one.text)) for one in edits), key=lambda one: (one.start, one.end))


def _refuse_misplaced(edits: Sequence[Edit], *, length: int) -> None:
    if not edits:
        raise PermanentError("No edit is given.", action="Say what is to be changed.")
    past = -1
    for edit in edits:
        if not 0 <= edit.start <= edit.end <= length:
            raise PermanentError(
                f"The characters {edit.start} to {edit.end} are outside the text, which has {length:,}."
            )
        if edit.start < past or (edit.start == past == edit.end):
            raise PermanentError(
                f"Two edits lie upon each other at character {edit.start}.", action="Make one of them."
            )
        if edit.start == edit.end and not edit.text:
            raise PermanentError(
                f"The edit at character {edit.start} changes nothing.", action="Say what is to be added."
            )
        past = edit.end


def _refuse_unfit(text: str, edits: Sequence[Edit]) -> None:
    if len(edits) > MOST_EDITS:
        raise PermanentError(
            f"The version would have {len(edits):,} edits, more than the {MOST_EDITS:,} that are kept.",
            action="Edit the file itself, and upload it as a new version.",
        )
    longest = max((max(edit.end - edit.start, len(edit.text)) for edit in edits), default=0)
    if longest > MOST_CHARACTERS or len(text) > FileLimits().max_characters:
        raise PermanentError(
            f"An edit may replace and put in {MOST_CHARACTERS:,} characters; this one has {longest:,}.",
            action="Edit the file itself, and upload it as a new version.",
        )
    if not text.strip():
        raise PermanentError("Nothing would be left of the document.", action="Delete the document instead.")


def edits_of(version_id: UUID) -> QuerySet[TextEdit]:
    """The edits of a version, in the order of the text."""
    return TextEdit.objects.filter(version=version_id).order_by("start")
