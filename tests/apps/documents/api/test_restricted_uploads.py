"""Documents that nobody may read without a grant from their first moment on."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest
from django.test import Client

from apps.documents.models import Document, KnowledgeBase
from ragsite.gateway.models import Permission
from tests import factories as make
from tests.apps.documents.api.uploading import DOCUMENTS, counts, upload

pytestmark = pytest.mark.django_db

BULK, FROM_URL = f"{DOCUMENTS}bulk/", f"{DOCUMENTS}from-url/"
WRITES = (Permission.READ, Permission.WRITE, Permission.QUERY)


def upload_many(client: Client, base: KnowledgeBase, *contents: str, **fields: Any) -> list[dict[str, Any]]:
    files = [make.file(content, f"{number}.txt") for number, content in enumerate(contents)]
    results: list[dict[str, Any]] = client.post(
        BULK, {"knowledge_base": str(base.pk), "files": files, **fields}
    ).json()["results"]
    return results


def test_it_is_found_by_nobody_until_it_is_granted(base: KnowledgeBase) -> None:
    manager, (key, reader) = make.client(base.tenant), make.keyed(base.tenant, *WRITES)
    accepted = upload(manager, base, "The vault opens at nine.", restricted="true").json()
    assert Document.objects.get().restricted
    make.run_stages()
    question = json.dumps({"query": "vault", "mode": "lexical"})

    def found() -> int:
        return len(reader.post("/api/v1/search", question, content_type="application/json").json()["passages"])

    assert found() == 0
    grants = f"{DOCUMENTS}{accepted['document']}/grants/"
    assert manager.post(grants, {"api_key": str(key.pk)}, content_type="application/json").status_code == 201
    assert found() == 1


@pytest.mark.parametrize("door", [DOCUMENTS, BULK, FROM_URL])
def test_who_may_not_manage_grants_may_not_say_so(base: KnowledgeBase, settings: Any, door: str) -> None:
    settings.RAGSITE_URL_INGESTION = True
    writer = make.client(base.tenant, *WRITES)
    body = {"knowledge_base": str(base.pk), "restricted": "true"}
    if door == FROM_URL:
        sent = {**body, "url": "http://example.org/", "restricted": True}
        response: Any = writer.post(door, sent, content_type="application/json")
    else:
        response = writer.post(door, {**body, ("file" if door == DOCUMENTS else "files"): make.file("Text.", "a.txt")})
    assert (response.status_code, response.json()["code"]) == (403, "permission_denied")
    assert counts() == (0, 0, 0, 0)


@pytest.mark.parametrize("fields", [{}, {"external_id": "vault"}])
def test_what_many_may_read_already_is_refused_and_nothing_is_kept(base: KnowledgeBase, fields: dict[str, str]) -> None:
    manager = make.client(base.tenant)
    upload(manager, base, "The vault opens at nine.", external_id="vault")
    before = counts()
    content = "The vault opens at ten." if fields else "The vault opens at nine."
    refused = upload(manager, base, content, restricted="true", **fields)
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
    assert "not restricted" in refused.json()["detail"]
    assert counts() == before


def test_many_files_are_restricted_or_refused_one_by_one(base: KnowledgeBase) -> None:
    manager = make.client(base.tenant)
    upload(manager, base, "Open to all.")
    results = upload_many(manager, base, "Open to all.", "For a few.", restricted="true")
    assert [result["outcome"] for result in results] == [None, "created"]
    assert results[0]["error"]["code"] == "conflict"
    assert set(Document.objects.values_list("restricted", flat=True)) == {False, True}
    assert Document.objects.get(restricted=True).pk == UUID(results[1]["document"])


def test_a_restricted_document_that_the_caller_may_read_gets_its_new_version(base: KnowledgeBase) -> None:
    key, manager = make.keyed(base.tenant)
    document = upload(manager, base, "Nine.", external_id="vault", restricted="true").json()["document"]
    manager.post(f"{DOCUMENTS}{document}/grants/", {"api_key": str(key.pk)}, content_type="application/json")
    again = upload(manager, base, "Ten.", external_id="vault", restricted="true")
    assert (again.status_code, again.json()["outcome"]) == (202, "new_version")
    assert Document.objects.get().restricted
