from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch

import pytest
from django.test import Client

from ragsite.api import openapi
from ragsite.gateway import deprecations
from ragsite.gateway.deprecations import Deprecation, day
from tests import factories as make

pytestmark = pytest.mark.django_db
ALLOWED, OTHER = "https://app.example.org", "https://evil.example.org"
URL = "/api/v1/documents/"
ASKS = {"Access-Control-Request-Method": "PATCH", "Access-Control-Request-Headers": "authorization,if-match"}


@pytest.fixture
def origins(settings: Any) -> None:
    settings.RAGSITE_CORS_ORIGINS = frozenset({ALLOWED})


@pytest.mark.usefixtures("origins")
def test_a_page_that_is_named_may_call_the_api_and_takes_no_cookies_along() -> None:
    asked = Client().options(URL, headers={"Origin": ALLOWED, **ASKS})
    assert (asked.status_code, asked["Access-Control-Allow-Origin"]) == (204, ALLOWED)
    assert "PATCH" in asked["Access-Control-Allow-Methods"]
    assert {"Authorization", "If-Match", "Idempotency-Key"} <= set(asked["Access-Control-Allow-Headers"].split(", "))
    called = make.client(make.tenant()).get(URL, headers={"Origin": ALLOWED})
    assert (called.status_code, called["Access-Control-Allow-Origin"]) == (200, ALLOWED)
    assert "ETag" in called["Access-Control-Expose-Headers"]
    assert Client().get(URL, headers={"Origin": ALLOWED})["Access-Control-Allow-Origin"] == ALLOWED
    for response in (asked, called):
        assert "Origin" in response["Vary"]
        assert "Access-Control-Allow-Credentials" not in response


@pytest.mark.usefixtures("origins")
@pytest.mark.parametrize(("path", "origin"), [(URL, OTHER), (URL, "null"), ("/admin/login/", ALLOWED), ("/", ALLOWED)])
def test_no_other_page_and_no_other_address_is_let_in(path: str, origin: str) -> None:
    for response in (
        Client().options(path, headers={"Origin": origin, **ASKS}),
        Client().get(path, headers={"Origin": origin}),
    ):
        assert "Access-Control-Allow-Origin" not in response


def test_without_the_setting_nobody_is() -> None:
    assert "Access-Control-Allow-Origin" not in Client().options(URL, headers={"Origin": ALLOWED, **ASKS})


def test_what_goes_says_so_with_every_answer_and_in_the_document() -> None:
    route = "api/v1/documents/<uuid:pk>/"
    table = {("GET", route): Deprecation(day(2026, 12, 1), datetime(2027, 6, 1, tzinfo=UTC))}
    document = make.upload(make.knowledge_base()).version.document
    client = make.client(document.tenant)
    with patch.object(deprecations, "DEPRECATIONS", table):
        told = client.get(f"/api/v1/documents/{document.pk}/")
        other = client.get("/api/v1/documents/")
        operations = openapi()["paths"]["/api/v1/documents/{id}/"]
    assert (told["Deprecation"], told["Sunset"]) == ("@1796083200", "Tue, 01 Jun 2027 00:00:00 GMT")
    assert 'rel="deprecation"' in told["Link"]
    assert "Deprecation" not in other
    assert [operations[method].get("deprecated", False) for method in ("get", "patch")] == [True, False]


def test_pages_ask_for_nothing_of_the_machine_and_are_kept_to_themselves() -> None:
    for path in ("/admin/login/", "/api/docs", URL, "/nothing"):
        response = Client().get(path)
        assert "camera=()" in response["Permissions-Policy"], path
        assert (response["Referrer-Policy"], response["X-Content-Type-Options"]) == ("same-origin", "nosniff"), path
        assert response["X-Frame-Options"] == "DENY", path
