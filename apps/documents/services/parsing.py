"""The parse stage: a version's bytes become text with positions."""

from __future__ import annotations

from django.conf import settings
from django.db import transaction

from apps.documents.blobs import blob_path
from apps.documents.languages import language_code
from apps.documents.models import DocumentVersion, ParsedText
from apps.documents.parsing.registry import parser_for
from apps.documents.parsing.types import DocumentType, Limits, ParsedDocument, sections_to_list
from apps.documents.stages import CHUNK
from apps.documents.steps import Step
from ragsite.core.errors import PermanentError
from ragsite.core.jobs import ring


def version_parse(step: Step) -> None:
    """Parse the one version of the step.

    Raises:
        PermanentError: the file cannot be parsed; the message says why.
        LeaseLostError: another worker took over meanwhile.
    """
    (version_id,) = step.claim.ids
    version = DocumentVersion.objects.get(pk=version_id)
    path = blob_path(version.blob)
    if not path.exists():
        raise PermanentError("The stored bytes are missing.", code="blob_missing", action="Upload the document again.")
    parser = parser_for(DocumentType(version.document_type), recognises=settings.RAGSITE_OCR)
    parsed = parser.parse(path, Limits())
    with transaction.atomic():
        step.complete(version_id)
        _save(version, parsed, parser.name)
        ring(CHUNK)


def _save(version: DocumentVersion, parsed: ParsedDocument, parser: str) -> None:
    text = ParsedText(
        version=version,
        text=parsed.text,
        sections=sections_to_list(parsed.sections),
        title=parsed.title[:300],
        metadata=dict(parsed.metadata),
        language=language_code(parsed.text),
        parser=parser,
    )
    # One statement, whether the version was parsed before or not.
    ParsedText.objects.bulk_create(
        [text],
        update_conflicts=True,
        unique_fields=["version"],
        update_fields=["text", "sections", "title", "metadata", "language", "parser"],
    )
