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
from ragsite.gateway.models import ApiKey
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
