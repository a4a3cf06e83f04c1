"""Many files in one request."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.test import Client

from apps.documents.models import Document, DocumentVersion, KnowledgeBase
from ragsite.core.models import OutboxEvent
from tests import factories as make

pytestmark = pytest.mark.django_db

BULK = "/api/v1/documents/bulk/"


def send(client: Client, base: KnowledgeBase, *files: tuple[str, str | bytes], **fields: Any) -> Any:
    body = {"knowledge_base": str(base.pk), "files": [make.file(content, name) for name, content in files], **fields}
    return client.post(BULK, body)


def archive(*members: tuple[str, str | bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as zipped:
        for name, content in members:
            zipped.writestr(name, content)
    return packed.getvalue()


def counts() -> tuple[int, int, int, int]:
    """Documents, versions, events, blobs."""
    blobs = [path for path in Path(django_settings.RAGSITE_BLOB_DIR).rglob("*") if path.is_file()]
    return Document.objects.count(), DocumentVersion.objects.count(), OutboxEvent.objects.count(), len(blobs)


def told(response: Any) -> list[tuple[str, str | None, str | None]]:
    """Name, outcome and the error's code of each file."""
    assert response.status_code == 200, response.content
    rows = response.json()["results"]
    return [(row["filename"], row["outcome"], row["error"] and row["error"]["code"]) for row in rows]


def test_each_file_is_accepted_or_refused_by_itself_and_reported_in_order(client: Client, base: KnowledgeBase) -> None:
    response = send(
        client,
        base,
        ("one.txt", "One."),
        ("program.exe", b"MZ\x90\x00"),
        ("empty.txt", b""),
        ("again.txt", "One."),
        ("two.md", "# Two"),
    )
    assert told(response) == [
        ("one.txt", "created", None),
        ("program.exe", None, "unknown_type"),
        ("empty.txt", None, "empty_file"),
        ("again.txt", "unchanged", None),
        ("two.md", "created", None),
    ]
    first, refused, *_ = response.json()["results"]
    assert client.get(first["version"]["url"]).json()["document"] == first["document"]
    assert (refused["document"], refused["version"], refused["error"]["status"]) == (None, None, 422)
    assert "'.exe'" in refused["error"]["detail"]
    assert counts() == (2, 2, 2, 2)


def test_chunking_is_for_each_of_the_documents(client: Client, base: KnowledgeBase) -> None:
    told(send(client, base, ("one.txt", "One."), ("two.txt", "Two."), chunking='{"size": 64}'))
    assert [document.chunking for document in Document.objects.all()] == [{"size": 64}] * 2


def test_invalid_chunking_refuses_the_request_and_nothing_is_kept(client: Client, base: KnowledgeBase) -> None:
    refused = send(client, base, ("one.txt", "One."), chunking='{"overlap": 200}')
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_chunking")
    assert counts() == (0, 0, 0, 0)


def test_a_file_over_the_limit_hinders_no_other(client: Client, base: KnowledgeBase, settings: Any) -> None:
    settings.RAGSITE_MAX_UPLOAD_BYTES = 100_000
    response = send(
        client, base, ("a.txt", "A."), ("big.txt", b"x" * 300_000), ("big.zip", b"x" * 300_000), ("b.txt", "B.")
    )
    assert told(response) == [
        ("a.txt", "created", None),
        ("big.txt", None, "upload_too_large"),
        ("big.zip", None, "upload_too_large"),
        ("b.txt", "created", None),
    ]
    assert counts() == (2, 2, 2, 2)


def test_metadata_goes_to_each_document(client: Client, base: KnowledgeBase) -> None:
    send(client, base, ("a.txt", "A."), ("b.txt", "B."), metadata=json.dumps({"team": "harbour"}))
    assert list(Document.objects.values_list("metadata", flat=True)) == [{"team": "harbour"}] * 2


def test_each_member_of_a_zip_is_a_result(client: Client, base: KnowledgeBase) -> None:
    packed = archive(
        ("notes/a.txt", "A."),
        ("notes/.hidden", "no"),
        ("__MACOSX/notes/._a.txt", "no"),
        ("../../etc/b.md", "# B"),
        ("empty/", ""),
        ("more.zip", archive(("c.txt", "C."))),
        ("program.exe", b"MZ"),
    )
    response = send(client, base, ("archive.zip", packed), ("last.txt", "Last."))
    assert told(response) == [
        ("archive.zip/notes/a.txt", "created", None),
        ("archive.zip/etc/b.md", "created", None),
        ("archive.zip/more.zip", None, "nested_archive"),
        ("archive.zip/program.exe", None, "unknown_type"),
        ("last.txt", "created", None),
    ]
    assert response.json()["results"][0]["version"]["filename"] == "a.txt"
    assert counts() == (3, 3, 3, 3)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"no archive at all", "damaged_file"),
        (b"", "damaged_file"),
        (archive(), "empty_file"),
        (archive(("folder/", "")), "empty_file"),
        (archive(*((f"{number}.txt", "x") for number in range(1001))), "unsafe_archive"),
    ],
    ids=["no archive", "empty", "no members", "only a folder", "too many members"],
)
def test_a_zip_that_cannot_be_gone_through_is_one_refusal(
    client: Client, base: KnowledgeBase, content: bytes, code: str
) -> None:
    assert told(send(client, base, ("archive.zip", content), ("a.txt", "A."))) == [
        ("archive.zip", None, code),
        ("a.txt", "created", None),
    ]


def test_a_zip_is_still_no_document_where_one_file_is_expected(client: Client, base: KnowledgeBase) -> None:
    body = {"knowledge_base": str(base.pk), "file": make.file(archive(("a.txt", "A.")), "archive.zip")}
    assert client.post("/api/v1/documents/", body).json()["code"] == "unknown_type"


def test_more_than_a_hundred_files_are_refused_whole(client: Client, base: KnowledgeBase) -> None:
    response = send(client, base, *((f"{number}.txt", f"Text {number}") for number in range(101)))
    assert (response.status_code, response.json()["code"]) == (413, "too_many_files")
    assert counts() == (0, 0, 0, 0)


def test_a_hundred_files_are_taken(client: Client, base: KnowledgeBase) -> None:
    response = send(client, base, *((f"{number}.txt", f"Text {number}") for number in range(100)))
    assert {row[1] for row in told(response)} == {"created"}
    assert counts() == (100, 100, 100, 100)


@pytest.mark.parametrize(
    ("fields", "status", "field"),
    [
        ({"files": []}, 422, "files"),
        ({"files": "no file"}, 422, "files.0"),
        ({"metadata": "[1]"}, 422, "metadata"),
        ({"knowledge_base": "nonsense"}, 422, "knowledge_base"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_field_that_is_wrong_is_named(
    client: Client, base: KnowledgeBase, fields: dict[str, Any], status: int, field: str
) -> None:
    response = send(client, base, ("a.txt", "A."), **fields)
    assert response.status_code == status, response.content
    assert {error["field"] for error in response.json()["errors"]} == {field}
    assert counts() == (0, 0, 0, 0)


def test_a_foreign_knowledge_base_takes_nothing(client: Client) -> None:
    response = send(client, make.knowledge_base(), ("a.txt", "A."))
    assert (response.status_code, response.json()["code"]) == (404, "not_found")
    assert counts() == (0, 0, 0, 0)


def test_a_bulk_that_is_sent_again_under_its_key_takes_effect_once(client: Client, base: KnowledgeBase) -> None:
    def again(*files: tuple[str, str]) -> Any:
        body = {"knowledge_base": str(base.pk), "files": [make.file(content, name) for name, content in files]}
        return client.post(BULK, body, headers={"Idempotency-Key": "bulk"})

    first, second = again(("a.txt", "A."), ("b.txt", "B.")), again(("a.txt", "A."), ("b.txt", "B."))
    assert second.content == first.content
    assert second["Idempotency-Replayed"] == "true"
    assert again(("b.txt", "B."), ("a.txt", "A.")).json()["code"] == "idempotency_mismatch"
    assert counts() == (2, 2, 2, 2)
