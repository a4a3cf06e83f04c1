from __future__ import annotations

import logging
from uuid import UUID

import pytest
from django.test import Client
from django.urls import path

from apps.documents.models import DocumentVersion
from ragsite import urls
from ragsite.core.models import OutboxEvent
from tests import factories as make

pytestmark = pytest.mark.django_db
GIVEN = "0198a203-e599-7979-b251-3e6c4f661cc8"


def broken(request: object) -> None:
    raise RuntimeError("a defect")


urlpatterns = [path("api/broken", broken), *urls.urlpatterns]
handler500 = urls.handler500


@pytest.mark.parametrize("address", ["/health/live", "/api/v1/nothing/", "/admin/login/", "/static/ragsite/admin.css"])
def test_every_answer_names_its_request(client: Client, address: str) -> None:
    assert client.get(address, headers={"X-Request-ID": GIVEN})["X-Request-ID"] == GIVEN
    made = client.get(address)["X-Request-ID"]
    assert UUID(made).version == 7
    assert client.get(address, headers={"X-Request-ID": "not one"})["X-Request-ID"] not in (made, "not one")


def test_a_problem_names_the_request_that_had_it(client: Client) -> None:
    for address in ("/api/v1/nothing/", "/api/v1/documents/", "/api/v1/ask"):
        problem = client.get(address, headers={"X-Request-ID": GIVEN})
        assert (problem.status_code >= 400, problem.json()["request_id"]) == (True, GIVEN)


@pytest.mark.urls(__name__)
def test_a_defect_is_answered_and_logged_under_the_id_of_its_request(caplog: pytest.LogCaptureFixture) -> None:
    client = Client(raise_request_exception=False)
    answer = client.get("/api/broken", headers={"X-Request-ID": GIVEN})
    assert (answer.status_code, answer["X-Request-ID"], answer.json()["request_id"]) == (500, GIVEN, GIVEN)


def test_the_request_is_named_in_what_it_did() -> None:
    base = make.knowledge_base()
    key, client = make.keyed(base.tenant)
    body = {"knowledge_base": str(base.pk), "file": make.file("The harbour has 42 berths.")}
    client.post("/api/v1/documents/", body, headers={"X-Request-ID": GIVEN})
    asked = {"kind": "key", "id": str(key.pk), "name": "keyed", "door": "api", "request_id": GIVEN}
    assert DocumentVersion.objects.get().actor == asked
    assert OutboxEvent.objects.get(type="document.created").actor == asked


def test_the_openapi_document_knows_the_member(client: Client) -> None:
    problem = client.get("/api/openapi.json").json()["components"]["schemas"]["Problem"]
    assert "request_id" in problem["properties"]
    assert "request_id" not in problem["required"]


def test_the_logs_of_the_process_are_set_to_carry_it() -> None:
    console = next(one for one in logging.getLogger().handlers if type(one) is logging.StreamHandler)
    assert console.filters
    assert "in_request" in console.formatter._fmt  # type: ignore[union-attr, operator]
