"""The parse stage: versions' bytes become text with positions."""

from __future__ import annotations

import time
from collections.abc import Sequence

from django.db import transaction

from apps.documents.blobs import blob_file
from apps.documents.document_names import says_something
from apps.documents.languages import language_code
from apps.documents.lifecycle.rows import portions
from apps.documents.lifecycle.stages import CHUNK, PARSE
from apps.documents.lifecycle.steps import Step, step_fail, step_give_back
from apps.documents.masking.keeping import Maskable, maskable, maskables_save, maskings_hold
from apps.documents.masking.texts import Said
from apps.documents.models import DocumentVersion, ParsedText
from apps.documents.parsing.registry import parser_for
from apps.documents.parsing.types import DocumentType, FileLimits, sections_to_list
from ragsite.core.configuration import ParsingSettings
from ragsite.core.dynamic.places import Place
from ragsite.core.errors import PermanentError
from ragsite.core.jobs import ring
from ragsite.core.work import Turn

TOGETHER_BYTES = 1 << 20
"""Files are parsed together up to this much in all; a larger one is parsed alone, after them."""

TOGETHER_SECONDS = 1.0
"""How long a claim goes on to the next small file. What it has not begun by then is left to workers that are free."""


def versions_parse(step: Step, turn: Turn) -> None:
    """Parse the step's small versions, then one that is not, and give back those that would have to wait for others.

    One that cannot be parsed fails alone.

    Raises:
        LeaseLostError: another worker took over meanwhile.
    """
    until = time.monotonic() + TOGETHER_SECONDS
    related = DocumentVersion.objects.filter(pk__in=step.claim.ids).select_related("document__knowledge_base")
    versions = list(related.order_by("not_before", "pk"))
    divided = portions(versions, size=lambda version: version.size, most=TOGETHER_BYTES)
    _give_back(step, divided.rest)
    for together in divided:
        if turn.leaves():
            return
        _parse_together(step, together, turn, until)


def _parse_together(step: Step, versions: Sequence[DocumentVersion], turn: Turn, until: float) -> None:
    parsed: list[Maskable] = []
    for place, version in enumerate(versions):
        if place and (turn.is_over() or time.monotonic() > until):
            _give_back(step, versions[place:])
            break
        turn.at(version.pk)
        try:
            parsed.append(_parsed(version))
        except PermanentError as error:
            step_fail(step.only(version.pk), error)
    turn.at(None)
    if parsed:
        _save(step, parsed)


def _give_back(step: Step, versions: Sequence[DocumentVersion]) -> None:
    if versions:
        step_give_back(step, [version.pk for version in versions])
        ring(PARSE)


def _parsed(version: DocumentVersion) -> Maskable:
    """The text of the version, masked as its knowledge base says, not saved.

    Raises:
        PermanentError: the file cannot be parsed; the message says why.
        TransientError: its bytes cannot be read now.
    """
    base = version.document.knowledge_base
    recognises = ParsingSettings.current(Place.of_base(base)).ocr
    parser = parser_for(DocumentType(version.document_type), recognises=recognises)
    with blob_file(version.blob, sha256=version.content_hash) as path:
        parsed = parser.parse(path, FileLimits())
    title = parsed.title if says_something(version.filename) else parsed.headline or parsed.title
    said = Said(parsed.text, sections_to_list(parsed.sections), title[:300], dict(parsed.metadata))
    row = ParsedText(version=version, language=language_code(parsed.text), parser=parser.name)
    return maskable(row, said, base)


def _save(step: Step, parsed: Sequence[Maskable]) -> None:
    with transaction.atomic():
        maskings = maskings_hold({one.knowledge_base_id for one in parsed})
        step.complete(*[one.version_id for one in parsed])
        maskables_save([one.by(maskings) for one in parsed])
        ring(CHUNK)
