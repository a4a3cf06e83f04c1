"""A colleague is invited with a link that sets the password once, by who decides on members."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from ragsite.gateway.models import Membership, Role
from tests import factories as make

pytestmark = pytest.mark.django_db
PASSWORD = "a-long-password-1"


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def page() -> str:
    return reverse("admin:gateway_membership_invitation")


def test_a_colleague_sets_the_password_once_and_signs_in() -> None:
    tenant = make.tenant()
    owner = client_of(make.member(tenant, Role.OWNER))
    assert page().replace("/invite/", "/invite-a-colleague") in owner.get("/admin/gateway/membership/").content.decode()
    form = {"tenant": tenant.pk, "name": "anna", "email": "anna@harbour.example", "role": "editor"}
    made = owner.post(page(), form)
    assert made["Cache-Control"].count("no-store")
    membership = Membership.objects.get(user__username="anna")
    assert (membership.tenant, membership.role, membership.user.is_staff) == (tenant, Role.EDITOR, False)
    link = made.context["link"].removeprefix("http://testserver")
    colleague = Client()
    assert colleague.post("/admin/login/", {"username": "anna", "password": ""}).status_code == 200
    asked = colleague.get(link, follow=True)
    set_at = asked.redirect_chain[-1][0]
    passwords = {"new_password1": PASSWORD, "new_password2": PASSWORD}
    assert colleague.post(set_at, passwords | {"new_password2": "other"}).status_code == 200
    assert colleague.post(set_at, passwords)["Location"] == "/admin/login/"
    assert colleague.post("/admin/login/", {"username": "anna", "password": PASSWORD}).status_code == 302
    assert "was used already, or is too old" in Client().get(link, follow=True).content.decode()


@pytest.mark.parametrize("role", [Role.READER, Role.EDITOR])
def test_only_owners_invite(role: Role) -> None:
    tenant = make.tenant()
    form = {"tenant": tenant.pk, "name": "anna", "role": "reader"}
    assert client_of(make.member(tenant, role)).post(page(), form).status_code == 403
    assert not User.objects.filter(username="anna").exists()


def test_an_owner_invites_to_no_tenant_of_others_and_takes_over_no_account() -> None:
    tenant, other = make.tenant(), make.tenant()
    user = make.member(tenant, Role.OWNER)
    Membership.objects.create(user=user, tenant=other)
    taken = make.member(other, name="taken", password=PASSWORD)
    owner = client_of(user)
    assert "tenant" in owner.post(page(), {"tenant": other.pk, "name": "anna", "role": "owner"}).context["form"].errors
    refused = owner.post(page(), {"tenant": tenant.pk, "name": "taken", "role": "owner"})
    assert "There is already somebody named" in refused.content.decode()
    assert refused.context["link"] == ""
    assert not User.objects.filter(username="anna").exists()
    assert list(Membership.objects.filter(user=taken)) == [Membership.objects.get(user=taken, tenant=other)]
