from __future__ import annotations

import pytest
from django.test import Client

from ragsite.gateway.models import Tenant

ADD = "/admin/gateway/tenant/add/"


def test_a_tenant_gets_its_short_name_from_its_name(admin_client: Client) -> None:
    assert admin_client.post(ADD, {"name": "Harbour Authority"}).status_code == 302
    assert Tenant.objects.get().slug == "harbour-authority"


@pytest.mark.parametrize("name", ["!!!", "Harbour authority", "h" * 61])
def test_a_name_without_a_short_name_of_its_own_is_refused(admin_client: Client, name: str) -> None:
    Tenant.objects.create(name="Harbour Authority", slug="harbour-authority")
    errors = admin_client.post(ADD, {"name": name}).context["adminform"].form.errors
    assert "Choose" in errors["name"][0]
    assert Tenant.objects.count() == 1
