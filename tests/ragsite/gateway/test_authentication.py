from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from apps.documents.models import Document, KnowledgeBase
from ragsite.gateway.models import ApiKey, Permission, Tenant
from tests import factories as make

pytestmark = pytest.mark.django_db

RESOURCES, QUERIES = "/api/v1/knowledge-bases/", "/api/v1/search"
DOORS = pytest.mark.parametrize(("method", "url"), [("get", RESOURCES), ("post", QUERIES)], ids=["DRF", "ninja"])


def call(method: str, url: str, authorization: str | None) -> Any:
    headers = {} if authorization is None else {"Authorization": authorization}
    body = {"query": "berths"} if method == "post" else None
    return getattr(Client(headers=headers), method)(url, body, content_type="application/json")


def assert_turned_away(response: Any) -> None:
    assert response.status_code == 401, response.content
    assert response["Content-Type"] == "application/problem+json"
    assert response["WWW-Authenticate"] == "Bearer"
    problem = response.json()
    assert problem["code"] == "not_authenticated"
    assert problem["status"] == 401


@DOORS
@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_both_apis_know_a_good_key(method: str, url: str, scheme: str) -> None:
    assert call(method, url, f"{scheme} {make.api_key(make.tenant())}").status_code == 200


@DOORS
@pytest.mark.parametrize(
    "authorization",
    [None, "", "Bearer", "Bearer   ", "Basic cmFnOnNlY3JldA==", "{key}", "Token {key}", "Bearer {key} {key}",
     "Bearer {key}x", "Bearer rag_unknown.secret", "Bearer \x00", "Bearer rag_\x00.x", "Bearer ключ.ключ"],
)  # fmt: skip
def test_both_apis_turn_a_caller_without_a_good_key_away_alike(
    method: str, url: str, authorization: str | None
) -> None:
    key = make.api_key(make.tenant())
    assert_turned_away(call(method, url, authorization and authorization.replace("{key}", key)))


@DOORS
@pytest.mark.parametrize("field", ["revoked_at", "expires_at"])
def test_both_apis_turn_a_revoked_or_expired_key_away_at_once(method: str, url: str, field: str) -> None:
    headers = make.headers(make.tenant())
    assert call(method, url, headers["Authorization"]).status_code == 200
    key = ApiKey.objects.get()
    ApiKey.objects.update(**{field: key.created_at})
    assert_turned_away(call(method, url, headers["Authorization"]))


def test_a_session_of_the_admin_opens_no_api(admin_client: Client) -> None:
    assert_turned_away(admin_client.get(RESOURCES))
    assert_turned_away(admin_client.post(QUERIES, {"query": "berths"}, content_type="application/json"))


def requests_by_permission(base: KnowledgeBase) -> list[tuple[Permission, str, str, dict[str, Any]]]:
    json: dict[str, Any] = {"content_type": "application/json"}
    document = f"/api/v1/documents/{uuid4()}/"
    return [
        (Permission.READ, "get", RESOURCES, {}),
        (Permission.READ, "head", RESOURCES, {}),
        (Permission.READ, "get", document, {}),
        (Permission.READ, "get", f"{document}versions/", {}),
        (Permission.WRITE, "post", RESOURCES, {"data": {"name": "New"}, **json}),
        (Permission.WRITE, "patch", f"{RESOURCES}{base.pk}/", {"data": {"name": "Other"}, **json}),
        (Permission.WRITE, "delete", f"{RESOURCES}{base.pk}/", {}),
        (Permission.WRITE, "post", "/api/v1/documents/", {"data": {"knowledge_base": str(base.pk)}}),
        (Permission.WRITE, "post", f"{document}versions/", {}),
        (Permission.WRITE, "post", "/api/v1/documents/bulk/", {"data": {"knowledge_base": str(base.pk)}}),
        (Permission.WRITE, "put", document, {}),
        (Permission.WRITE, "patch", document, {"data": {"title": "New"}, **json}),
        (Permission.WRITE, "delete", document, {}),
        (Permission.WRITE, "post", f"/api/v1/versions/{uuid4()}/retry/", {}),
        (Permission.QUERY, "post", QUERIES, {"data": {"query": "berths"}, **json}),
        (Permission.QUERY, "post", "/api/v1/ask", {"data": {"question": "berths?"}, **json}),
        (Permission.QUERY, "get", f"/api/v1/answers/{uuid4()}", {}),
    ]


def test_every_request_asks_for_its_own_permission_and_names_it() -> None:
    tenant = make.tenant()
    base = make.knowledge_base(of=tenant)
    for needed, method, url, body in requests_by_permission(base):
        others = [permission for permission in Permission if permission not in (needed, Permission.WORK)]
        response = getattr(make.client(tenant, *others), method)(url, **body)
        assert response.status_code == 403, (method, url, response.content)
        if method != "head":
            assert response.json()["code"] == "permission_denied"
            assert f"permission '{needed.value}'" in response.json()["detail"]
        allowed = getattr(make.client(tenant, needed), method)(url, **body)
        assert allowed.status_code not in (401, 403), (method, url, allowed.content)


def test_a_key_that_may_only_read_uploads_nothing() -> None:
    base = make.knowledge_base()
    body = {"knowledge_base": str(base.pk), "file": make.file("Some text.")}
    response = make.client(base.tenant, Permission.READ).post("/api/v1/documents/", body)
    assert response.status_code == 403
    assert not Document.objects.exists()


def test_callers_see_only_their_own_tenants_knowledge_bases() -> None:
    mine, theirs = make.knowledge_base(), make.knowledge_base()
    listed = make.client(mine.tenant).get(RESOURCES).json()["results"]
    assert [row["id"] for row in listed] == [str(mine.pk)]
    assert Tenant.objects.count() == 2
    assert theirs.name not in str(listed)
