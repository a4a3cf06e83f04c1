from __future__ import annotations

import io
from typing import Any

import pytest
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.pdfgen.canvas import Canvas

from apps.documents.blobs import blob_path
from apps.documents.lifecycle import parsing
from apps.documents.lifecycle.versions import version_retry
from apps.documents.models import Chunk, Document, DocumentVersion, ParsedText
from ragsite.core.models import OutboxEvent
from tests import factories as make
from tests.acting import ACTOR
from workers.jobs import TURN_SECONDS, job_named
from workers.running import job_run

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
        (make.BROKEN_PDF, "a.pdf", "damaged_file", "save it again"),
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
    version_retry(version=version, actor=ACTOR)
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


def statuses(*versions: DocumentVersion) -> list[str]:
    for version in versions:
        version.refresh_from_db()
    return [str(version.status) for version in versions]


def parse_once() -> None:
    assert job_run(job_named("parse"))


def test_small_files_are_parsed_under_one_claim_and_one_that_cannot_be_parsed_fails_alone() -> None:
    base = make.knowledge_base()
    contents = ["The harbour has 42 berths.", make.BROKEN_PDF, "The ferry leaves at nine."]
    versions = [
        make.upload(base, content, filename=name).version
        for content, name in zip(contents, ("a.txt", "b.pdf", "c.txt"), strict=True)
    ]
    parse_once()
    assert statuses(*versions) == ["parsed", "failed", "parsed"]
    assert [version.stages.get().outcome for version in versions] == ["done", "failed", "done"]
    texts = ParsedText.objects.order_by("version_id").values_list("text", flat=True)
    assert [text.strip() for text in texts] == [contents[0], contents[2]]


@pytest.fixture
def rings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    rung: list[str] = []
    monkeypatch.setattr("apps.documents.lifecycle.parsing.ring", rung.append)
    return rung


def given_back(version: DocumentVersion) -> bool:
    version.refresh_from_db()
    return (version.status, version.attempts, version.lease_owner, version.stages.count()) == ("uploaded", 0, "", 0)


def test_small_files_go_first_then_a_large_one_and_other_large_ones_are_left_to_free_workers(
    monkeypatch: pytest.MonkeyPatch, rings: list[str]
) -> None:
    base = make.knowledge_base()
    large, small, other_large, last = (
        make.upload(base, text, filename="a.txt").version
        for text in ("Large. " * 50, "Small.", "Too large. " * 50, "Also small.")
    )
    monkeypatch.setattr("apps.documents.lifecycle.parsing.TOGETHER_BYTES", 100)
    parse_once()
    assert statuses(large, small, other_large, last) == ["parsed", "parsed", "uploaded", "parsed"]
    assert given_back(other_large)
    assert rings == ["parse", "chunk", "chunk"], "the small ones did not wait for the large one"
    ends = [version.stages.get().finished_at for version in (small, last, large)]
    assert ends == sorted(ends)
    parse_once()
    assert statuses(other_large) == ["parsed"]


def test_when_the_first_files_take_long_the_others_do_not_wait_for_them(
    monkeypatch: pytest.MonkeyPatch, rings: list[str]
) -> None:
    base = make.knowledge_base()
    first, second = (make.upload(base, text, filename="a.txt").version for text in ("First.", "Second."))
    monkeypatch.setattr("apps.documents.lifecycle.parsing.TOGETHER_SECONDS", -1.0)
    parse_once()
    assert statuses(first, second) == ["parsed", "uploaded"]
    assert given_back(second)
    assert rings == ["parse", "chunk"]


def test_a_large_file_has_all_its_time_after_a_turn_and_the_small_files_of_its_claim(settings: Any) -> None:
    soft = job_named("parse").soft
    assert soft is not None
    assert soft >= settings.RAGSITE_PARSER_SECONDS + TURN_SECONDS + parsing.TOGETHER_SECONDS


def headed() -> bytes:
    """A PDF that tells no title, with one in large letters on its first page."""
    buffer = io.BytesIO()
    canvas = Canvas(buffer)
    canvas.setFont("Helvetica", 24)
    canvas.drawString(72, 760, "Harbour report")
    canvas.setFont("Helvetica", 11)
    for number in range(20):
        canvas.drawString(72, 700 - 20 * number, "The moorings were looked over, and all of them hold.")
    canvas.save()
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("filename", "told", "name"),
    [("scan_0001.pdf", "Harbour report", "Harbour report"), ("harbour_moorings.pdf", "", "harbour moorings")],
)
def test_a_file_whose_name_says_nothing_is_called_by_what_its_first_page_says_largest(
    filename: str, told: str, name: str
) -> None:
    version = make.upload(make.knowledge_base(), headed(), filename=filename).version
    make.run_stages()
    document = Document.objects.get(pk=version.document_id)
    assert (document.title, document.told, document.name) == (filename, told, name)
    assert ParsedText.objects.get(version=version).title == told
    (first, *_) = Chunk.objects.filter(version=version)
    assert first.text.startswith("Harbour report")
