from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.utils import timezone

from ragsite.gateway.errors import AuthenticationError
from ragsite.gateway.keys import principal_of_key
from ragsite.gateway.models import ApiKey, Membership, Permission, Role
from tests import factories

LIST = "/admin/gateway/apikey/"
CONFIRMED = {"_form_submitted": "True"}
KEY = re.compile(r"rag_[0-9a-f]{12}\.[\w-]{43}")


def form(**changes: Any) -> dict[str, Any]:
    return {"tenant": factories.tenant().pk, "name": "booking", "permissions": ["query"], **changes}


def shown_key(page: Any) -> str:
    (found,) = KEY.findall(page.content.decode())
    return str(found)


def test_a_key_is_shown_once_and_not_kept(admin_client: Client) -> None:
    text = shown_key(admin_client.post(f"{LIST}add/", form(), follow=True))
    assert principal_of_key(text).permissions == {"query"}
    assert not KEY.search(admin_client.get(LIST).content.decode())
    key = ApiKey.objects.get()
    secret = text.partition(".")[2]
    assert secret not in str([ApiKey.objects.values().get(), list(LogEntry.objects.values())])
    assert not KEY.search(admin_client.get(f"{LIST}{key.pk}/change/").content.decode())


def test_a_key_needs_a_permission_and_an_end_that_is_to_come(admin_client: Client) -> None:
    past = timezone.now() - timedelta(days=1)
    sent = form(expires_at_0=f"{past:%Y-%m-%d}", expires_at_1="12:00:00", permissions=[])
    errors = admin_client.post(f"{LIST}add/", sent).context["adminform"].form.errors
    assert set(errors) == {"permissions", "expires_at"}
    assert not ApiKey.objects.exists()


def test_a_key_with_an_end_keeps_it(admin_client: Client) -> None:
    admin_client.post(f"{LIST}add/", form(expires_at_0="2099-01-02", expires_at_1="03:04:05"))
    assert f"{ApiKey.objects.get().expires_at:%Y-%m-%d %H:%M:%S}" == "2099-01-02 03:04:05"


def test_a_revoked_key_is_refused_from_then_on(admin_client: Client) -> None:
    text = shown_key(admin_client.post(f"{LIST}add/", form(), follow=True))
    key = ApiKey.objects.get()
    assert "Revoke this key?" in admin_client.get(f"{LIST}{key.pk}/revoke/").content.decode()
    assert principal_of_key(text)
    done = admin_client.post(f"{LIST}{key.pk}/revoke/", CONFIRMED)
    assert done["HX-Redirect"] == f"{LIST}{key.pk}/change/"
    with pytest.raises(AuthenticationError):
        principal_of_key(text)
    assert f"{LIST}{key.pk}/revoke/" not in admin_client.get(f"{LIST}{key.pk}/change/").content.decode()


def test_several_keys_are_revoked_at_once(admin_client: Client) -> None:
    tenant = factories.tenant()
    for _ in range(2):
        factories.api_key(tenant)
    ids = list(ApiKey.objects.values_list("pk", flat=True))
    admin_client.post(LIST, {"action": "revoke_selected", "_selected_action": ids})
    assert not ApiKey.objects.filter(revoked_at=None).exists()


def test_a_key_cannot_be_changed_or_deleted(admin_client: Client) -> None:
    factories.api_key(factories.tenant())
    key = ApiKey.objects.get()
    assert admin_client.post(f"{LIST}{key.pk}/change/", form(name="other")).status_code == 403
    assert admin_client.post(f"{LIST}{key.pk}/delete/", {"post": "yes"}).status_code == 403
    assert ApiKey.objects.get().name == "test"


def test_a_key_is_for_the_knowledge_bases_that_were_chosen_and_its_page_names_those_its_reader_may_read(
    admin_client: Client,
) -> None:
    tenant = factories.tenant()
    base, hidden = (factories.knowledge_base(of=tenant, name=name) for name in ("Handbook", "Wages"))
    foreign = factories.knowledge_base(name="Elsewhere")
    page = admin_client.get(f"{LIST}add/").content.decode()
    assert all(f"{one.name} · {one.tenant}" in page for one in (base, hidden, foreign))
    text = shown_key(
        admin_client.post(f"{LIST}add/", form(tenant=tenant.pk, knowledge_bases=[base.pk, hidden.pk]), follow=True)
    )
    assert principal_of_key(text).knowledge_base_ids == {base.pk, hidden.pk}
    hidden.visibility = "restricted"
    hidden.save()
    told = admin_client.get(f"{LIST}{ApiKey.objects.get().pk}/change/").content.decode()
    assert "Handbook, 1 other" in told
    assert "Wages" not in told
    assert "2 knowledge bases" in admin_client.get(LIST).content.decode()


@pytest.mark.django_db
def test_a_key_is_for_no_knowledge_base_of_another_tenant_or_that_its_maker_does_not_read(client: Client) -> None:
    mine, other = factories.knowledge_base(), factories.knowledge_base()
    closed = factories.knowledge_base(of=mine.tenant, visibility="restricted")
    owner = factories.member(mine.tenant, Role.OWNER)
    Membership.objects.create(user=owner, tenant=other.tenant, role=Role.OWNER)
    client.force_login(owner)
    for wrong in (other, closed):
        sent = form(tenant=mine.tenant_id, knowledge_bases=[wrong.pk])
        errors = client.post(f"{LIST}add/", sent).context["adminform"].form.errors
        assert set(errors) == {"knowledge_bases"}
    assert not ApiKey.objects.exists()


def test_a_rotated_key_shows_its_new_secret_once_and_until_when_the_former_one_works(admin_client: Client) -> None:
    former = shown_key(admin_client.post(f"{LIST}add/", form(), follow=True))
    key = ApiKey.objects.get()
    url, page = f"{LIST}{key.pk}/rotate/", f"{LIST}{key.pk}/change/"
    assert "Give this key a new secret?" in admin_client.get(url).content.decode()
    assert admin_client.post(url, CONFIRMED | {"grace_hours": 5})["HX-Redirect"] == page
    shown = admin_client.get(page)
    present = shown_key(shown)
    assert present != former
    assert "works until" in shown.content.decode()
    assert [principal_of_key(text).api_key_id for text in (former, present)] == [key.pk] * 2
    assert not KEY.search(admin_client.get(page).content.decode())
    assert admin_client.post(f"{LIST}{key.pk}/end_former/", CONFIRMED)["HX-Redirect"] == page
    with pytest.raises(AuthenticationError):
        principal_of_key(former)
    assert f"{LIST}{key.pk}/end_former/" not in admin_client.get(page).content.decode()


@pytest.mark.django_db
def test_who_may_no_more_than_revoke_keys_gets_no_secret_of_one(client: Client) -> None:
    """A new secret lets its reader do all that the key may."""
    tenant = factories.tenant()
    factories.api_key(tenant, Permission.MODELS)
    key = ApiKey.objects.get()
    client.force_login(factories.member(tenant, Role.OWNER))
    page = client.get(f"{LIST}{key.pk}/change/").content.decode()
    assert f"{LIST}{key.pk}/revoke/" in page
    assert f"{LIST}{key.pk}/rotate/" not in page
    before = key.secret_hash
    assert client.post(f"{LIST}{key.pk}/rotate/", CONFIRMED | {"grace_hours": 0}).status_code in (302, 403)
    key.refresh_from_db()
    assert key.secret_hash == before
