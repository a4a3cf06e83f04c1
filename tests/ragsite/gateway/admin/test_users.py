from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.contrib.auth.models import Permission as UserPermission
from django.test import Client

from ragsite.gateway.models import ApiKey, Membership, Role, Tenant
from tests import factories as make

pytestmark = pytest.mark.django_db

USERS, GROUPS, MEMBERS = "/admin/auth/user/", "/admin/auth/group/", "/admin/gateway/membership/"
MAY = (
    "add_user", "change_user", "delete_user", "view_user", "add_group", "change_group", "delete_group", "view_group",
    "add_membership", "change_membership", "delete_membership", "view_membership", "add_apikey", "view_apikey",
)  # fmt: skip


@pytest.fixture(autouse=True)
def _quick_hashes(settings: Any) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def harbour() -> Tenant:
    return make.tenant("Harbour")


@pytest.fixture
def elsewhere() -> Tenant:
    return make.tenant("Elsewhere")


@pytest.fixture
def ola(harbour: Tenant) -> User:
    """Owns the harbour, and may do all that Django's permissions say about users and groups."""
    user = make.member(harbour, Role.OWNER, name="ola", is_staff=True)
    user.user_permissions.set(UserPermission.objects.filter(codename__in=MAY))
    return user


@pytest.fixture
def client(ola: User) -> Client:
    client = Client()
    client.force_login(ola)
    return client


def permission(codename: str) -> UserPermission:
    return UserPermission.objects.get(codename=codename)


def sent(user: User, **changes: Any) -> dict[str, Any]:
    """The form of a user's page, as a browser would send it, and more."""
    joined = {"date_joined_0": "2026-01-01", "date_joined_1": "10:00:00"}
    return {"username": user.username, "is_active": "on", "is_staff": "on", **joined, **changes}


def names(page: Any) -> set[str]:
    return {user.username for user in page.context["cl"].queryset}


def test_staff_see_the_users_of_tenants_they_own_and_no_others(
    client: Client, harbour: Tenant, elsewhere: Tenant
) -> None:
    make.member(harbour, name="ada")
    stranger = make.member(elsewhere, name="eve")
    User.objects.create_user("nowhere")
    assert names(client.get(USERS)) == {"ola", "ada"}
    for page in ("change", "history", "delete", "password"):
        found = client.get(f"{USERS}{stranger.pk}/{page}/")
        assert found.status_code in (403, 404), page
        assert b"eve" not in found.content, page


@pytest.mark.parametrize("role", [Role.READER, Role.EDITOR])
def test_who_owns_no_tenant_sees_and_makes_no_users(client: Client, ola: User, role: Role) -> None:
    Membership.objects.filter(user=ola).update(role=role)
    assert names(client.get(USERS)) == set()
    assert client.get(f"{USERS}add/").status_code == 403
    assert client.get(f"{MEMBERS}add/").status_code == 403


def test_nobody_becomes_a_superuser_by_a_form_that_was_not_offered(client: Client, ola: User, harbour: Tenant) -> None:
    ada = make.member(harbour, name="ada")
    assert b'name="is_superuser"' not in client.get(f"{USERS}{ada.pk}/change/").content
    for user in (ada, ola):
        codes = [p.pk for p in user.user_permissions.all()]
        posted = client.post(f"{USERS}{user.pk}/change/", sent(user, is_superuser="on", user_permissions=codes))
        assert posted.status_code == 302
        user.refresh_from_db()
        assert (user.is_superuser, user.is_staff) == (False, True)


def test_staff_give_the_permissions_and_groups_they_have_and_no_others(
    client: Client, ola: User, harbour: Tenant
) -> None:
    ada = make.member(harbour, name="ada")
    mine, other = Group.objects.create(name="Mine"), Group.objects.create(name="Others")
    ola.groups.add(mine)
    have, lack = permission("view_user"), permission("delete_document")
    url = f"{USERS}{ada.pk}/change/"
    assert client.post(url, sent(ada, user_permissions=[lack.pk])).status_code == 200
    assert client.post(url, sent(ada, groups=[other.pk])).status_code == 200
    assert (ada.user_permissions.count(), ada.groups.count()) == (0, 0)
    assert client.post(url, sent(ada, user_permissions=[have.pk], groups=[mine.pk])).status_code == 302
    assert (ada.user_permissions.get(), ada.groups.get()) == (have, mine)


def stronger(harbour: Tenant, elsewhere: Tenant, how: str) -> User:
    """A user of the harbour who has more than its owner."""
    user = make.member(harbour, name="max", is_superuser=how == "superuser", is_active=how != "inactive")
    if how == "elsewhere":
        Membership.objects.create(user=user, tenant=elsewhere)
    if how in ("permission", "inactive"):
        user.user_permissions.add(permission("delete_document"))
    if how == "group":
        group = Group.objects.create(name="Librarians")
        group.permissions.add(permission("delete_document"))
        user.groups.add(group)
    return user


@pytest.mark.parametrize("how", ["superuser", "elsewhere", "permission", "inactive", "group"])
def test_who_has_more_or_belongs_elsewhere_too_is_looked_at_and_not_touched(
    client: Client, harbour: Tenant, elsewhere: Tenant, how: str
) -> None:
    user = stronger(harbour, elsewhere, how)
    before = User.objects.filter(pk=user.pk).values().get()
    passwords = {"password1": "a-new-password-1", "password2": "a-new-password-1", "usable_password": "true"}
    assert client.get(f"{USERS}{user.pk}/change/").status_code == 200
    posts = [
        (f"{USERS}{user.pk}/change/", sent(user, email="mine@example.org")),
        (f"{USERS}{user.pk}/password/", passwords),
        (f"{USERS}{user.pk}/delete/", {"post": "yes"}),
        (USERS, {"action": "delete_selected", "_selected_action": [user.pk], "post": "yes"}),
    ]
    for url, form in posts:
        assert client.post(url, form).status_code == 403, url
    assert User.objects.filter(pk=user.pk).values().get() == before
    assert Membership.objects.filter(user=user).exists()


def test_staff_edit_reset_and_remove_users_who_are_theirs_alone(client: Client, harbour: Tenant) -> None:
    ada = make.member(harbour, name="ada")
    passwords = {"password1": "a-new-password-1", "password2": "a-new-password-1", "usable_password": "true"}
    url = f"{USERS}{ada.pk}/password/"
    assert client.post(url, passwords | {"set-password": "1"}).status_code == 302
    ada.refresh_from_db()
    assert ada.check_password("a-new-password-1")
    assert client.post(f"{USERS}{ada.pk}/delete/", {"post": "yes"}).status_code == 302
    assert not User.objects.filter(pk=ada.pk).exists()


def test_a_new_user_belongs_to_a_tenant_of_who_makes_it(client: Client, harbour: Tenant, elsewhere: Tenant) -> None:
    typed = {
        "username": "new",
        "password1": "a-new-password-1",
        "password2": "a-new-password-1",
        "usable_password": "true",
    }
    assert client.post(f"{USERS}add/", typed | {"tenant": elsewhere.pk}).status_code == 200
    assert client.post(f"{USERS}add/", typed).status_code == 200
    assert not User.objects.filter(username="new").exists()
    made = client.post(f"{USERS}add/", typed | {"tenant": harbour.pk, "is_superuser": "on", "is_staff": "on"})
    new = User.objects.get(username="new")
    assert made["Location"] == f"{USERS}{new.pk}/change/"
    assert (new.is_superuser, new.is_staff) == (False, False)
    assert (Membership.objects.get(user=new).tenant, Membership.objects.get(user=new).role) == (harbour, Role.READER)


def test_members_are_made_of_users_one_sees_in_tenants_one_owns(
    client: Client, ola: User, harbour: Tenant, elsewhere: Tenant
) -> None:
    second = make.tenant("Second")
    Membership.objects.create(user=ola, tenant=second, role=Role.OWNER)
    Membership.objects.create(user=ola, tenant=elsewhere, role=Role.READER)
    ada, stranger = make.member(harbour, name="ada"), make.member(elsewhere, name="eve")
    nowhere = User.objects.create_user("nowhere")

    def add(user: User, tenant: Tenant) -> int:
        return int(client.post(f"{MEMBERS}add/", {"user": user.pk, "tenant": tenant.pk, "role": "owner"}).status_code)

    assert [add(stranger, harbour), add(nowhere, harbour), add(ada, elsewhere)] == [200, 200, 200]
    assert add(ada, second) == 302
    assert Membership.objects.filter(user=ada).count() == 2


def test_nobody_gives_themselves_another_role_in_a_tenant_they_do_not_own(
    client: Client, ola: User, elsewhere: Tenant
) -> None:
    mine = Membership.objects.create(user=ola, tenant=elsewhere, role=Role.READER)
    owner = Membership.objects.get(user=make.member(elsewhere, Role.OWNER, name="eve"))
    for row in (mine, owner):
        form = {"user": row.user_id, "tenant": elsewhere.pk, "role": "owner" if row == mine else "reader"}
        assert client.get(f"{MEMBERS}{row.pk}/change/").status_code == 200
        assert client.post(f"{MEMBERS}{row.pk}/change/", form).status_code == 403
        assert client.post(f"{MEMBERS}{row.pk}/delete/", {"post": "yes"}).status_code == 403
    selected = {"action": "delete_selected", "_selected_action": [mine.pk, owner.pk], "post": "yes"}
    assert client.post(MEMBERS, selected).status_code == 403
    assert list(Membership.objects.filter(tenant=elsewhere).values_list("role", flat=True)) == ["reader", "owner"]


def test_groups_are_changed_by_superusers_and_seen_by_who_is_in_them(client: Client, ola: User) -> None:
    mine, other = Group.objects.create(name="Mine"), Group.objects.create(name="Others")
    ola.groups.add(mine)
    assert set(client.get(GROUPS).context["cl"].queryset) == {mine}
    every = [one.pk for one in UserPermission.objects.all()]
    for group in (mine, other):
        for page, form in (("change", {"name": "x", "permissions": every}), ("delete", {"post": "yes"})):
            assert client.post(f"{GROUPS}{group.pk}/{page}/", form).status_code in (403, 404)
    assert client.post(f"{GROUPS}add/", {"name": "New", "permissions": every}).status_code == 403
    assert {(group.name, group.permissions.count()) for group in Group.objects.all()} == {("Mine", 0), ("Others", 0)}


def test_fields_that_complete_names_show_no_others(
    client: Client, ola: User, harbour: Tenant, elsewhere: Tenant
) -> None:
    ola.groups.add(Group.objects.create(name="Mine"))
    Group.objects.create(name="Others")
    make.member(elsewhere, name="eve")
    for app, model, field in (
        ("gateway", "membership", "user"),
        ("documents", "grant", "user"),
        ("auth", "user", "groups"),
    ):
        asked = {"app_label": app, "model_name": model, "field_name": field, "term": ""}
        found = client.get("/admin/autocomplete/", asked)
        assert found.status_code in (200, 403)
        assert b"eve" not in found.content
        assert b"Others" not in found.content


def test_a_list_cannot_be_narrowed_by_what_staff_do_not_see(client: Client, harbour: Tenant) -> None:
    for lookup in ("groups__name__startswith=O", "memberships__tenant__name__startswith=E"):
        assert client.get(f"{USERS}?{lookup}").status_code in (302, 400), lookup


def test_a_key_may_no_more_than_who_makes_it(client: Client, ola: User, harbour: Tenant, elsewhere: Tenant) -> None:
    Membership.objects.create(user=ola, tenant=elsewhere, role=Role.READER)

    def add(tenant: Tenant, *permissions: str) -> int:
        form = {"tenant": tenant.pk, "name": "k", "permissions": permissions}
        return int(client.post("/admin/gateway/apikey/add/", form).status_code)

    assert [add(elsewhere, "read", "write"), add(elsewhere, "grants:manage")] == [200, 200]
    assert not ApiKey.objects.exists()
    assert [add(elsewhere, "read", "query"), add(harbour, "grants:manage")] == [302, 302]


def test_a_superuser_is_bound_by_nothing_of_this(admin_client: Client, elsewhere: Tenant) -> None:
    eve = make.member(elsewhere, name="eve")
    assert admin_client.get(f"{USERS}?groups__id__exact=1").status_code == 200
    assert b'name="is_superuser"' in admin_client.get(f"{USERS}{eve.pk}/change/").content
    changed = admin_client.post(f"{USERS}{eve.pk}/change/", sent(eve, is_superuser="on"))
    assert changed.status_code == 302
    eve.refresh_from_db()
    assert eve.is_superuser
    typed = {
        "username": "new",
        "password1": "a-new-password-1",
        "password2": "a-new-password-1",
        "usable_password": "true",
    }
    assert admin_client.post(f"{USERS}add/", typed).status_code == 302
    assert admin_client.post(f"{GROUPS}add/", {"name": "New"}).status_code == 302
