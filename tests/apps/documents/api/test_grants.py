"""Rights over HTTP: grants are given and taken back, and every route obeys them."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import Group
from django.test import Client

from apps.documents.models import Document, DocumentVersion, Grant, KnowledgeBase
from ragsite.core.models import OutboxEvent
from ragsite.gateway.models import ApiKey, Permission
from tests import factories as make

pytestmark = pytest.mark.django_db

BASES, DOCUMENTS, VERSIONS = "/api/v1/knowledge-bases/", "/api/v1/documents/", "/api/v1/versions/"
READS = (Permission.READ, Permission.WRITE, Permission.QUERY)
SENTENCE = "The harbour has 42 berths for guests."


@pytest.fixture
def version() -> DocumentVersion:
    return make.ready_version()


@pytest.fixture
def document(version: DocumentVersion) -> Document:
    return version.document


@pytest.fixture
def base(document: Document) -> KnowledgeBase:
    return document.knowledge_base


@pytest.fixture
def owner(base: KnowledgeBase) -> Client:
    return make.client(base.tenant)


@pytest.fixture
def reader(base: KnowledgeBase) -> tuple[ApiKey, Client]:
    return make.keyed(base.tenant, *READS)


def send(client: Client, method: str, url: str, **body: Any) -> Any:
    return getattr(client, method)(url, body, content_type="application/json")


def restrict(owner: Client, base: KnowledgeBase | None = None, document: Document | None = None) -> None:
    if base:
        assert send(owner, "patch", f"{BASES}{base.pk}/", visibility="restricted").status_code == 200
    if document:
        assert send(owner, "patch", f"{DOCUMENTS}{document.pk}/", restricted=True).status_code == 200


def grants_of(resource: KnowledgeBase | Document) -> str:
    return f"{BASES if isinstance(resource, KnowledgeBase) else DOCUMENTS}{resource.pk}/grants/"


def seen(client: Client, version: DocumentVersion) -> set[int]:
    """The status of each way to read the document's content."""
    document, other = version.document_id, version.pk
    urls = [f"{DOCUMENTS}{document}/", f"{DOCUMENTS}{document}/versions/", f"{VERSIONS}{other}/",
            f"{VERSIONS}{other}/chunks/", f"{VERSIONS}{other}/diff/?against={other}"]  # fmt: skip
    listed = client.get(DOCUMENTS).json()["count"]
    passages = send(client, "post", "/api/v1/search", query=SENTENCE).json()["passages"]
    assert bool(passages) == bool(listed)
    return {client.get(url).status_code for url in urls} | {200 if listed else 404}


@pytest.mark.parametrize("on", ["knowledge base", "document"])
def test_who_has_no_grant_sees_nothing_by_any_route_and_who_has_one_sees_all(
    owner: Client, reader: tuple[ApiKey, Client], base: KnowledgeBase, version: DocumentVersion, on: str
) -> None:
    key, client = reader
    assert seen(client, version) == {200}
    resource = base if on == "knowledge base" else version.document
    restrict(owner, base if on == "knowledge base" else None, version.document if on == "document" else None)
    assert seen(client, version) == {404}
    made = send(owner, "post", grants_of(resource), api_key=str(key.pk))
    assert made.status_code == 201, made.content
    assert seen(client, version) == {200}
    assert owner.delete(f"{grants_of(resource)}{made.json()['id']}/").status_code == 204
    assert seen(client, version) == {404}


def test_a_grant_on_a_knowledge_base_does_not_reach_a_restricted_document_in_it(
    owner: Client, reader: tuple[ApiKey, Client], base: KnowledgeBase, version: DocumentVersion
) -> None:
    restrict(owner, document=version.document)
    restrict(owner, base)
    make.grant(base, reader[0])
    assert reader[1].get(f"{BASES}{base.pk}/").status_code == 200
    assert seen(reader[1], version) == {404}


def test_a_document_granted_in_a_restricted_knowledge_base_is_seen_and_the_knowledge_base_is_not(
    owner: Client, reader: tuple[ApiKey, Client], base: KnowledgeBase, version: DocumentVersion
) -> None:
    make.ready_version(base)
    restrict(owner, base)
    make.grant(version.document, reader[0])
    assert seen(reader[1], version) == {200}
    assert reader[1].get(DOCUMENTS).json()["count"] == 1
    assert reader[1].get(f"{BASES}{base.pk}/").status_code == 404
    named = send(reader[1], "post", "/api/v1/search", query=SENTENCE, knowledge_bases=[str(base.pk)])
    assert {passage["document"] for passage in named.json()["passages"]} == {str(version.document_id)}
    upload = reader[1].post(DOCUMENTS, {"knowledge_base": str(base.pk), "file": make.file("Mine?")})
    assert upload.status_code == 404


def test_grants_are_listed_with_who_gave_them(owner: Client, base: KnowledgeBase, document: Document) -> None:
    user, group = make.member(base.tenant, name="anna"), Group.objects.create(name="Masters")
    user.groups.add(group)
    for resource in (base, document):
        bodies = [{"user": "anna"}, {"group": "Masters"}]
        assert [send(owner, "post", grants_of(resource), **body).status_code for body in bodies] == [201, 201]
        told = owner.get(grants_of(resource)).json()
        assert told["count"] == 2
        assert [(one["user"], one["group"], one["granted_by"]) for one in told["results"]] == [
            (None, "Masters", "key test, API"), ("anna", None, "key test, API"),
        ]  # fmt: skip


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 422),
        ({"user": "anna", "group": "Masters"}, 422),
        ({"api_key": "nonsense"}, 422),
        ({"user": "nobody"}, 404),
        ({"group": "nobody"}, 404),
        ({"api_key": str(uuid4())}, 404),
        ({"user": "stranger"}, 404),
        ({"group": "Strangers"}, 404),
    ],
)
def test_a_grant_to_nobody_of_the_tenant_is_refused(
    owner: Client, base: KnowledgeBase, body: dict[str, Any], status: int
) -> None:
    make.member(make.tenant(), name="stranger").groups.add(Group.objects.create(name="Strangers"))
    response = send(owner, "post", grants_of(base), **body)
    assert response.status_code == status, response.content
    assert not Grant.objects.exists()


def test_the_same_grant_twice_is_a_conflict(owner: Client, reader: tuple[ApiKey, Client], base: KnowledgeBase) -> None:
    answers = [send(owner, "post", grants_of(base), api_key=str(reader[0].pk)).status_code for _ in range(2)]
    assert answers == [201, 409]


def test_without_the_permission_nobody_says_who_may_read(
    reader: tuple[ApiKey, Client], base: KnowledgeBase, document: Document
) -> None:
    key, client = reader
    calls = [("get", grants_of(base)), ("post", grants_of(document)), ("delete", f"{grants_of(base)}{uuid4()}/")]
    assert {send(client, method, url, api_key=str(key.pk)).status_code for method, url in calls} == {403}
    assert send(client, "patch", f"{BASES}{base.pk}/", visibility="restricted").status_code == 403
    assert send(client, "patch", f"{DOCUMENTS}{document.pk}/", restricted=True).status_code == 403
    assert send(client, "post", BASES, name="Secret", visibility="restricted").status_code == 403
    assert not Grant.objects.exists()
    assert not KnowledgeBase.objects.exclude(visibility="tenant").exists()
    assert not OutboxEvent.objects.filter(type__in=["grant.created", "knowledge_base.updated"]).exists()


def test_who_manages_grants_need_not_read_and_is_never_locked_out(owner: Client, base: KnowledgeBase) -> None:
    key, manager = make.keyed(base.tenant)
    restrict(manager, base)
    assert manager.get(f"{BASES}{base.pk}/").status_code == 404
    assert send(manager, "post", grants_of(base), api_key=str(key.pk)).status_code == 201
    assert send(manager, "patch", f"{BASES}{base.pk}/", visibility="tenant").status_code == 200


def test_a_grant_of_one_thing_is_not_taken_back_through_another(
    owner: Client, reader: tuple[ApiKey, Client], base: KnowledgeBase, document: Document
) -> None:
    grant = make.grant(base, reader[0])
    assert owner.delete(f"{grants_of(document)}{grant.pk}/").status_code == 404
    assert Grant.objects.exists()


def test_an_answer_is_withheld_as_long_as_what_it_quotes_may_not_be_read(
    owner: Client, reader: tuple[ApiKey, Client], document: Document
) -> None:
    answer = send(reader[1], "post", "/api/v1/ask", question=SENTENCE).json()
    assert answer["citations"]
    again = f"/api/v1/answers/{answer['id']}"
    assert reader[1].get(again).status_code == 200
    restrict(owner, document=document)
    assert reader[1].get(again).status_code == 404
    make.grant(document, reader[0])
    assert reader[1].get(again).json() == answer


@pytest.mark.parametrize("how", ["same bytes", "external id"])
def test_an_upload_neither_reveals_a_hidden_document_nor_overwrites_it(
    owner: Client, reader: tuple[ApiKey, Client], base: KnowledgeBase, how: str
) -> None:
    hidden = make.upload(base, "Secret plans", filename="plans.txt", external_id="plans", title="Secret").version
    restrict(owner, document=hidden.document)
    same = {"file": make.file("Secret plans", "other.txt")}
    other = {"file": make.file("Mine now", "other.txt"), "external_id": "plans"}
    response = reader[1].post(DOCUMENTS, {"knowledge_base": str(base.pk)} | (same if how == "same bytes" else other))
    assert response.status_code == 409, response.content
    assert not {"Secret", str(hidden.document_id), "plans.txt"} & set(response.content.decode().split())
    assert b"Secret" not in response.content
    assert hidden.document.versions.count() == 1


def test_many_files_reveal_no_more_of_a_hidden_document_than_one(
    owner: Client, reader: tuple[ApiKey, Client], base: KnowledgeBase
) -> None:
    hidden = make.upload(base, "Secret plans", filename="plans.txt", title="Secret").version
    restrict(owner, document=hidden.document)
    files = [make.file("Secret plans", "other.txt"), make.file("Something else", "else.txt")]
    response = reader[1].post(f"{DOCUMENTS}bulk/", {"knowledge_base": str(base.pk), "files": files})
    same, other = response.json()["results"]
    assert (same["outcome"], same["error"]["status"], other["outcome"]) == (None, 409, "created"), response.content
    assert not [told for told in (str(hidden.document_id), "plans.txt", "Secret plans") if told in str(response.json())]
    make.grant(hidden.document, reader[0])
    body = {"knowledge_base": str(base.pk), "files": [make.file("Secret plans", "other.txt")]}
    (allowed,) = reader[1].post(f"{DOCUMENTS}bulk/", body).json()["results"]
    assert (allowed["outcome"], allowed["version"]["id"]) == ("unchanged", str(hidden.pk))


def test_what_was_answered_under_an_idempotency_key_is_not_repeated_to_another_key(base: KnowledgeBase) -> None:
    headers = {"Idempotency-Key": "1"}
    first, second = (make.client(base.tenant).post(BASES, {"name": "Once"}, "application/json", headers=headers)
                     for _ in range(2))  # fmt: skip
    assert (first.status_code, second.status_code) == (201, 422)
    assert second.json()["code"] == "idempotency_mismatch"
