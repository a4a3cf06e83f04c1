"""A grant's role in one knowledge base, operators, and who can see what and why."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.contrib.auth.models import Permission as UserPermission
from django.test import Client
from django.urls import reverse

from apps.documents.models import Grant, KnowledgeBase, Visibility
from apps.documents.rights.access import documents_visible, knowledge_base_visible, told_of_all
from apps.documents.rights.grants import GrantRequest, grant_create
from apps.documents.rights.readers import readers_explained, readers_of_resource
from apps.documents.services.documents import document_update
from ragsite.core.admin.base import row_url
from ragsite.core.errors import NotFoundError, PermanentError
from ragsite.gateway.errors import PermissionDeniedError
from ragsite.gateway.members import permitted, principal_of_user
from ragsite.gateway.models import Permission, Role
from tests import factories as make
from tests.acting import ACTOR

pytestmark = pytest.mark.django_db


def granted(resource: Any, subject: Any, role: Role) -> Grant:
    return grant_create(GrantRequest(resource, subject, role), actor=ACTOR)


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def tab(base: KnowledgeBase, slug: str) -> str:
    return reverse("workspace-tab", args=[base.pk, slug])


@pytest.mark.parametrize("through", ["user", "group"])
def test_an_editor_of_one_knowledge_base_edits_there_and_nowhere_else(through: str) -> None:
    version = make.ready_version()
    document, base = version.document, version.document.knowledge_base
    other = make.knowledge_base(of=base.tenant)
    user = make.member(base.tenant)
    group = Group.objects.create(name="Masters")
    user.groups.add(group)
    granted(base, user if through == "user" else group, Role.EDITOR)
    client = signed_in(user)
    assert [client.get(tab(one, "settings")).status_code for one in (base, other)] == [200, 403]
    assert client.get(tab(base, "access")).status_code == 403
    assert client.post(row_url(document).replace("/change/", "/new_version/")).status_code != 403
    assert client.get(reverse("admin:documents_document_changelist")).status_code == 200
    writing = permitted(principal_of_user(user, tenant_id=base.tenant_id), Permission.WRITE)
    assert writing.knowledge_base_ids == {base.pk}
    assert list(documents_visible(writing)) == [document]
    assert knowledge_base_visible(writing, base.pk) == base
    with pytest.raises(NotFoundError):
        knowledge_base_visible(writing, other.pk)
    with pytest.raises(PermissionDeniedError, match="grants:manage"):
        permitted(writing, Permission.GRANTS)


def test_an_owner_of_one_knowledge_base_says_who_reads_it_and_counts_as_told_of_all() -> None:
    version = make.ready_version()
    base = version.document.knowledge_base
    user = make.member(base.tenant)
    granted(base, user, Role.OWNER)
    document_update(document=version.document, restricted=True, actor=ACTOR)
    mine = principal_of_user(user, tenant_id=base.tenant_id)
    assert told_of_all(mine, base)
    assert not told_of_all(principal_of_user(make.member(base.tenant), tenant_id=base.tenant_id), base)
    assert permitted(mine, Permission.GRANTS).knowledge_base_ids == {base.pk}
    friend = make.member(base.tenant)
    sent = {"do": "grant", "kind": "user", "id": friend.pk, "role": "editor"}
    assert signed_in(user).post(tab(base, "access"), sent).status_code == 302
    assert Grant.objects.get(user=friend).role == Role.EDITOR
    assert signed_in(user).get(reverse("admin:gateway_membership_changelist")).status_code == 403


def test_a_role_in_a_knowledge_base_counts_only_for_members_of_its_tenant() -> None:
    base = make.knowledge_base()
    user = make.member(base.tenant)
    granted(base, user, Role.OWNER)
    user.memberships.all().delete()
    make_elsewhere = make.tenant()
    user.memberships.create(tenant=make_elsewhere, role=Role.READER)
    assert signed_in(user).get(tab(base, "documents")).status_code == 404
    with pytest.raises(NotFoundError):
        elsewhere = permitted(principal_of_user(user, tenant_id=make_elsewhere.pk), Permission.WRITE)
        knowledge_base_visible(elsewhere, base.pk)


def test_documents_are_read_or_not_and_keys_may_what_their_permissions_say() -> None:
    document = make.upload(make.knowledge_base()).version.document
    key, _ = make.keyed(document.tenant)
    for resource, subject in ((document, make.member(document.tenant)), (document.knowledge_base, key)):
        with pytest.raises(PermanentError, match=r"lets it be read|permissions say"):
            granted(resource, subject, Role.EDITOR)
    with pytest.raises(PermanentError, match="no role 'operator'"):
        granted(document.knowledge_base, key, Role.OPERATOR)
    body = {"user": make.member(document.tenant).username, "role": "owner"}
    url = f"/api/v1/knowledge-bases/{document.knowledge_base_id}/grants/"
    made = make.client(document.tenant).post(url, body, content_type="application/json")
    assert (made.status_code, made.json()["role"]) == (201, "owner")
    assert Grant.objects.get().role == Role.OWNER


def test_an_operator_looks_after_the_work_and_reads_nothing_without_a_grant() -> None:
    version = make.ready_version()
    base = version.document.knowledge_base
    restricted = make.knowledge_base(of=base.tenant, visibility=Visibility.RESTRICTED)
    user = make.member(base.tenant, Role.OPERATOR)
    client = signed_in(user)
    page = client.get(row_url(version)).content.decode()
    assert version.filename in page
    assert "42 berths" not in page
    index = client.get(tab(base, "index")).content.decode()
    assert 'id="start"' in index
    assert 'id="cut"' not in index
    assert client.get(tab(base, "index") + "?part=cut&q=").status_code == 403
    assert client.get(tab(restricted, "index")).status_code == 200
    events = client.get(reverse("events")).content.decode()
    assert "document.created" in events
    assert version.document.title not in events
    assert client.get(reverse("workers")).status_code == client.get(reverse("usage")).status_code == 200
    mine = principal_of_user(user, tenant_id=base.tenant_id)
    with pytest.raises(PermissionDeniedError):
        permitted(mine, Permission.READ)
    granted(base, user, Role.READER)
    assert permitted(mine, Permission.READ).knowledge_base_ids == {base.pk}
    assert signed_in(user).get(tab(base, "documents")).status_code == 200


def who(resource: Any) -> dict[str, list[str]]:
    read = readers_explained(resource, readers_of_resource(resource))
    return {one.name: [reason.code for reason in one.reasons] for one in read}


def test_who_can_see_it_and_why() -> None:
    base = make.knowledge_base()
    document = make.upload(base).version.document
    tenant = base.tenant
    (
        make.member(tenant, name="anna"),
        make.member(tenant, Role.OPERATOR, name="otto"),
        make.member(make.tenant(), name="eve"),
    )
    bert, staff = make.member(tenant, name="bert"), make.member(tenant, name="staff")
    staff.user_permissions.set(UserPermission.objects.filter(codename="view_document"))
    User.objects.create_superuser("root")
    group = Group.objects.create(name="Masters")
    bert.groups.add(group)
    key, _ = make.keyed(tenant, Permission.READ)
    make.keyed(tenant, Permission.WRITE)
    grant_create(GrantRequest(base, group), actor=ACTOR)
    open_to_all = {
        "anna": ["tenant"], "bert": ["tenant", "grant"], "staff": ["tenant", "administers"], "root": ["superuser"],
        "keyed": ["tenant"],
    }  # fmt: skip
    assert who(base) == who(document) == open_to_all
    KnowledgeBase.objects.update(visibility=Visibility.RESTRICTED)
    base.refresh_from_db(), document.refresh_from_db()
    assert who(base) == {"bert": ["grant"], "staff": ["administers"], "root": ["superuser"]}
    document_update(document=document, restricted=True, actor=ACTOR)
    document.refresh_from_db()
    grant_create(GrantRequest(document, key), actor=ACTOR)
    assert who(document) == {"staff": ["administers"], "root": ["superuser"], "keyed": ["grant"]}


def test_both_doors_tell_it_page_by_page_and_nobody_else_hears_of_it() -> None:
    base = make.knowledge_base()
    document = make.upload(base).version.document
    for number in range(3):
        make.member(base.tenant, name=f"reader{number}")
    client = make.client(base.tenant, Permission.GRANTS)
    url = f"/api/v1/documents/{document.pk}/readers/"
    first = client.get(url, {"limit": 2}).json()
    assert (first["count"], [one["name"] for one in first["results"]]) == (3, ["reader0", "reader1"])
    assert first["results"][0]["reasons"][0] | {"text": ""} == {
        "code": "tenant",
        "text": "",
        "grant": None,
        "role": None,
    }
    assert [one["name"] for one in client.get(first["next"]).json()["results"]] == ["reader2"]
    assert client.get(f"/api/v1/knowledge-bases/{base.pk}/readers/").json()["count"] == 3
    page = signed_in(make.member(base.tenant, Role.OWNER)).get(tab(base, "access")).content.decode()
    assert "reader2" in page.partition('id="readers"')[2]
    assert make.client(make.tenant(), Permission.GRANTS).get(url).status_code == 404
    assert make.client(base.tenant, Permission.READ).get(url).status_code == 403
