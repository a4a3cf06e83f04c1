"""A new version for a document, and what is said about it changed, over HTTP."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart

from apps.documents.models import Chunk, Document, DocumentVersion, KnowledgeBase
from ragsite.core.models import OutboxEvent
from tests import factories as make

pytestmark = pytest.mark.django_db

DOCUMENTS = "/api/v1/documents/"


def put(client: Client, document: Document, content: str, **headers: str) -> Any:
    body = encode_multipart(BOUNDARY, {"file": make.file(content)})
    return client.put(f"{DOCUMENTS}{document.pk}/", body, MULTIPART_CONTENT, headers=headers)


def patch(client: Client, document: Document, **changes: Any) -> Any:
    return client.patch(f"{DOCUMENTS}{document.pk}/", changes, content_type="application/json")


def updates() -> list[dict[str, Any]]:
    return list(OutboxEvent.objects.filter(type="document.updated").order_by("id").values_list("payload", flat=True))


def test_a_file_that_is_put_is_a_new_version(client: Client, base: KnowledgeBase) -> None:
    document = make.ready_version(base, "First.", filename="note.txt").document
    second = put(client, document, "Second.")
    assert (second.status_code, second.json()["outcome"], second.json()["version"]["number"]) == (202, "new_version", 2)
    assert client.get(f"{DOCUMENTS}{document.pk}/").json()["current_version"]["number"] == 1
    make.run_stages()
    assert client.get(f"{DOCUMENTS}{document.pk}/").json()["current_version"]["number"] == 2
    assert put(client, document, "Second.").json()["outcome"] == "unchanged"
    assert [event["changed"] for event in updates()] == [["version"]]


def test_a_put_that_is_sent_again_under_its_key_makes_one_version(client: Client, base: KnowledgeBase) -> None:
    document = make.upload(base, "First.", filename="note.txt").version.document
    first, again = (put(client, document, "Second.", **{"Idempotency-Key": "once"}) for _ in range(2))
    assert first.content == again.content
    assert DocumentVersion.objects.count() == 2


@pytest.mark.parametrize(
    "change",
    [
        {"title": "Another"},
        {"metadata": {"a": [1, None]}},
        {"tags": ["a", "b"]},
        {"external_id": "cms-8"},
        {"external_id": ""},
    ],
)
def test_what_is_said_about_a_document_changes_and_nothing_is_reindexed(
    client: Client, base: KnowledgeBase, change: dict[str, Any]
) -> None:
    version = make.ready_version(base, external_id="cms-7")
    chunks, versions = list(Chunk.objects.values()), list(DocumentVersion.objects.values())
    changed = patch(client, version.document, **change)
    (field,) = change
    assert changed.status_code == 200, changed.content
    assert changed.json()[field] == change[field]
    assert changed.json() == client.get(f"{DOCUMENTS}{version.document_id}/").json()
    (event,) = updates()
    assert (event["version_id"], event["version_number"], event["changed"]) == (str(version.pk), 1, [field])
    assert (list(Chunk.objects.values()), list(DocumentVersion.objects.values())) == (chunks, versions)


def test_a_document_without_a_version_that_answers_can_be_changed(client: Client, base: KnowledgeBase) -> None:
    document = make.upload(base).version.document
    assert patch(client, document, title="Another", external_id="a").status_code == 200
    (event,) = updates()
    assert (event["version_id"], event["version_number"], event["changed"]) == (None, None, ["title", "external_id"])


@pytest.mark.parametrize("change", [{}, {"title": "Same", "external_id": "a", "metadata": {}}])
def test_a_change_that_changes_nothing_is_no_event(client: Client, base: KnowledgeBase, change: dict[str, Any]) -> None:
    document = make.upload(base, title="Same", external_id="a").version.document
    assert patch(client, document, **change).status_code == 200
    assert updates() == []


def test_an_external_id_that_another_document_has_is_a_conflict(client: Client, base: KnowledgeBase) -> None:
    make.upload(base, external_id="a")
    document = make.upload(base, external_id="b").version.document
    refused = patch(client, document, external_id="a", title="Another")
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
    assert "the external id 'a'" in refused.json()["detail"]
    before = (document.title, document.external_id)
    document.refresh_from_db()
    assert (document.title, document.external_id) == before
    assert updates() == []
    elsewhere = make.upload(make.knowledge_base(of=base.tenant), external_id="c").version.document
    assert patch(client, elsewhere, external_id="a").status_code == 200


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"title": ""}, "title"),
        ({"title": None}, "title"),
        ({"title": "x" * 301}, "title"),
        ({"title": "a\x00b"}, "title"),
        ({"external_id": "x" * 201}, "external_id"),
        ({"metadata": [1]}, "metadata"),
        ({"metadata": None}, "metadata"),
        ({"metadata": {"a": "\x00"}}, "metadata"),
        ({"chunking": [220]}, "chunking"),
        ({"chunking": None}, "chunking"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_field_that_is_wrong_is_named_and_nothing_changes(
    client: Client, base: KnowledgeBase, change: dict[str, Any], field: str
) -> None:
    document = make.upload(base, external_id="a").version.document
    before = list(Document.objects.values())
    refused = patch(client, document, **change)
    assert refused.status_code == 422, refused.content
    assert {error["field"] for error in refused.json()["errors"]} == {field}
    assert list(Document.objects.values()) == before


def test_other_chunking_rechunks_the_document_and_an_empty_one_goes_back(client: Client, base: KnowledgeBase) -> None:
    version = make.ready_version(base)
    changed = patch(client, version.document, chunking={"size": 16, "overlap": 0})
    assert (changed.status_code, changed.json()["chunking"]) == (200, {"size": 16, "overlap": 0})
    newest = client.get(f"{DOCUMENTS}{version.document_id}/versions/").json()["results"][0]
    assert (newest["number"], newest["status"], newest["rechunk_of"]) == (2, "parsed", str(version.pk))
    make.run_stages()
    assert patch(client, version.document, chunking={}).json()["current_version"]["number"] == 2
    make.run_stages()
    chunks = [DocumentVersion.objects.get(number=number).chunk_count for number in (1, 2, 3)]
    assert chunks[0] == chunks[2] < chunks[1]


def test_invalid_chunking_is_a_problem_and_nothing_changes(client: Client, base: KnowledgeBase) -> None:
    version = make.ready_version(base)
    before = list(Document.objects.values()), list(DocumentVersion.objects.values())
    refused = patch(client, version.document, title="Another", chunking={"overlap": 200})
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_chunking")
    assert "The overlap 200 is invalid with a size of 220." in refused.json()["detail"]
    assert (list(Document.objects.values()), list(DocumentVersion.objects.values())) == before


def test_what_is_not_said_stays_also_in_a_form(client: Client, base: KnowledgeBase) -> None:
    document = make.upload(base, title="One", external_id="a", metadata={"a": 1}).version.document
    body = encode_multipart(BOUNDARY, {"title": "Two"})
    assert client.patch(f"{DOCUMENTS}{document.pk}/", body, MULTIPART_CONTENT).status_code == 200
    document.refresh_from_db()
    assert (document.title, document.external_id, document.metadata) == ("Two", "a", {"a": 1})


def test_a_document_that_is_nobodys_or_somebody_elses_is_404(client: Client, base: KnowledgeBase) -> None:
    theirs = make.upload(make.knowledge_base()).version.document
    for document in (theirs, Document(pk=uuid4())):
        assert patch(client, document, title="Mine").status_code == 404
        assert put(client, document, "Mine.").status_code == 404
    theirs.refresh_from_db()
    assert theirs.title != "Mine"
