from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import Permission as UserPermission
from django.test import Client

from ragsite.gateway.models import Tenant
from tests import factories as make


@pytest.fixture
def staff_of(db: None) -> Callable[..., Client]:
    """A signed-in client of a staff member of a tenant with just the named permissions."""

    def made(tenant: Tenant, *codenames: str) -> Client:
        user = make.member(tenant, is_staff=True)
        user.user_permissions.set(UserPermission.objects.filter(codename__in=codenames))
        client = Client()
        client.force_login(user)
        return client

    return made
