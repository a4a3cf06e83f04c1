from __future__ import annotations

from typing import Any

import pytest
from django.db.models.functions import Now
from django.test import Client

from apps.documents.models import DeletionState, Document, KnowledgeBase, KnowledgeBaseDeletion, Visibility
from ragsite.api import openapi
from ragsite.gateway.models import Permission
from tests import factories as make

pytestmark = pytest.mark.django_db
LIST = "/api/v1/knowledge-base-deletions/"


def removed(client: Client, base: KnowledgeBase) -> Any:
    response = client.delete(f"/api/v1/knowledge-bases/{base.pk}/")
    assert (response.status_code, response.content) == (204, b"")
    return response


def test_a_deletion_says_where_to_watch_it_and_then_how_far_it_has_come() -> None:
    base = make.knowledge_base()
    make.ready_version(base)
    client = make.client(base.tenant)
    where = removed(client, base)["Location"]
    begun = client.get(where).json()
    assert (begun["knowledge_base"], begun["name"], begun["state"]) == (str(base.pk), base.name, "removing")
    assert (begun["document_total"], begun["document_gone"]) == (1, 0)
    assert begun["text"] == "0 of 1 documents are removed."
    make.run_deletions()
    done = client.get(where).json()
    assert (done["state"], done["document_gone"], done["text"]) == ("done", 1, "All documents are removed.")
    assert done["ended_at"] is not None
    assert client.get(f"{LIST}?knowledge_base={base.pk}").json()["results"] == [done]
    assert client.get(f"{LIST}?state=removing").json()["results"] == []


def test_deleting_it_again_finds_nothing_as_before() -> None:
    base = make.knowledge_base()
    client = make.client(base.tenant)
    removed(client, base)
    assert client.delete(f"/api/v1/knowledge-bases/{base.pk}/").status_code == 404
    assert KnowledgeBaseDeletion.objects.count() == 1


def test_who_could_not_read_a_knowledge_base_does_not_learn_that_it_was_deleted() -> None:
    base = make.knowledge_base(visibility=Visibility.RESTRICTED)
    key, owner = make.keyed(base.tenant)
    make.grant(base, key)
    where = removed(owner, base)["Location"]
    assert owner.get(where).status_code == 200
    for other in (make.client(base.tenant), make.client(make.tenant())):
        assert other.get(where).status_code == 404
        assert other.get(LIST).json()["results"] == []
    assert Client().get(where).status_code == 401


def test_one_that_failed_is_resumed_by_a_caller_who_may_write() -> None:
    base = make.knowledge_base()
    client = make.client(base.tenant)
    where = removed(client, base)["Location"]
    assert client.post(f"{where}resume/").status_code == 409
    KnowledgeBaseDeletion.objects.update(state=DeletionState.FAILED, error="The disk is full. Make room.")
    assert (
        client.get(where).json()["text"]
        == "0 of 0 documents are removed. It stopped there: The disk is full. Make room."
    )
    assert make.client(base.tenant, Permission.READ).post(f"{where}resume/").status_code == 403
    response = client.post(f"{where}resume/")
    assert (response.status_code, response.json()["state"]) == (202, "removing")
    make.run_deletions()
    assert client.get(where).json()["state"] == "done"


def test_the_openapi_document_describes_it() -> None:
    paths = openapi()["paths"]
    assert set(paths) >= {LIST, f"{LIST}{{id}}/", f"{LIST}{{id}}/resume/"}


WRITES = (Permission.READ, Permission.WRITE)


def restricted(base: KnowledgeBase, **fields: Any) -> Document:
    document = make.upload(base, **fields).version.document
    Document.objects.filter(pk=document.pk).update(restricted=True)
    return document


def test_a_key_does_not_delete_a_knowledge_base_with_documents_it_may_not_see() -> None:
    base = make.knowledge_base()
    make.upload(base)
    hidden = restricted(base, filename="salaries.md")
    key, client = make.keyed(base.tenant, *WRITES)
    url = f"/api/v1/knowledge-bases/{base.pk}/"
    refused = client.delete(url)
    assert (refused.status_code, refused.json()["code"]) == (403, "permission_denied")
    assert "salaries" not in refused.content.decode()
    assert not KnowledgeBaseDeletion.objects.exists()
    assert KnowledgeBase.objects.get().deleted_at is None
    make.grant(hidden, key)
    assert client.delete(url).status_code == 204


def test_who_may_let_itself_see_them_deletes_it_with_them() -> None:
    base = make.knowledge_base()
    restricted(base)
    removed(make.client(base.tenant, *WRITES, Permission.GRANTS), base)


def test_what_is_restricted_and_deleted_keeps_nobody_from_deleting_the_rest() -> None:
    base = make.knowledge_base()
    Document.objects.filter(pk=restricted(base).pk).update(deleted_at=Now())
    removed(make.client(base.tenant, *WRITES), base)


def test_how_many_documents_there_were_is_told_to_who_deleted_it_and_to_who_manages_grants() -> None:
    base = make.knowledge_base()
    make.upload(base)
    restricted(base)
    owner = make.client(base.tenant)
    where = removed(owner, base)["Location"]
    assert owner.get(where).json()["document_total"] == 2
    assert make.client(base.tenant, *WRITES, Permission.GRANTS).get(where).json()["document_total"] == 2
    other = make.client(base.tenant, *WRITES)
    for told in (other.get(where).json(), other.get(LIST).json()["results"][0]):
        assert {told[name] for name in ("document_total", "document_told", "document_gone")} == {None}
        assert (told["state"], told["text"]) == ("removing", "Being removed.")


def test_who_deleted_it_is_told_how_many_without_managing_grants() -> None:
    base = make.knowledge_base()
    make.upload(base)
    client = make.client(base.tenant, *WRITES)
    assert client.get(removed(client, base)["Location"]).json()["document_total"] == 1
