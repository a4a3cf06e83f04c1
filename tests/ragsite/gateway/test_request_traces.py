from __future__ import annotations

import logging
from uuid import uuid4

import pytest
from django.test import Client

from apps.documents.models import DocumentVersion
from ragsite.core.logs.formatting import FIELDS
from ragsite.core.models import OutboxEvent
from ragsite.gateway.edge import refusal, too_late
from tests import factories as make
from workers.relay import cloud_event
from workers.relay_session import UnsentEvent

pytestmark = pytest.mark.django_db
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
GIVEN = f"00-{TRACE}-00f067aa0ba902b7-01"


def test_a_callers_trace_is_answered_and_kept_with_what_the_request_led_to() -> None:
    base = make.knowledge_base()
    _key, client = make.keyed(base.tenant)
    body = {"knowledge_base": str(base.pk), "file": make.file("The harbour has 42 berths.")}
    answer = client.post("/api/v1/documents/", body, headers={"traceparent": GIVEN})
    assert answer["traceresponse"] == GIVEN
    version = DocumentVersion.objects.get()
    assert (version.actor or {})["traceparent"] == GIVEN
    assert client.get(f"/api/v1/versions/{version.pk}/").json()["trace_id"] == TRACE

    row = OutboxEvent.objects.get(type="document.created")
    columns = ("id", "event_id", "tenant_id", "type", "key", "payload", "actor", "created_at")
    message = cloud_event(UnsentEvent(**{name: getattr(row, name) for name in columns}))
    assert dict(message.headers)["traceparent"] == GIVEN.encode()
    assert f'"traceparent": "{GIVEN}"'.replace(" ", "").encode() in (message.value or b"").replace(b" ", b"")


def test_what_names_no_trace_is_answered_with_none() -> None:
    for given in ("", "not one", f"00-{'0' * 32}-00f067aa0ba902b7-01"):
        answer = Client().get("/api/v1/documents/", headers={"traceparent": given})
        assert "traceresponse" not in answer


def test_a_request_is_one_line_with_its_route_and_who_called_but_nothing_that_was_written(
    caplog: pytest.LogCaptureFixture,
) -> None:
    base = make.knowledge_base()
    _key, client = make.keyed(base.tenant)
    with caplog.at_level(logging.INFO, "ragsite.requests"):
        client.get(f"/api/v1/knowledge-bases/{base.pk}/", {"secret": "herring"})
        client.get("/nowhere/herring")
        client.get("/health/live")
    mine = [one for one in caplog.records if one.name == "ragsite.requests"]
    told, missing = (getattr(one, FIELDS) for one in mine)
    assert (told["method"], told["status"], missing["status"]) == ("GET", 422, 404)
    assert (told["route"], missing["route"]) == ("/api/v1/knowledge-bases/<uuid:pk>/", "no route")
    assert "herring" not in "".join(one.getMessage() for one in mine)
    assert str(base.pk) not in mine[0].getMessage()


def test_a_request_that_is_refused_before_anything_looked_at_it_is_a_line_and_a_part_of_its_trace_too(
    caplog: pytest.LogCaptureFixture,
) -> None:
    headers = [(b"traceparent", GIVEN.encode()), (b"x-request-id", b"of-the-caller")]
    scope = {"type": "http", "method": "POST", "path": f"/api/v1/knowledge-bases/{uuid4()}/", "headers": headers}
    with caplog.at_level(logging.INFO, "ragsite.requests"):
        answer = refusal(too_late(), scope)
        refusal(too_late())
    whole, headless = (getattr(one, FIELDS) for one in caplog.records if one.name == "ragsite.requests")
    assert (whole["method"], whole["route"], whole["status"]) == ("POST", "/api/v1/knowledge-bases/<uuid:pk>/", 408)
    assert (headless["route"], headless["status"]) == ("no route", 408)
    assert (answer["traceresponse"], answer["X-Request-ID"]) == (GIVEN, "of-the-caller")
