"""Knowledge bases, documents and versions over HTTP."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from apps.documents.chunking.settings import EDITION
from apps.documents.models import DocumentVersion, KnowledgeBase, VersionStatus
from ragsite.core.models import OutboxEvent
from tests import factories as make
from tests.apps.documents.api.uploading import BASES, DOCUMENTS, upload

pytestmark = pytest.mark.django_db


def test_a_deleted_document_is_gone_from_every_answer_at_once(client: Client, base: KnowledgeBase) -> None:
    made = upload(client, base, "The lighthouse is painted red.").json()
    make.run_stages()
    url = f"{DOCUMENTS}{made['document']}/"
    assert client.delete(url).status_code == 204
    assert client.delete(url).status_code == client.get(url).status_code == 404
    assert client.get(made["version"]["url"]).status_code == 404
    assert client.get(f"{made['version']['url']}chunks/").status_code == 404
    assert client.get(DOCUMENTS).json()["count"] == 0
    found = client.post("/api/v1/search", {"query": "lighthouse red"}, content_type="application/json")
    assert found.json()["passages"] == []
    assert OutboxEvent.objects.filter(type="document.deleted").count() == 1


def test_a_deleted_documents_bytes_can_be_uploaded_again(client: Client, base: KnowledgeBase) -> None:
    first = upload(client, base, external_id="a").json()
    client.delete(f"{DOCUMENTS}{first['document']}/")
    again = upload(client, base, external_id="a")
    assert (again.status_code, again.json()["outcome"]) == (202, "created")
    assert again.json()["document"] != first["document"]


def test_only_a_failed_version_can_be_retried(client: Client, base: KnowledgeBase) -> None:
    version = upload(client, base).json()["version"]
    refused = client.post(f"{version['url']}retry/")
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
    assert "is uploaded; only one that stopped can be retried" in refused.json()["detail"]
    make.run_stages()
    assert client.post(f"{version['url']}retry/").status_code == 409
    assert client.get(version["url"]).json()["status"] == "ready"


def test_a_failed_version_of_a_deleted_document_cannot_be_retried(client: Client, base: KnowledgeBase) -> None:
    made = upload(client, base, make.BROKEN_PDF, "broken.pdf").json()
    make.run_stages()
    client.delete(f"{DOCUMENTS}{made['document']}/")
    assert client.post(f"{made['version']['url']}retry/").status_code == 404
    assert DocumentVersion.objects.get().status == VersionStatus.FAILED


def test_a_failed_version_says_why_and_is_taken_up_again(client: Client, base: KnowledgeBase) -> None:
    version = upload(client, base, make.BROKEN_PDF, "broken.pdf").json()["version"]
    make.run_stages()
    failed = client.get(version["url"]).json()
    assert (failed["status"], failed["error_code"], failed["chunk_count"]) == ("failed", "damaged_file", 0)
    assert "Open the file in the program that made it" in failed["error"]
    retried = client.post(f"{version['url']}retry/")
    assert (retried.status_code, retried.json()["status"], retried.json()["error"]) == (202, "uploaded", "")
    make.run_stages()
    assert client.get(version["url"]).json()["status"] == "failed"
    assert DocumentVersion.objects.get().status == VersionStatus.FAILED


def test_chunks_are_the_spans_that_they_say(client: Client, base: KnowledgeBase) -> None:
    made = upload(client, base, make.HANDBOOK * 20, "handbook.md").json()
    make.run_stages()
    text = DocumentVersion.objects.get().parsed.text
    page = client.get(f"{made['version']['url']}chunks/", {"limit": 200}).json()
    assert page["count"] == len(page["results"]) > 5
    assert [chunk["ordinal"] for chunk in page["results"]] == list(range(page["count"]))
    assert all(text[chunk["start"] : chunk["end"]] == chunk["text"] for chunk in page["results"])
    assert all(chunk["heading_path"][0] == "Harbour handbook" for chunk in page["results"])


def test_lists_come_in_pages_that_leave_nothing_out(client: Client, base: KnowledgeBase) -> None:
    made = {upload(client, base, f"Text number {number}.").json()["document"] for number in range(5)}
    seen, url = [], f"{DOCUMENTS}?limit=2"
    while url:
        page = client.get(url).json()
        assert page["count"] == 5
        assert len(page["results"]) <= 2
        seen += [row["id"] for row in page["results"]]
        url = page["next"]
    assert len(seen) == 5
    assert set(seen) == made


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ({"limit": "999999999"}, 3),
        ({"offset": "999999999"}, 0),
        ({"limit": "2", "offset": "2"}, 1),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_page_beyond_the_list_is_what_there_is_of_it(
    client: Client, base: KnowledgeBase, query: dict[str, str], shown: int
) -> None:
    for number in range(3):
        upload(client, base, f"Text number {number}.")
    response = client.get(DOCUMENTS, query)
    assert response.status_code == 200
    assert len(response.json()["results"]) == shown


@pytest.mark.parametrize("name", ["limit", "offset"])
@pytest.mark.parametrize("value", ["-1", "many", "9" * 30, "9" * 400, "²"], ids=lambda value: value[:10])
def test_a_page_that_cannot_be_is_refused(client: Client, base: KnowledgeBase, name: str, value: str) -> None:
    response = client.get(DOCUMENTS, {name: value})
    assert (response.status_code, response.json()["errors"][0]["field"]) == (422, name)


def test_a_page_has_a_largest_size(client: Client) -> None:
    response = client.get(BASES, {"limit": "1000000"})
    assert response.status_code == 200
    many = [KnowledgeBase(tenant=KnowledgeBase.objects.get().tenant, name=f"Base {number}") for number in range(250)]
    KnowledgeBase.objects.bulk_create(many)
    assert len(client.get(BASES, {"limit": "1000000"}).json()["results"]) == 200


def test_documents_are_filtered_by_knowledge_base_and_external_id(client: Client, base: KnowledgeBase) -> None:
    other = make.knowledge_base(of=base.tenant)
    first = upload(client, base, external_id="a").json()["document"]
    second = upload(client, other, external_id="a").json()["document"]
    third = upload(client, other, "Other text.", external_id="b").json()["document"]

    def ids(**query: str) -> set[str]:
        return {row["id"] for row in client.get(DOCUMENTS, query).json()["results"]}

    assert ids(external_id="a") == {first, second}
    assert ids(knowledge_base=str(other.pk)) == {second, third}
    assert ids(knowledge_base=str(other.pk), external_id="b") == {third}
    assert ids(external_id="none") == set()


def test_versions_that_failed_are_listed_with_the_reason_and_retried(client: Client, base: KnowledgeBase) -> None:
    failed = make.upload(base, make.BROKEN_PDF, filename="broken.pdf").version
    ready = make.ready_version(base)
    make.upload(make.knowledge_base(), make.BROKEN_PDF, filename="theirs.pdf")
    make.run_stages()
    elsewhere = make.ready_version(make.knowledge_base(of=base.tenant))

    def ids(**query: Any) -> list[str]:
        return [row["id"] for row in client.get("/api/v1/versions/", query).json()["results"]]

    (row,) = client.get("/api/v1/versions/", {"status": "failed"}).json()["results"]
    assert (row["id"], row["error_code"]) == (str(failed.pk), "damaged_file")
    assert row["error"]
    assert client.post(f"{row['url']}retry/").status_code == 202
    assert ids(status="failed") == []
    assert ids(status=["ready", "uploaded"]) == [str(elsewhere.pk), str(ready.pk), str(failed.pk)]
    assert ids(knowledge_base=str(base.pk), status="ready") == [str(ready.pk)]
    assert ids(document=str(failed.document_id)) == [str(failed.pk)]
    wrong = client.get("/api/v1/versions/", {"status": "dead"})
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "status")


def test_a_knowledge_base_is_made_changed_and_deleted(client: Client) -> None:
    body = {"name": "Handbooks", "chunking": {"size": 64, "overlap": 8}}
    made = client.post(BASES, body, content_type="application/json")
    assert made.status_code == 201
    assert made.json()["chunking"] == {"strategy": "sentence", "size": 64, "overlap": 8, "context": "headings"}
    url = f"{BASES}{made.json()['id']}/"
    changed = client.patch(url, {"description": "All of them"}, content_type="application/json").json()
    assert (changed["name"], changed["description"]) == ("Handbooks", "All of them")
    assert client.get(url).json() == changed
    assert client.delete(url).status_code == 204
    assert client.get(url).status_code == client.delete(url).status_code == 404


def test_a_name_is_taken_once_in_a_tenant(client: Client, base: KnowledgeBase) -> None:
    taken = client.post(BASES, {"name": base.name}, content_type="application/json")
    assert (taken.status_code, taken.json()["code"]) == (409, "conflict")
    assert repr(base.name) in taken.json()["detail"]
    made = client.post(BASES, {"name": "Free"}, content_type="application/json").json()
    renamed = client.patch(f"{BASES}{made['id']}/", {"name": base.name}, content_type="application/json")
    assert renamed.status_code == 409
    assert client.get(f"{BASES}{made['id']}/").json()["name"] == "Free"
    elsewhere = make.client(make.tenant()).post(BASES, {"name": base.name}, content_type="application/json")
    assert elsewhere.status_code == 201


def test_chunking_is_settled_when_a_knowledge_base_is_made(client: Client, base: KnowledgeBase) -> None:
    url = f"{BASES}{base.pk}/"
    client.patch(url, {"chunking": {"size": 16, "overlap": 0}}, content_type="application/json")
    base.refresh_from_db()
    assert base.chunking == {"context": "headings", "edition": EDITION}
    assert client.get(url).json()["chunking"] == {"context": "headings"}
