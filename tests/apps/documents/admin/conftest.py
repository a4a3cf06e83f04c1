from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Permission as UserPermission
from django.contrib.auth.models import User
from django.contrib.messages import get_messages
from django.test import Client

from apps.documents.models import DocumentVersion, KnowledgeBase
from ragsite.gateway.models import Membership, Tenant
from tests import factories


@pytest.fixture
def client() -> Client:
    """A browser in which nobody has logged in."""
    return Client()


@pytest.fixture
def staff_client(db: None) -> Callable[..., Client]:
    """A logged-in client of a staff user with just the named permissions, who belongs to the tenants there are."""

    def make(*codenames: str) -> Client:
        user = User.objects.create_user("staff", password="staff-password-1", is_staff=True)
        user.user_permissions.set(UserPermission.objects.filter(codename__in=codenames))
        Membership.objects.bulk_create(Membership(user=user, tenant=tenant) for tenant in Tenant.objects.all())
        client = Client()
        client.force_login(user)
        return client

    return make


@pytest.fixture
def knowledge_base(db: None) -> KnowledgeBase:
    return factories.knowledge_base()


@pytest.fixture
def failed_version(knowledge_base: KnowledgeBase) -> DocumentVersion:
    """A version whose parsing failed for good."""
    version = factories.upload(knowledge_base, "%PDF-1.7 broken", filename="broken.pdf").version
    factories.run_stages()
    version.refresh_from_db()
    assert version.status == "failed"
    return version


@pytest.fixture
def told() -> Callable[[Any], list[str]]:
    """The messages a response leaves for the next page."""

    def read(response: Any) -> list[str]:
        return [str(message) for message in get_messages(response.wsgi_request)]

    return read
