from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import Permission as UserPermission
from django.test import Client

from ragsite.gateway.models import Role, Tenant
from tests import factories as make


@pytest.fixture
def visitor() -> Callable[..., Client]:
    """A signed-in member of a tenant by role, with permissions given in Django."""

    def signed_in(tenant: Tenant, role: Role = Role.READER, *codenames: str) -> Client:
        user = make.member(tenant, role, is_staff=bool(codenames))
        user.user_permissions.set(UserPermission.objects.filter(codename__in=codenames))
        client = Client()
        client.force_login(user)
        return client

    return signed_in
