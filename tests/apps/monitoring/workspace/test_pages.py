"""Who opens which tab of a workspace."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission as UserPermission
from django.contrib.auth.models import User
from django.test import Client

from apps.documents.services.knowledge_bases import knowledge_base_delete
from apps.monitoring.workspace.tabs import TABS
from ragsite.gateway.models import Membership, Tenant
from tests import factories as make
from tests.acting import ACTOR

pytestmark = pytest.mark.django_db


def staff(tenant: Tenant, *codenames: str) -> Client:
    user = User.objects.create_user("staff", is_staff=True)
    user.user_permissions.set(UserPermission.objects.filter(codename__in=codenames))
    Membership.objects.create(user=user, tenant=tenant)
    client = Client()
    client.force_login(user)
    return client


def test_the_permissions_of_tabs_are_there() -> None:
    named = {tuple(tab.permission.split(".")) for tab in TABS}
    there = set(UserPermission.objects.values_list("content_type__app_label", "codename"))
    assert named <= there


def test_without_a_name_the_first_tab_opens_that_the_user_may_open() -> None:
    base = make.knowledge_base()
    client = staff(base.tenant, "view_evaluationset")
    assert client.get(f"/admin/knowledge-bases/{base.pk}/").status_code in (200, 302)
    assert client.get(f"/admin/knowledge-bases/{base.pk}/settings/").status_code == 403


def test_one_of_another_tenant_or_deleted_and_a_tab_that_is_none_are_not_found(admin_client: Client) -> None:
    base, other = make.knowledge_base(), make.knowledge_base()
    client = staff(base.tenant, "view_query", "view_document")
    assert client.get(f"/admin/knowledge-bases/{other.pk}/").status_code == 404
    assert admin_client.get(f"/admin/knowledge-bases/{base.pk}/other/").status_code == 404
    knowledge_base_delete(knowledge_base=base, actor=ACTOR)
    assert admin_client.get(f"/admin/knowledge-bases/{base.pk}/").status_code == 404


def test_who_is_not_signed_in_is_led_to_that() -> None:
    base = make.knowledge_base()
    response = Client().get(f"/admin/knowledge-bases/{base.pk}/")
    assert (response.status_code, response.headers["location"].split("?")[0]) == (302, "/admin/login/")
