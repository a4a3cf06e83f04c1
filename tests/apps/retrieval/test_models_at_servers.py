"""From an upload to an answer with models at servers, through the REST API."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from apps.documents.services.knowledge_bases import knowledge_base_create
from apps.models.installed_model import ModelKind
from apps.models.services.connecting import Connection, model_connect
from ragsite.gateway.models import Permission
from tests import factories as make
from tests.acting import ACTOR
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


def test_documents_are_embedded_found_and_reranked_by_models_at_servers(engine: ModelServer) -> None:
    for kind in (ModelKind.EMBEDDING, ModelKind.RERANKING):
        connected = Connection(name=f"{kind} there", kind=kind, urls=[engine.url], model=MODEL)
        model_connect(connected, by_default=True, actor=ACTOR)
    tenant = make.tenant()
    base = knowledge_base_create(tenant_id=tenant.pk, name="Harbour", actor=ACTOR)
    make.upload(base, make.HANDBOOK)
    before = len(engine.seen)
    make.run_stages()
    version = base.documents.get().current_version
    assert version is not None
    assert [one.path for one in engine.seen[before:]] == ["/v1/embeddings"], "its chunks, at once"
    _, client = make.keyed(tenant)
    body = {"query": QUESTION, "rerank": True, "mode": "dense"}
    found = client.post("/api/v1/search", body, content_type="application/json").json()
    assert found["degraded"] == []
    assert "42 berths" in found["passages"][0]["text"]
    assert [one.path for one in engine.seen[before + 1 :]] == ["/v1/embeddings", "/v1/rerank"]


def test_a_search_goes_by_words_where_the_server_of_its_model_is_gone(engine: ModelServer) -> None:
    about = {"name": "there", "kind": ModelKind.EMBEDDING, "urls": [engine.url], "model": MODEL}
    model_connect(Connection(**about), by_default=True, actor=ACTOR)
    tenant = make.tenant()
    make.upload(knowledge_base_create(tenant_id=tenant.pk, name="Harbour", actor=ACTOR), make.HANDBOOK)
    make.run_stages()
    engine.always(refuses(503, "gone"))
    _, client = make.keyed(tenant)
    found = client.post("/api/v1/search", {"query": QUESTION}, content_type="application/json").json()
    assert [(one["step"], one["code"]) for one in found["degraded"]] == [("embed", "model_server_failed")]
    assert "42 berths" in found["passages"][0]["text"]


NO_TEXT = "\x00\ud800"


def test_an_answer_with_signs_that_no_database_keeps_is_kept_without_them(client: Client, engine: ModelServer) -> None:
    engine.says = WRITTEN.replace("42", f"{NO_TEXT}42")
    assert [one["quote"] for one in ask(client)["citations"]] == [QUOTE]
    engine.always(refuses(500, {"error": {"message": f"boom {NO_TEXT}"}}))
    (degraded,) = ask(client)["degraded"]
    assert degraded["code"] == "model_server_failed"
