from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from apps.documents.admin.wording import (
    place_in_words,
    size_in_words,
    status_in_words,
    where_in_words,
    worker_in_words,
)
from apps.documents.models import Document, DocumentVersion, VersionStatus


def version(status: VersionStatus, **fields: Any) -> DocumentVersion:
    document = Document(deleted_at=fields.pop("deleted_at", None))
    past = timezone.now() - timedelta(seconds=5)
    return DocumentVersion(document=document, status=status, **{"not_before": past, **fields})


@pytest.mark.parametrize(
    ("status", "work"),
    [
        (VersionStatus.UPLOADED, "parsed"),
        (VersionStatus.PARSED, "chunked"),
        (VersionStatus.CHUNKED, "embedded"),
        (VersionStatus.EMBEDDED, "activated"),
    ],
)
def test_a_waiting_version_says_what_it_waits_for(status: VersionStatus, work: str) -> None:
    assert f"Waiting for a free worker to have it {work}." in status_in_words(version(status))


def test_one_that_is_worked_on_names_the_worker() -> None:
    soon = timezone.now() + timedelta(seconds=9)
    held = version(VersionStatus.UPLOADED, lease_until=soon, lease_owner="host:42:01234567-89ab")
    assert status_in_words(held) == "Being parsed now by host:42."


def test_a_lease_that_ran_out_counts_as_waiting() -> None:
    past = timezone.now() - timedelta(seconds=1)
    assert status_in_words(version(VersionStatus.UPLOADED, lease_until=past)).startswith("Waiting")


def test_a_postponed_one_says_when_it_is_tried_again_and_why(settings: Any) -> None:
    settings.RAGSITE_MAX_ATTEMPTS = 3
    later = version(VersionStatus.CHUNKED, attempts=1, not_before=timezone.now() + timedelta(seconds=20.4))
    words = status_in_words(later, last_error="No model worker answered.")
    assert words == "Will be embedded in 20 s (try 2 of 3). The last time: No model worker answered."


def test_one_of_a_deleted_document_is_not_waited_for() -> None:
    gone = version(VersionStatus.PARSED, deleted_at=timezone.now())
    assert status_in_words(gone) == "Its document was deleted, so nothing more is done."


def test_a_failed_one_gives_its_error() -> None:
    assert status_in_words(version(VersionStatus.FAILED, error="The file is damaged.")) == "The file is damaged."


@pytest.mark.parametrize(
    ("place", "words"),
    [
        (None, ""),
        ({"kind": "page", "number": 3, "label": ""}, "page 3"),
        ({"kind": "sheet", "number": None, "label": "Costs"}, "sheet Costs"),
        ({"kind": "pointer", "number": None, "label": "/items/0"}, "/items/0"),
    ],
)
def test_a_place_reads_as_people_look_it_up(place: dict[str, Any] | None, words: str) -> None:
    assert place_in_words(place) == words


def test_headings_and_place_stand_together() -> None:
    assert (
        where_in_words(["Harbour", "Berths"], {"kind": "page", "number": 2, "label": ""}) == "Harbour › Berths · page 2"
    )


@pytest.mark.parametrize(
    ("size", "words"),
    [(0, "0 bytes"), (1023, "1023 bytes"), (1024, "1.0 KB"), (1536 * 1024, "1.5 MB"), (5 * 1024**3, "5.0 GB")],
)
def test_a_size_is_in_the_unit_that_reads_best(size: int, words: str) -> None:
    assert size_in_words(size) == words


def test_a_worker_is_host_and_process() -> None:
    assert worker_in_words("host:42:01234567-89ab") == "host:42"
