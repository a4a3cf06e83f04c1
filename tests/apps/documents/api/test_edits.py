"""Edits of a document's text, over HTTP."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from apps.documents.models import DocumentVersion, KnowledgeBase
from ragsite.gateway.models import Permission
from tests import factories as make

pytestmark = pytest.mark.django_db


def sent(client: Client, of: DocumentVersion, path: str = "edits/", **body: Any) -> Any:
    body = {"version": str(of.pk), **body}
    return client.post(f"/api/v1/documents/{of.document_id}/{path}", body, content_type="application/json")


def test_a_passage_is_edited_listed_and_taken_back(client: Client, base: KnowledgeBase) -> None:
    version = make.ready_version(base, "A berth costs 31 euros.", filename="note.txt")
    answer = sent(client, version, edits=[{"start": 14, "end": 16, "text": "35"}])
    assert (answer.status_code, answer.json()["origin"], answer.json()["number"]) == (202, "edit", 2)
    assert sent(client, version, edits=[{"start": 0, "end": 1, "text": ""}]).json()["code"] == "conflict"
    make.run_stages()
    (edit,) = client.get(f"/api/v1/documents/{version.document_id}/edits/").json()["results"]
    assert (edit["kind"], edit["old_text"], edit["text"], edit["made_by"]) == ("changed", "31", "35", "key test, API")
    second = DocumentVersion.objects.get(number=2)
    chunks = client.get(f"/api/v1/versions/{second.pk}/chunks/").json()["results"]
    assert chunks[0]["text"] == "A berth costs 35 euros."
    assert sent(client, second, "edits/undo/", edits=[edit["id"]]).status_code == 202
    make.run_stages()
    assert DocumentVersion.objects.get(number=3).parsed.text == version.parsed.text


def test_an_edit_needs_the_right_to_write_and_the_version_that_answers(client: Client, base: KnowledgeBase) -> None:
    version = make.ready_version(base, "A berth costs 31 euros.", filename="note.txt")
    edit = {"start": 14, "end": 16, "text": "35"}
    assert sent(make.client(base.tenant, Permission.READ), version, edits=[edit]).status_code == 403
    assert sent(make.client(make.tenant()), version, edits=[edit]).status_code == 404
    assert sent(client, version, version_of="x", edits=[edit]).status_code == 422
    assert sent(client, version, edits=[]).status_code == 422
    assert sent(client, version, version=str(uuid4()), edits=[edit]).status_code == 404
    assert sent(client, version, edits=[{**edit, "end": 900}]).json()["code"] == "invalid_input"
    assert DocumentVersion.objects.count() == 1
