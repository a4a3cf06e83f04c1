"""Limits in the admin: on the form of a new key, and on a page of each key, member and tenant."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from ragsite.core.limits import limits_read
from ragsite.gateway.keys import principal_of_key
from ragsite.gateway.limits.rows import Limited, limits_of, limits_set
from ragsite.gateway.models import ApiKey, Membership, Role, Tenant
from tests import factories as make
from tests.acting import ACTOR

pytestmark = pytest.mark.django_db


def page_of(row: Limited) -> str:
    return f"/admin/gateway/{row._meta.model_name}/{row.pk}/limits/"


@pytest.fixture
def tenant() -> Tenant:
    return make.tenant()


@pytest.fixture
def key(tenant: Tenant) -> ApiKey:
    return ApiKey.objects.get(pk=principal_of_key(make.api_key(tenant)).api_key_id)


def signed_in(tenant: Tenant, role: Role) -> Client:
    client = Client()
    client.force_login(make.member(tenant, role))
    return client


def test_a_key_is_made_with_limits(admin_client: Client, tenant: Tenant, settings: Any) -> None:
    settings.RAGSITE_LIMITS_OF_KEY = "answers=5/minute upload_bytes=3MB/day"
    add = "/admin/gateway/apikey/add/"
    form = admin_client.get(add).content.decode()
    assert 'placeholder="5"' in form
    assert 'placeholder="3"' in form
    sent = {
        "tenant": tenant.pk,
        "name": "booking",
        "permissions": ["query"],
        "answers_minute": "9",
        "streams_once": "0",
    }
    assert admin_client.post(add, sent).status_code == 302
    assert limits_of(ApiKey.objects.get()) == limits_read("answers=9/minute streams=0")
    refused = admin_client.post(add, sent | {"answers_minute": "-1"})
    assert set(refused.context["adminform"].form.errors) == {"answers_minute"}
    assert ApiKey.objects.count() == 1


def test_limits_are_set_and_taken_away_on_their_page(admin_client: Client, tenant: Tenant, key: ApiKey) -> None:
    make.member(tenant)
    for row in (tenant, key, Membership.objects.get()):
        assert f"/{row.pk}/limits" in admin_client.get(page_of(row).replace("limits/", "change/")).content.decode()
        admin_client.post(page_of(row), {"upload_bytes_day": "7", "tokens_month": "1000"})
        assert limits_of(row) == limits_read("upload_bytes=7MB/day tokens=1000/month")
        shown = admin_client.get(page_of(row)).content.decode()
        assert 'value="7"' in shown
        assert "No limit" in shown
        admin_client.post(page_of(row), {})
        assert limits_of(row) == {}


def test_an_owner_sets_limits_of_keys_and_not_of_the_tenant(tenant: Tenant, key: ApiKey) -> None:
    owner, editor, stranger = (
        signed_in(*one) for one in ((tenant, Role.OWNER), (tenant, Role.EDITOR), (make.tenant(), Role.OWNER))
    )
    assert owner.post(page_of(key), {"answers_day": "1"}).status_code == 302
    assert [one.post(page_of(key), {"answers_day": "2"}).status_code for one in (editor, stranger)] == [404, 404]
    assert [one.post(page_of(tenant), {"answers_day": "2"}).status_code for one in (owner, stranger)] == [403, 404]
    assert (limits_of(key), limits_of(tenant)) == (limits_read("answers=1/day"), {})


def test_an_owner_sets_limits_of_members_and_sees_what_they_use(tenant: Tenant) -> None:
    member = Membership.objects.get(user=make.member(tenant))
    owner, editor, operator, stranger = (
        signed_in(*one)
        for one in ((tenant, Role.OWNER), (tenant, Role.EDITOR), (tenant, Role.OPERATOR), (make.tenant(), Role.OWNER))
    )
    assert owner.post(page_of(member), {"answers_day": "4711"}).status_code == 302
    tried = [one.post(page_of(member), {"answers_day": "2"}).status_code for one in (editor, operator, stranger)]
    assert tried == [404, 404, 404]
    assert limits_of(member) == limits_read("answers=4711/day")
    shown = [f"{4711:,}" in one.get("/admin/usage/").content.decode() for one in (owner, operator, stranger)]
    assert shown == [True, False, False]


def test_the_page_of_usage_shows_limits_and_what_is_used(
    admin_client: Client, tenant: Tenant, django_assert_max_num_queries: Any
) -> None:
    for one in (tenant, make.tenant(), make.tenant()):
        limits_set(of=one, limits=limits_read("answers=2500/month upload_bytes=3MB/day streams=2"), actor=ACTOR)
    admin_client.get("/admin/usage/")
    with django_assert_max_num_queries(25):
        page = admin_client.get("/admin/usage/").content.decode()
    for said in ("Answers a month", "2,500", "3.0", "Streamed answers at once", tenant.name):
        assert said in page
    assert "Answers a month" not in signed_in(make.tenant(), Role.OWNER).get("/admin/usage/").content.decode()
