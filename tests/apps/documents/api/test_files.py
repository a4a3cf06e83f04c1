"""What a document's bytes look like over HTTP, and how its newest version shows."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.documents.blobs import blobs_delete
from apps.documents.models import DocumentVersion, KnowledgeBase
from apps.documents.services.documents import document_update
from tests import factories as make
from tests.acting import ACTOR
from tests.apps.documents.api.uploading import DOCUMENTS, upload

pytestmark = pytest.mark.django_db


def bytes_of(response: Any) -> bytes:
    return b"".join(response.streaming_content)


def test_a_file_comes_back_as_it_was_uploaded_and_to_be_saved(client: Client, base: KnowledgeBase) -> None:
    made = upload(client, base, "<script>alert(1)</script> The mole is é long.").json()
    for url in (f"{DOCUMENTS}{made['document']}/file/", f"{made['version']['url']}file/"):
        response = client.get(url, headers={"accept": "text/html"})
        assert response.status_code == 200
        assert bytes_of(response) == "<script>alert(1)</script> The mole is é long.".encode()
        assert response["Content-Type"] == "application/octet-stream"
        assert response["Content-Disposition"].startswith('attachment; filename="')
        assert response["X-Content-Type-Options"] == "nosniff"
        assert int(response["Content-Length"]) == made["version"]["size"]


def test_a_documents_file_is_that_of_the_version_that_answers(client: Client, base: KnowledgeBase) -> None:
    made = upload(client, base, "Opens at seven.", external_id="hours").json()
    make.run_stages()
    again = upload(client, base, "Opens at nine.", external_id="hours").json()
    assert bytes_of(client.get(f"{DOCUMENTS}{made['document']}/file/")) == b"Opens at seven."
    assert bytes_of(client.get(f"{again['version']['url']}file/")) == b"Opens at nine."
    shown = client.get(f"{DOCUMENTS}{made['document']}/").json()
    assert (shown["status"], shown["newest_version"]["id"]) == ("uploaded", again["version"]["id"])
    assert shown["current_version"]["id"] == made["version"]["id"]


def test_a_list_says_where_each_document_stands_in_the_same_number_of_statements(
    client: Client, base: KnowledgeBase
) -> None:
    upload(client, base, "One.")
    make.run_stages()
    with CaptureQueriesContext(connection) as of_one:
        client.get(DOCUMENTS)
    upload(client, base, "Two.")
    upload(client, base, "Three.")
    with CaptureQueriesContext(connection) as of_three:
        shown = client.get(DOCUMENTS).json()["results"]
    assert sorted(document["status"] for document in shown) == ["ready", "uploaded", "uploaded"]
    assert len(of_three) == len(of_one)


def test_a_file_that_may_not_be_read_is_not_there(client: Client, base: KnowledgeBase) -> None:
    made = upload(client, base).json()
    document_update(document=DocumentVersion.objects.get().document, restricted=True, actor=ACTOR)
    for url in (f"{DOCUMENTS}{made['document']}/file/", f"{made['version']['url']}file/"):
        response = client.get(url)
        assert (response.status_code, response.json()["code"]) == (404, "not_found")


def test_bytes_that_are_gone_are_said_to_be(client: Client, base: KnowledgeBase) -> None:
    made = upload(client, base).json()
    blobs_delete([DocumentVersion.objects.get().blob])
    response = client.get(f"{DOCUMENTS}{made['document']}/file/")
    assert response.json()["code"] == "blob_missing"
