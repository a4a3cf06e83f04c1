"""From an upload to an answer that a model at a server wrote, through the REST API."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from ragsite.gateway.models import Permission
from tests import factories as make
from tests.model_server import KEY, MODEL, ModelServer, refuses

pytestmark = pytest.mark.django_db

QUESTION = "How many berths for guests has the harbour?"
WRITTEN = "The harbour has 42 berths for guests [1]."
QUOTE = "The harbour has 42 berths for guests."


@pytest.fixture
def client(settings: Any, engine: ModelServer) -> Client:
    settings.RAGSITE_GENERATOR = f"openai:{engine.url}#{MODEL}"
    settings.RAGSITE_GENERATOR_API_KEY = KEY
    engine.says = WRITTEN
    tenant = make.tenant()
    base = make.knowledge_base(of=tenant)
    _, client = make.keyed(tenant, Permission.READ, Permission.WRITE, Permission.QUERY)
    uploaded = client.post(
        "/api/v1/documents/", {"knowledge_base": base.pk, "file": make.file(make.HANDBOOK, "harbour.md")}
    )
    assert uploaded.status_code == 202, uploaded.content
    make.run_stages()
    return client


def ask(client: Client) -> dict[str, Any]:
    response = client.post("/api/v1/ask", {"question": QUESTION}, content_type="application/json")
    assert response.status_code == 200, response.content
    answer: dict[str, Any] = response.json()
    return answer


def test_the_next_question_is_answered_by_the_model_that_the_setting_names(client: Client, engine: ModelServer) -> None:
    answer = ask(client)
    assert (answer["generator"], answer["degraded"]) == ("language_model", [])
    assert [one["quote"] for one in answer["citations"]] == [QUOTE]
    assert engine.seen[-1].headers["authorization"] == f"Bearer {KEY}"
    (asked,) = engine.asked()
    assert QUOTE in asked["messages"][-1]["content"]
    assert KEY not in str(answer)


def test_where_its_server_fails_sentences_are_quoted_and_the_answer_says_why(
    client: Client, engine: ModelServer
) -> None:
    engine.always(refuses(500, "boom"))
    answer = ask(client)
    assert answer["generator"] == "extractive"
    (degraded,) = answer["degraded"]
    assert (degraded["step"], degraded["code"]) == ("generate", "model_server_failed")
