from __future__ import annotations

import io
from typing import Any

import pytest
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.pdfgen.canvas import Canvas

from apps.documents.blobs import blob_path
from apps.documents.models import Chunk, DocumentVersion, ParsedText
from apps.documents.services.versions import version_retry
from ragsite.core.models import OutboxEvent
from tests import factories as make

pytestmark = pytest.mark.django_db


def pdf(*lines: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    canvas = Canvas(buffer, **options)
    for number, line in enumerate(lines):
        canvas.drawString(72, 700 - 20 * number, line)
    canvas.save()
    return buffer.getvalue()


def failed(content: bytes, filename: str) -> DocumentVersion:
    version = make.upload(make.knowledge_base(), content, filename=filename).version
    make.run_stages()
    version.refresh_from_db()
    return version


@pytest.mark.parametrize(
    ("content", "filename", "code", "sentence"),
    [
        (make.BROKEN_PDF, "a.pdf", "damaged_file", "save it anew"),
        (pdf("secret", encrypt=StandardEncryption("open sesame")), "a.pdf", "encrypted_file", "without a password"),
        (pdf(""), "a.pdf", "no_text_layer", "text recognition (OCR)"),
        (b" \n \n", "a.txt", "empty_text", "Upload a file that contains text"),
    ],
    ids=["broken", "encrypted", "pictures only", "blank"],
)
def test_a_file_that_cannot_be_parsed_fails_with_a_code_and_a_sentence(
    content: bytes, filename: str, code: str, sentence: str
) -> None:
    version = failed(content, filename)
    assert (version.status, version.error_code, version.chunk_count) == ("failed", code, 0)
    assert sentence in version.error
    assert (Chunk.objects.count(), ParsedText.objects.count()) == (0, 0)
    assert version.document.current_version is None
    event = OutboxEvent.objects.get(type="document.failed")
    assert (event.payload["version_id"], event.payload["error_code"]) == (str(version.pk), code)
    record = version.stages.get()
    assert (record.stage, record.outcome, record.attempts, record.error) == ("parse", "failed", 1, version.error)


def test_a_permanent_failure_is_not_tried_again() -> None:
    version = failed(make.BROKEN_PDF, "a.pdf")
    make.run_stages()
    assert version.stages.get().attempts == 1
    assert OutboxEvent.objects.filter(type="document.failed").count() == 1


def test_a_version_whose_bytes_are_missing_fails_and_is_parsed_once_they_are_back() -> None:
    version = make.upload(make.knowledge_base(), "The harbour has 42 berths.", filename="a.txt").version
    path = blob_path(version.blob)
    content = path.read_bytes()
    path.unlink()
    make.run_stages()
    version.refresh_from_db()
    assert (version.status, version.error_code) == ("failed", "blob_missing")
    path.write_bytes(content)
    version_retry(version=version)
    make.run_stages()
    version.refresh_from_db()
    assert (version.status, version.error, version.error_code) == ("ready", "", "")
    assert version.document.current_version == version


def test_a_failed_new_version_leaves_the_old_one_answering() -> None:
    base = make.knowledge_base()
    good = make.ready_version(base, "The harbour has 42 berths.", filename="a.txt", external_id="a")
    bad = make.upload(base, make.BROKEN_PDF, filename="a.pdf", external_id="a").version
    make.run_stages()
    bad.refresh_from_db()
    assert bad.status == "failed"
    assert bad.document.current_version == good
    assert good.chunks.exists()


def test_a_parsed_text_keeps_its_parser_sections_and_places() -> None:
    version = make.ready_version(content=pdf("First line."), filename="a.pdf")
    assert version.parsed.parser
    (section,) = version.parsed.sections
    assert version.parsed.text[section["start"] : section["end"]] == "First line."
    assert section["place"] == {"kind": "page", "number": 1, "label": ""}
    assert version.chunks.get().place == section["place"]
