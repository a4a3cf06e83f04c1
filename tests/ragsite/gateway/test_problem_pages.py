"""What people see in a browser of a request that failed."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError
from django.db.backends.base.base import BaseDatabaseWrapper
from django.test import Client

from ragsite.gateway.models import Role
from tests import factories as make

pytestmark = pytest.mark.django_db
BROWSER: dict[str, Any] = {"headers": {"accept": "text/html"}}
FRAME = 'id="nav-sidebar-apps"'


def reader_of(tenant: Any) -> Client:
    user = make.member(tenant, Role.READER, name="rita")
    User.objects.filter(pk=user.pk).update(is_staff=True)
    client = Client()
    client.force_login(user)
    return client


def test_a_page_that_is_not_there_is_told_within_the_admin(admin_client: Client) -> None:
    response = admin_client.get("/admin/documents/nothing/", **BROWSER)
    page = response.content.decode()
    assert response.status_code == 404
    assert FRAME in page
    assert "<h2>There is nothing here</h2>" in page
    assert 'href="/admin/"' in page


def test_who_may_not_open_a_page_is_told_who_can_mend_that() -> None:
    tenant = make.tenant()
    make.member(tenant, Role.OWNER, name="olga")
    make.member(make.tenant(), Role.OWNER, name="elsewhere")
    response = reader_of(tenant).get("/admin/gateway/apikey/", **BROWSER)
    page = response.content.decode()
    assert response.status_code == 403
    assert FRAME in page
    assert "Who can give you access: olga." in page


def test_without_an_owner_a_superuser_is_named_as_who_can(admin_client: Client) -> None:
    page = reader_of(make.tenant()).get("/admin/gateway/apikey/", **BROWSER).content.decode()
    assert "A superuser of this installation can give you access." in page


def test_who_is_not_signed_in_sees_a_page_of_its_own(client: Client) -> None:
    response = client.get("/nothing", **BROWSER)
    assert response.status_code == 404
    assert FRAME not in response.content.decode()
    assert "<h1>There is nothing here</h1>" in response.content.decode()


@pytest.mark.parametrize("path", ["/admin/", "/admin/login/", "/admin/nothing/"])
def test_a_dead_database_is_told_in_words(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client(raise_request_exception=False)
    client.force_login(User.objects.create_superuser("ada"))

    def dead(wrapper: Any) -> None:
        raise OperationalError("connection refused: hunter2")

    monkeypatch.setattr(BaseDatabaseWrapper, "ensure_connection", dead)
    response = client.post(path, {"username": "a", "password": "b"}, **BROWSER)
    monkeypatch.undo()
    page = response.content.decode()
    assert response.status_code == 503
    assert "<h1>This does not work right now</h1>" in page
    assert re.search(r"database", page, re.IGNORECASE)
    assert "hunter2" not in page
    assert "Server Error (500)" not in page


def test_what_nobody_foresaw_is_told_with_a_way_back(monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client(raise_request_exception=False)
    client.force_login(User.objects.create_superuser("ada"))

    def broken(*args: Any) -> None:
        raise LookupError("hunter2")

    monkeypatch.setattr("apps.monitoring.home.page.home", broken)
    response = client.get("/admin/", **BROWSER)
    page = response.content.decode()
    assert response.status_code == 500
    assert "<h1>Something went wrong here</h1>" in page
    assert 'href="/admin/"' in page
    assert "hunter2" not in page


def test_signing_in_greets_nobody_and_has_one_box_for_an_error(client: Client) -> None:
    page = client.get("/admin/login/").content.decode()
    assert "Sign in to ragsite" in page
    assert "Welcome back" not in page
    refused = client.post("/admin/login/", {"username": "ada", "password": "wrong"}).content.decode()
    assert refused.count("errornote") == 1


def test_the_api_s_docs_lead_back_to_the_admin(client: Client) -> None:
    page = client.get("/api/docs").content.decode()
    assert '<a href="/admin/">Back to the admin</a>' in page
