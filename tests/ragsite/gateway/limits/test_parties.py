"""Whose limits hold for a caller, where they are set, and what a caller is told of them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from ragsite.core.limits import LimitKind, Limits, Per, Work, limits_read
from ragsite.gateway.keys import principal_of_key
from ragsite.gateway.limits.buckets import Bucket, Party, PartyKind
from ragsite.gateway.limits.gate import whereabouts_of
from ragsite.gateway.limits.parties import parties_of, parties_of_key, parties_of_user
from ragsite.gateway.limits.quotas import quota_uses_add
from ragsite.gateway.limits.rows import limits_of, limits_set
from ragsite.gateway.models import ApiKey, Membership, Permission, Tenant, WorkLimit
from ragsite.gateway.routes import route_of, routes
from ragsite.gateway.visits import Caller
from tests import factories as make
from tests.acting import ACTOR

pytestmark = pytest.mark.django_db


@pytest.fixture
def tenant() -> Tenant:
    return make.tenant()


@pytest.fixture
def key(tenant: Tenant) -> ApiKey:
    return ApiKey.objects.get(pk=principal_of_key(make.api_key(tenant)).api_key_id)


def told(parties: tuple[Party, ...]) -> dict[PartyKind, Limits]:
    return {one.kind: one.limits for one in parties}


def test_nobody_has_limits_unless_somebody_sets_them(tenant: Tenant, key: ApiKey) -> None:
    assert parties_of(Caller(str(tenant.pk), str(key.pk)), None) == ()
    assert parties_of(Caller("user 1", ""), None) == ()


def test_a_key_and_its_tenant_have_their_own_limits_and_else_those_of_the_installation(
    tenant: Tenant, key: ApiKey, settings: Any
) -> None:
    settings.RAGSITE_LIMITS_OF_KEY = "answers=5/minute streams=2"
    settings.RAGSITE_LIMITS_OF_TENANT = "answers=100/day"
    limits_set(of=key, limits=limits_read("answers=9/minute"), actor=ACTOR)
    limits_set(of=tenant, limits=limits_read("tokens=0/month"), actor=ACTOR)
    limits_set(of=make.tenant(), limits=limits_read("searches=1/day"), actor=ACTOR)
    assert told(parties_of_key(tenant.pk, key.pk)) == {
        PartyKind.KEY: limits_read("answers=9/minute streams=2"),
        PartyKind.TENANT: limits_read("answers=100/day tokens=0/month"),
    }
    limits_set(of=key, limits={}, actor=ACTOR)
    assert told(parties_of_key(tenant.pk, key.pk))[PartyKind.KEY] == limits_read("answers=5/minute streams=2")
    assert WorkLimit.objects.filter(tenant=tenant).count() == 1


def test_a_person_uses_up_only_what_a_tenant_of_theirs_may(tenant: Tenant, settings: Any) -> None:
    settings.RAGSITE_LIMITS_OF_USER, settings.RAGSITE_LIMITS_OF_TENANT = "answers=3/minute", "answers=7/minute"
    base, foreign = make.knowledge_base(of=tenant), make.knowledge_base()
    user = make.member(tenant)
    asking = "/admin/knowledge-bases/{}/ask/stream/"

    def tenants(path: str) -> list[str]:
        route = route_of("POST", path, routes())
        return [
            one.tenant for one in parties_of_user(user.pk, whereabouts_of(route, path)) if one.kind is PartyKind.TENANT
        ]

    assert tenants(asking.format(base.pk)) == [str(tenant.pk)]
    assert tenants("/admin/") == [str(tenant.pk)]
    for pk in (foreign.pk, uuid4(), "nothing"):
        assert tenants(asking.format(pk)) == []
    Membership.objects.create(user=user, tenant=make.tenant())
    assert tenants("/admin/") == []
    assert tenants(asking.format(base.pk)) == [str(tenant.pk)]


def test_a_member_has_limits_of_their_own_where_they_work_and_else_those_of_the_installation(
    tenant: Tenant, settings: Any
) -> None:
    settings.RAGSITE_LIMITS_OF_USER = "answers=3/minute streams=2"
    user, elsewhere = make.member(tenant), make.tenant()
    limits_set(of=Membership.objects.get(user=user), limits=limits_read("answers=1/minute tokens=9/day"), actor=ACTOR)
    limits_set(of=tenant, limits=limits_read("answers=7/minute"), actor=ACTOR)
    assert [(one.tenant, one.limits) for one in parties_of_user(user.pk)] == [
        (str(tenant.pk), limits_read("answers=1/minute tokens=9/day")),
        ("", limits_read("streams=2")),
        (str(tenant.pk), limits_read("answers=7/minute")),
    ]
    assert told(parties_of_user(make.member(tenant).pk))[PartyKind.USER] == limits_read("answers=3/minute streams=2")
    Membership.objects.create(user=user, tenant=elsewhere)
    assert told(parties_of_user(user.pk)) == {PartyKind.USER: limits_read("answers=3/minute streams=2")}
    manager = make.client(tenant, Permission.GRANTS).get("/api/v1/usage/").json()["limits"]
    assert [(one["of"], one["user_id"], one["work"], one["limit"]) for one in manager] == [
        ("tenant", None, "answers", 7), ("user", user.pk, "answers", 1), ("user", user.pk, "tokens", 9),
    ]  # fmt: skip
    assert make.client(tenant, Permission.QUERY).get("/api/v1/usage/").json() == {"limits": []}


def test_a_key_sees_its_limits_and_who_manages_grants_those_of_the_tenant(tenant: Tenant) -> None:
    text = make.api_key(tenant, Permission.QUERY)
    key = ApiKey.objects.get(pk=principal_of_key(text).api_key_id)
    limits_set(of=key, limits=limits_read("answers=10/month streams=2"), actor=ACTOR)
    limits_set(of=tenant, limits=limits_read("answers=100/month"), actor=ACTOR)
    kind = LimitKind(Work.ANSWERS, Per.MONTH)
    party = Party(PartyKind.KEY, str(key.pk), str(tenant.pk), {kind: 10})
    quota = Bucket.of(party, kind, datetime.now(UTC)).quota
    assert quota is not None
    quota_uses_add({quota: 4})
    answer = Client(headers={"Authorization": f"Bearer {text}"}).get("/api/v1/usage/")
    month, streams = answer.json()["limits"]
    assert (month["of"], month["work"], month["per"], month["limit"]) == ("key", "answers", "month", 10)
    assert (month["used"], month["left"], month["ends"]) == (4, 6, quota.ends.isoformat().replace("+00:00", "Z"))
    assert (streams["work"], streams["per"], streams["limit"], streams["used"]) == ("streams", "once", 2, None)
    manager = make.client(tenant, Permission.GRANTS).get("/api/v1/usage/").json()["limits"]
    assert [(one["of"], one["limit"]) for one in manager] == [("tenant", 100)]


def test_the_command_makes_a_key_with_limits(tenant: Tenant) -> None:
    call_command("apikey", "narrow", "--tenant", tenant.name, "--limits", "answers=10/minute streams=2")
    key = ApiKey.objects.get(name="narrow")
    assert limits_of(key) == limits_read("answers=10/minute streams=2")
    with pytest.raises(CommandError, match="is no limit"):
        call_command("apikey", "wrong", "--tenant", tenant.name, "--limits", "many")
    assert not ApiKey.objects.filter(name="wrong").exists()
