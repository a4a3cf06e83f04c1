from __future__ import annotations

import pytest

from apps.documents.services.uploads import UploadOutcome
from ragsite.core.models import OutboxEvent
from tests import factories as make

pytestmark = pytest.mark.django_db


def test_an_upload_becomes_a_document_with_a_version_and_an_event() -> None:
    base = make.knowledge_base()
    upload = make.upload(base, "Hello harbour.", filename="note.txt")
    assert upload.outcome is UploadOutcome.CREATED
    assert (upload.version.number, upload.version.document_type, upload.version.size) == (1, "txt", 14)
    event = OutboxEvent.objects.get()
    assert (event.type, event.key, event.sent_at) == ("document.created", str(upload.version.document_id), None)


def test_a_document_passes_all_stages() -> None:
    version = make.ready_version()
    assert version.status == "ready", version.error
    assert version.document.current_version == version
    assert version.chunk_count == version.chunks.count() > 0
    for chunk in version.chunks.all():
        assert version.parsed.text[chunk.start : chunk.end] == chunk.text
