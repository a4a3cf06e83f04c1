"""State, result and event are committed together: seen by killing the committing process, at moments nobody chose."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
import uuid
from typing import Any

import pytest
from django.db import connection
from django.db.models import Count
from django.db.models.functions import Now

from apps.documents.blobs import blob_path
from apps.documents.models import Chunk, Document, DocumentVersion, KnowledgeBase
from apps.retrieval.models import Embedding
from ragsite.core.models import OutboxEvent
from tests import factories as make

pytestmark = [pytest.mark.servers, pytest.mark.django_db(transaction=True)]

DEATHS = 30
LIVES = (0.1, 2.0)
"""How long a process lives, measured by how long one document takes on this machine."""


def test_no_row_is_without_its_event_and_no_event_without_its_row_though_each_process_is_killed() -> None:
    base, chance = make.knowledge_base(), random.Random(11)
    make.ready_version(base)
    began = time.monotonic()
    make.ready_version(base, "# Warm\n\nThe ferry leaves at eight.")
    one = time.monotonic() - began
    for _ in range(DEATHS):
        live_and_die(base, seconds=chance.uniform(*LIVES) * one)
        assert keys_of("document.created") == ids_of(Document.objects.all())
        assert keys_of("vector.indexed") == ids_of(Document.objects.exclude(current_version=None))
    assert Document.objects.count() > DEATHS / 4, "hardly anything was done between the deaths"
    assert all(blob_path(version.blob).exists() for version in DocumentVersion.objects.all())

    DocumentVersion.objects.update(lease_until=None, not_before=Now())
    make.run_stages()
    assert set(DocumentVersion.objects.values_list("status", flat=True)) == {"ready"}
    assert keys_of("vector.indexed") == keys_of("document.created") == ids_of(Document.objects.all())
    assert Embedding.objects.count() == Chunk.objects.count() > 0
    counted = DocumentVersion.objects.annotate(found=Count("chunks")).values_list("chunk_count", "found")
    assert all(said == found for said, found in counted)


def live_and_die(base: KnowledgeBase, *, seconds: float) -> None:
    """A process of its own uploads and works until it is killed."""
    connection.close()
    pid = os.fork()
    if pid == 0:
        _work_without_end(base)
    threading.Timer(seconds, os.kill, (pid, signal.SIGKILL)).start()
    _, status = os.waitpid(pid, 0)
    assert os.WIFSIGNALED(status), "it ended by itself"


def _work_without_end(base: KnowledgeBase) -> None:
    try:
        while True:
            make.upload(base, f"# {uuid.uuid4()}\n\nThe ferry leaves at nine.", filename="note.md")
            make.run_stages()
    finally:
        os._exit(1)


def keys_of(event: str) -> list[str]:
    return sorted(OutboxEvent.objects.filter(type=event).values_list("key", flat=True))


def ids_of(rows: Any) -> list[str]:
    return sorted(str(pk) for pk in rows.values_list("pk", flat=True))
