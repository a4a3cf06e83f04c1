from __future__ import annotations

import pytest
from django.contrib.auth.models import Group, User
from django.db import IntegrityError

from ragsite.core.errors import NotFoundError
from ragsite.gateway.members import principal_of_user, tenant_ids_of
from ragsite.gateway.models import Membership, Role
from tests import factories as make

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("role", "may"),
    [
        (Role.READER, {"read", "query"}),
        (Role.EDITOR, {"read", "query", "write", "work:manage"}),
        (Role.OWNER, {"read", "query", "write", "work:manage", "grants:manage", "audit:read"}),
        (Role.OPERATOR, {"work:manage"}),
    ],
)
def test_a_role_says_what_a_user_may_do(role: Role, may: set[str]) -> None:
    tenant = make.tenant()
    user = make.member(tenant, role, name="anna")
    user.groups.add(group := Group.objects.create(name="Masters"))
    principal = principal_of_user(user, tenant_id=tenant.pk)
    assert (principal.name, principal.tenant_id, principal.permissions) == ("anna", tenant.pk, may)
    assert (principal.user_id, principal.group_ids, principal.api_key_id) == (user.pk, {group.pk}, None)


def test_without_a_membership_a_user_is_nobody() -> None:
    elsewhere = make.member(make.tenant(), Role.OWNER)
    with pytest.raises(NotFoundError, match="There is no tenant"):
        principal_of_user(elsewhere, tenant_id=make.tenant().pk)


def test_a_user_who_is_no_longer_active_is_nobody() -> None:
    tenant = make.tenant()
    user = make.member(tenant, is_active=False)
    with pytest.raises(NotFoundError):
        principal_of_user(user, tenant_id=tenant.pk)
    assert tenant_ids_of(user) == frozenset()


def test_a_superuser_is_an_owner_everywhere_and_others_see_their_tenants() -> None:
    mine, other = make.tenant(), make.tenant()
    root = User.objects.create_superuser("root")
    assert "grants:manage" in principal_of_user(root, tenant_id=other.pk).permissions
    assert tenant_ids_of(root) == {mine.pk, other.pk}
    assert tenant_ids_of(make.member(mine)) == {mine.pk}


def test_a_user_is_a_member_once() -> None:
    tenant = make.tenant()
    user = make.member(tenant)
    with pytest.raises(IntegrityError, match="membership_of_user_in_tenant"):
        Membership.objects.create(tenant=tenant, user=user, role=Role.OWNER)
