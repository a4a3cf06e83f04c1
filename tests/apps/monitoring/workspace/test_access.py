"""The Access tab says who reads a knowledge base and why, and changes it."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.documents.models import Document, Grant, KnowledgeBase, Visibility
from ragsite.core.models import OutboxEvent
from ragsite.gateway.models import Role
from tests import factories as make

pytestmark = pytest.mark.django_db


@pytest.fixture
def base() -> KnowledgeBase:
    return make.ready_version().document.knowledge_base


@pytest.fixture
def owner(base: KnowledgeBase) -> User:
    return make.member(base.tenant, Role.OWNER, name="olga")


@pytest.fixture
def client(owner: User) -> Client:
    made = Client()
    made.force_login(owner)
    return made


def tab(base: KnowledgeBase, **query: Any) -> str:
    return f"/admin/knowledge-bases/{base.pk}/access/" + (
        "?" + "&".join(f"{k}={v}" for k, v in query.items()) if query else ""
    )


def text(response: Any) -> str:
    return " ".join(response.content.decode().split())


def test_it_says_whether_everybody_reads_and_what_a_change_does_to_how_many(
    client: Client, base: KnowledgeBase
) -> None:
    make.grant(base, make.member(base.tenant, name="anna"))
    make.member(base.tenant)
    page = text(client.get(tab(base)))
    assert f"Everybody of {base.tenant}" in page
    assert (
        f"Today 3 people and 0 API keys of {base.tenant} can read it. Then only those with a grant can: 1 person and 0 API keys."
        in page
    )
    client.post(tab(base), {"do": "visibility", "visibility": "restricted"})
    base.refresh_from_db()
    assert base.visibility == Visibility.RESTRICTED
    page = text(client.get(tab(base)))
    assert f"1 person and 0 API keys, of 3 people and 0 API keys of {base.tenant}" in page
    assert f"Then 3 people and 0 API keys of {base.tenant} can read it." in page


@pytest.mark.parametrize("kind", ["user", "group", "api_key"])
def test_somebody_is_found_let_in_and_taken_out_again(client: Client, base: KnowledgeBase, kind: str) -> None:
    _, subject = make.asking(base.tenant, kind)
    name = getattr(subject, "name", "") or str(subject)
    found = text(client.get(tab(base, part="found", q=name[:100])))
    assert "Let in" in found
    assert "<html" not in found
    client.post(tab(base), {"do": "grant", "kind": kind, "id": str(subject.pk)})
    grant = Grant.objects.get()
    assert (getattr(grant, kind), grant.granted_by) == (subject, "olga, admin")
    assert "Has a grant" in text(client.get(tab(base, part="found", q=name[:100])))
    assert name in text(client.get(tab(base)))
    client.post(tab(base), {"do": "revoke", "grant": str(grant.pk)})
    assert not Grant.objects.exists()
    assert OutboxEvent.objects.get(type="grant.deleted").actor["name"] == "olga"


def test_nobody_of_another_tenant_is_found_or_let_in(client: Client, base: KnowledgeBase) -> None:
    strangers = {kind: make.asking(make.tenant(), kind)[1] for kind in ("user", "group", "api_key")}
    for kind, stranger in strangers.items():
        name = getattr(stranger, "name", "") or str(stranger)
        assert "Let in" not in text(client.get(tab(base, part="found", q=name)))
        client.post(tab(base), {"do": "grant", "kind": kind, "id": str(stranger.pk)})
    for nonsense in ({"kind": "user", "id": "x"}, {"kind": "api_key", "id": "x"}, {"kind": "tenant", "id": "1"}):
        assert client.post(tab(base), {"do": "grant", **nonsense}).status_code == 302
    assert not Grant.objects.exists()


def test_a_grant_of_another_knowledge_base_is_not_taken_back_here(client: Client, base: KnowledgeBase) -> None:
    other = make.knowledge_base()
    grant = make.grant(other, make.member(other.tenant))
    for sent in (str(grant.pk), "nonsense", ""):
        client.post(tab(base), {"do": "revoke", "grant": sent})
    assert Grant.objects.get() == grant


def test_restricted_documents_are_named_to_who_may_read_them_only(
    client: Client, base: KnowledgeBase, owner: User
) -> None:
    Document.objects.update(restricted=True, title="Salaries")
    document = Document.objects.get()
    page = text(client.get(tab(base)))
    assert "A document that you may not read" in page
    assert "Salaries" not in page + text(client.get(tab(base, document=document.pk)))
    client.post(tab(base), {"do": "grant", "kind": "user", "id": owner.pk, "document": str(document.pk)})
    assert Grant.objects.get().document == document
    assert "Salaries" in text(client.get(tab(base)))


def test_it_answers_whether_a_person_reads_and_why(client: Client, base: KnowledgeBase) -> None:
    anna = make.member(base.tenant, name="anna")
    group = Group.objects.create(name="Pilots")
    anna.groups.add(group)
    assert "anna" in text(client.get(tab(base, part="checked", who="ann")))
    asked = tab(base, part="checked", person=anna.pk)
    assert f"Yes. anna can read it</p> <p>Because everybody of {base.tenant} may." in text(client.get(asked))
    KnowledgeBase.objects.update(visibility="restricted")
    assert "No. anna can read nothing here" in text(client.get(asked))
    Document.objects.update(restricted=True)
    make.grant(Document.objects.get(), anna)
    assert "Only single documents. anna cannot read the rest" in text(client.get(asked))
    assert "A document that you may not read <span" in text(client.get(asked))
    make.grant(base, group)
    assert "Because of a grant to group Pilots" in text(client.get(asked))
    stranger = make.member(make.tenant(), name="stranger")
    assert "no member any more" in text(client.get(tab(base, part="checked", person=stranger.pk)))


def test_who_may_only_look_changes_nothing(base: KnowledgeBase) -> None:
    grant = make.grant(base, make.member(base.tenant))
    editor = Client()
    editor.force_login(make.member(base.tenant, Role.EDITOR))
    for form in ({"do": "revoke", "grant": str(grant.pk)}, {"do": "visibility", "visibility": "restricted"}):
        assert editor.post(tab(base), form).status_code == 403
    base.refresh_from_db()
    assert (base.visibility, Grant.objects.count()) == (Visibility.TENANT, 1)


def test_its_queries_do_not_grow_with_what_it_shows(client: Client, base: KnowledgeBase) -> None:
    def asked() -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            page = client.get(tab(base, q="user", person=User.objects.get(username="olga").pk))
            assert page.status_code == 200
        return len(captured)

    def filled() -> None:
        document = make.upload(base, content=f"Another text {Document.objects.count()}").version.document
        Document.objects.filter(pk=document.pk).update(restricted=True)
        make.grant(document, make.member(base.tenant))
        make.grant(document, User.objects.get(username="olga"))
        make.grant(base, make.member(base.tenant))

    filled()
    before = asked()
    for _ in range(3):
        filled()
    assert asked() == before
