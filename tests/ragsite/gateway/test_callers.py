"""Who a request comes from, before anything else of it is looked at."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError
from django.test import Client

from ragsite.gateway import callers
from ragsite.gateway.bearers import principal_shown
from ragsite.gateway.callers import Callers
from ragsite.gateway.errors import RequestRefusedError
from ragsite.gateway.keys import Principal, api_key_create, key_shown, principal_of_key
from ragsite.gateway.models import ApiKey, Permission, Tenant
from ragsite.gateway.tokens import tokens_begin
from ragsite.gateway.visits import UNKNOWN, Caller
from tests.acting import ACTOR

pytestmark = pytest.mark.django_db(transaction=True)
ADDRESS = ("203.0.113.7", 1)


def scope(**headers: str) -> dict[str, Any]:
    return {"headers": [(name.encode(), value.encode()) for name, value in headers.items()], "client": ADDRESS}


def of(*scopes: dict[str, Any], known: Callers | None = None) -> list[Caller]:
    async def all_of() -> list[Caller]:
        asked = known or Callers()
        return list(await asyncio.gather(*map(asked.of, scopes)))

    return asyncio.run(all_of())


@pytest.fixture
def key() -> str:
    tenant = Tenant.objects.create(name="Caller")
    return api_key_create(tenant=tenant, name="caller", permissions=[Permission.READ], actor=ACTOR)[1]


@pytest.fixture
def looked_up() -> Iterator[list[str]]:
    """The keys that were looked up."""
    seen: list[str] = []

    def look_up(key: str) -> Principal | None:
        seen.append(key)
        return principal_shown(key)

    with patch.object(callers, "principal_shown", look_up):
        yield seen


def test_a_key_stands_for_its_tenant(key: str) -> None:
    principal = principal_of_key(key)
    assert of(scope(authorization=f"Bearer {key}")) == [Caller(str(principal.tenant_id), str(principal.api_key_id))]


def test_a_token_of_either_use_stands_for_the_tenant_of_its_key_and_nothing_is_noted(key: str) -> None:
    pair = tokens_begin(shown=key_shown(key), actor=ACTOR)
    ApiKey.objects.update(last_used_at=None)
    whose = of(
        *[scope(authorization=f"Bearer {shown}") for shown in (key, pair.access, pair.refresh, pair.access[:-4])]
    )
    assert whose == [whose[0]] * 3 + [Caller(UNKNOWN, ADDRESS[0])]
    assert ApiKey.objects.get().last_used_at is None


def test_many_requests_with_one_key_look_it_up_once(key: str, looked_up: list[str]) -> None:
    known = Callers()
    assert len(set(of(*[scope(authorization=f"Bearer {key}")] * 10, known=known))) == 1
    of(scope(authorization=f"Bearer {key}"), known=known)
    assert looked_up == [key]


def test_a_key_is_looked_up_again_after_a_while(key: str, looked_up: list[str]) -> None:
    known = Callers()
    with patch.object(callers, "_KEPT_SECONDS", -1.0):
        of(scope(authorization=f"Bearer {key}"), known=known)
        of(scope(authorization=f"Bearer {key}"), known=known)
    assert looked_up == [key, key]


@pytest.mark.parametrize("header", ["", "Bearer x", "Bearer rag_0123456789ab.short", "Basic YTpi", "Bearer \x00"])
def test_what_has_not_the_form_of_a_key_is_not_looked_up(header: str, looked_up: list[str]) -> None:
    assert of(scope(authorization=header)) == [Caller(UNKNOWN, ADDRESS[0])]
    assert looked_up == []


def test_a_key_that_nobody_has_is_of_an_unknown_caller(key: str) -> None:
    wrong = key[:-1] + ("a" if key[-1] != "a" else "b")
    assert of(scope(authorization=f"Bearer {wrong}")) == [Caller(UNKNOWN, ADDRESS[0])]


def test_a_session_stands_for_the_user_who_signed_in() -> None:
    user = User.objects.create_user("ada", password="a long password of hers")
    browser = Client()
    browser.force_login(user)
    cookie = f"theme=dark; sessionid={browser.cookies['sessionid'].value}"
    assert of(scope(cookie=cookie)) == [Caller(f"user {user.pk}", "")]
    browser.logout()
    assert of(scope(cookie=cookie)) == [Caller(UNKNOWN, ADDRESS[0])]


def test_a_session_in_which_nobody_signed_in_stands_for_nobody() -> None:
    store = Client().session
    store["theme"] = "dark"
    store.save()
    assert of(scope(cookie=f"sessionid={store.session_key}")) == [Caller(UNKNOWN, ADDRESS[0])]


def test_while_the_database_does_not_answer_a_key_is_neither_known_nor_unknown(key: str) -> None:
    with (
        patch.object(callers, "principal_shown", side_effect=OperationalError("gone")),
        pytest.raises(RequestRefusedError) as refused,
    ):
        of(scope(authorization=f"Bearer {key}"))
    assert (refused.value.http_status, refused.value.error_code) == (503, "database_unavailable")


def test_keys_that_are_made_up_by_the_hundred_wait_for_no_thread_each() -> None:
    made_up = [scope(authorization=f"Bearer rag_{number:012x}.{'x' * 43}") for number in range(100)]

    async def refusals() -> list[str]:
        known = Callers()
        found = await asyncio.gather(*map(known.of, made_up), return_exceptions=True)
        return [one.error_code for one in found if isinstance(one, RequestRefusedError)]

    assert asyncio.run(refusals()) == ["busy"] * 36
