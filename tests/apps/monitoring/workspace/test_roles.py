"""What a role opens in the admin: in its own tenant, and nowhere else; of rows no more than over REST."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Permission as UserPermission
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from apps.documents.models import Document, DocumentVersion, KnowledgeBase, KnowledgeBaseDeletion, Visibility
from apps.monitoring.workspace.tabs import TABS
from apps.retrieval.models import Query
from benchmarks.gateway_matrix_measured import pages_left_out
from ragsite.core.admin.base import row_url
from ragsite.gateway.models import ApiKey, Membership, Role
from ragsite.gateway.roles import ADMIN_PERMISSIONS
from tests import factories as make

pytestmark = pytest.mark.django_db

CONFIRMED = {"_form_submitted": "True"}
OPENED: dict[str, set[str]] = {
    Role.READER: {"documents", "ask"},
    Role.EDITOR: {"documents", "ask", "evaluate", "index", "settings"},
    Role.OWNER: {"documents", "ask", "evaluate", "index", "settings", "access"},
    Role.OPERATOR: {"index"},
}


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def tab(base: KnowledgeBase, slug: str) -> str:
    return f"/admin/knowledge-bases/{base.pk}/{slug}/"


def opened(client: Client, base: KnowledgeBase) -> set[str]:
    return {one.slug for one in TABS if client.get(tab(base, one.slug)).status_code in (200, 302)}


def let_into(user: User, base: KnowledgeBase) -> set[str]:
    """The tabs that the user may open; none is put together, which takes longer than to find that out."""
    with pages_left_out():
        return opened(client_of(user), base)


def test_every_permission_of_a_role_is_there() -> None:
    named = {permission for permissions in ADMIN_PERMISSIONS.values() for permission in permissions}
    there = UserPermission.objects.values_list("content_type__app_label", "codename")
    assert named <= {f"{app}.{codename}" for app, codename in there}


@pytest.mark.parametrize("role", Role.values)
def test_each_role_opens_its_tabs_in_its_tenant_and_no_base_of_another(role: str) -> None:
    base, other = make.knowledge_base(), make.knowledge_base()
    client = client_of(make.member(base.tenant, Role(role)))
    assert opened(client, base) == OPENED[role]
    assert [client.get(tab(other, one.slug)).status_code for one in TABS] == [404] * len(TABS)


@pytest.mark.parametrize("here", Role.values)
@pytest.mark.parametrize("there", Role.values)
def test_a_role_of_one_tenant_gives_nothing_in_another(here: str, there: str) -> None:
    base, other = make.knowledge_base(), make.knowledge_base()
    user = make.member(base.tenant, Role(here))
    Membership.objects.create(user=user, tenant=other.tenant, role=there)
    assert (let_into(user, base), let_into(user, other)) == (OPENED[here], OPENED[there])


def test_who_is_neither_staff_nor_a_member_is_led_to_the_sign_in() -> None:
    assert client_of(User.objects.create_user("stranger")).get("/admin/").status_code == 302
    assert client_of(make.member(make.tenant(), is_active=False)).get("/admin/").status_code == 302
    assert client_of(make.member(make.tenant())).get("/admin/").status_code == 200


def test_a_member_signs_in_without_being_staff() -> None:
    user = make.member(make.tenant(), password="a-long-password-1")
    form = {"username": user.username, "password": "a-long-password-1"}
    assert Client().post("/admin/login/", form).status_code == 302
    Membership.objects.all().delete()
    assert Client().post("/admin/login/", form).status_code == 200


Door = Callable[[KnowledgeBase, DocumentVersion], tuple[str, dict[str, Any]]]


def _of(row: Any, name: str) -> str:
    return row_url(row).replace("/change/", f"/{name}/")


DOORS: dict[str, tuple[str, Door]] = {
    "rename": (Role.EDITOR, lambda base, version: (row_url(version.document), {"title": "Other"})),
    "upload": (Role.EDITOR, lambda base, version: (_of(base, "upload"), {})),
    "new version": (Role.EDITOR, lambda base, version: (_of(version.document, "new_version"), {})),
    "retry": (Role.EDITOR, lambda base, version: (_of(version, "retry"), CONFIRMED)),
    "delete a document": (Role.EDITOR, lambda base, version: (_of(version.document, "delete"), {"post": "yes"})),
    "delete a base": (Role.EDITOR, lambda base, version: (_of(base, "delete"), {"post": "yes"})),
    "grant": (Role.OWNER, lambda base, version: (_of(base, "give_grant"), CONFIRMED)),
    "restrict": (Role.OWNER, lambda base, version: (_of(version.document, "restrict"), CONFIRMED)),
}
ORDER = [Role.READER, Role.EDITOR, Role.OWNER]
OF_OPERATORS = {"retry"}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("role", Role.values)
def test_what_a_role_does_it_does_in_its_tenant_though_it_is_more_in_another(role: str, door: str) -> None:
    least, address = DOORS[door]
    version = make.ready_version()
    base = version.document.knowledge_base
    user = make.member(base.tenant, Role(role))
    Membership.objects.create(user=user, tenant=make.tenant(), role=Role.OWNER if role != Role.OWNER else Role.READER)
    url, form = address(base, version)
    allowed = client_of(user).post(url, form).status_code not in (403, 404)
    may = door in OF_OPERATORS if role == Role.OPERATOR else ORDER.index(Role(role)) >= ORDER.index(Role(least))
    assert allowed is may


def test_actions_on_many_rows_take_the_weakest_role_of_who_does_not_say_where() -> None:
    base, other = make.knowledge_base(), make.knowledge_base()
    user = make.member(base.tenant, Role.OWNER)
    Membership.objects.create(user=user, tenant=other.tenant)
    form = {"action": "delete_selected", "_selected_action": [base.pk, other.pk], "post": "yes"}
    client_of(user).post(reverse("admin:documents_knowledgebase_changelist"), form)
    assert not KnowledgeBaseDeletion.objects.exists()


def test_what_is_made_is_made_only_where_the_role_allows_it() -> None:
    mine, other = make.tenant(), make.tenant()
    user = make.member(mine, Role.OWNER)
    Membership.objects.create(user=user, tenant=other)
    client = client_of(user)
    searched = {"chunk_strategy": "sentence", "chunk_size": 256, "chunk_overlap": 32, "description": ""}
    for tenant in (other, mine):
        client.post(
            reverse("admin:documents_knowledgebase_add"),
            {"tenant": tenant.pk, "name": "New", "visibility": "tenant", **searched},
        )
        key = {"tenant": tenant.pk, "name": "Key", "permissions": ["read"]}
        client.post(reverse("admin:gateway_apikey_add"), key)
    assert [base.tenant for base in KnowledgeBase.objects.all()] == [mine]
    assert [key.tenant for key in ApiKey.objects.all()] == [mine]


def test_keys_and_members_of_a_tenant_are_for_its_owners() -> None:
    mine, other = make.tenant(), make.tenant()
    user = make.member(mine, Role.OWNER)
    Membership.objects.create(user=user, tenant=other)
    make.keyed(other), make.keyed(mine)
    ApiKey.objects.filter(tenant=other).update(name="Theirs")
    client = client_of(user)
    assert "Theirs" not in client.get(reverse("admin:gateway_apikey_changelist")).content.decode()
    theirs = ApiKey.objects.get(tenant=other)
    assert client.post(_of(theirs, "revoke"), CONFIRMED).status_code in (403, 404)
    membership = Membership.objects.get(user=user, tenant=other)
    promoted = {"user": user.pk, "tenant": other.pk, "role": "owner"}
    assert client.post(row_url(membership), promoted).status_code == 404
    membership.refresh_from_db()
    assert membership.role == Role.READER


@pytest.mark.parametrize("role", Role.values)
def test_a_role_shows_no_restricted_document_and_no_question_of_others(role: str) -> None:
    version = make.ready_version()
    base = version.document.knowledge_base
    Document.objects.update(restricted=True, title="Salaries")
    asked = Query.objects.create(
        tenant=base.tenant, question="What does Ada earn?", asked_by="ada", knowledge_base_ids=[]
    )
    client = client_of(make.member(base.tenant, Role(role)))
    pages = [tab(base, one.slug) for one in TABS] + [
        "/admin/", *(reverse(f"admin:{name}_changelist") for name in (
            "documents_document", "documents_documentversion", "documents_chunk", "retrieval_query", "retrieval_answer",
            "retrieval_conversation", "documents_grant", "documents_stagerecord",
        )),
    ]  # fmt: skip
    for url in pages:
        page = client.get(url, follow=True).content.decode()
        assert "Salaries" not in page, url
        assert "Ada earn" not in page, url
    for row in (version.document, version, asked):
        assert "Salaries" not in client.get(row_url(row), follow=True).content.decode()
        assert client.post(_of(row, "delete"), {"post": "yes"}).status_code != 200
    assert Document.objects.get().deleted_at is None


def test_an_editor_deletes_no_base_with_what_is_hidden_from_them() -> None:
    base = make.ready_version().document.knowledge_base
    Document.objects.update(restricted=True)
    client = client_of(make.member(base.tenant, Role.EDITOR))
    client.post(_of(base, "delete"), {"post": "yes"})
    assert not KnowledgeBaseDeletion.objects.exists()


@pytest.mark.parametrize(("role", "found"), [(Role.READER, 404), (Role.EDITOR, 404), (Role.OWNER, 200)])
def test_a_restricted_base_is_there_for_who_reads_it_and_for_owners(role: Role, found: int) -> None:
    base = make.knowledge_base(visibility=Visibility.RESTRICTED)
    client = client_of(make.member(base.tenant, role))
    assert client.get(tab(base, "access"), follow=True).status_code == found


def test_permissions_that_were_given_hold_as_before_and_in_all_tenants_of_the_user() -> None:
    version = make.ready_version()
    Document.objects.update(restricted=True, title="Salaries")
    user = make.member(version.document.tenant, is_staff=True)
    user.user_permissions.set(UserPermission.objects.filter(codename="view_document"))
    listed = client_of(user).get(reverse("admin:documents_document_changelist")).content.decode()
    assert "Salaries" in listed
