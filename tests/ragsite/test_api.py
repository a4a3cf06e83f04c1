from __future__ import annotations

import json
import re
import uuid
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.staticfiles import finders
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from jsonschema import Draft202012Validator

from apps.documents.models import Chunk, Document, DocumentVersion, KnowledgeBase, KnowledgeBaseDeletion
from apps.documents.services.knowledge_bases import knowledge_base_delete
from apps.monitoring.models import Webhook
from apps.retrieval.evaluation.runs import evaluation_run_start
from apps.retrieval.evaluation.sets import NewJudgement, evaluation_set_create, question_add
from apps.retrieval.models import (
    Answer,
    Conversation,
    Erasure,
    EvaluationQuestion,
    EvaluationRun,
    EvaluationSet,
    Query,
)
from apps.retrieval.models.modes import Searching
from ragsite.api import _merge
from ragsite.core.audit.models import AuditEntry
from ragsite.gateway.models import Permission, Tenant
from tests import factories as make
from tests.acting import ACTOR

METHODS = ("get", "post", "put", "patch", "delete")
ROOT = "api/v1/"
WEBHOOK = {"url": "https://example.org/hooks", "types": ["document.deleted"]}
OF_ALL = frozenset({
    "models", "model-versions", "model-tasks", "model-orders", "loaded-models", "purges", "settings", "flags",
})  # fmt: skip
"""What belongs to the installation: no tenant is a stranger to it, and a permission of its own guards its changes; and what is
named alike in each tenant.
"""
FOR_EVERY_KEY = {
    "get /api/v1/usage/", "post /api/v1/tokens/", "post /api/v1/tokens/refresh/", "post /api/v1/tokens/revoke/",
}  # fmt: skip
"""What asks for no permission: a key's own limits and tokens."""


def routes() -> list[str]:
    """Every route under /api/v1, as the resolver knows them."""
    found = list(_routes(get_resolver(), ""))
    return sorted({route for route in found if route.startswith(ROOT)})


def _routes(resolver: URLResolver, prefix: str) -> Iterator[str]:
    for entry in resolver.url_patterns:
        route = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from _routes(entry, route)
        elif isinstance(entry, URLPattern) and entry.name != "api-root":
            yield route


def filled(route: str, value: str) -> str:
    return "/" + re.sub(r"<[^>]+>", value, route)


def call(client: Client, method: str, url: str, body: Any = None) -> Any:
    return getattr(client, method)(url, body or {}, **({} if method == "get" else {"content_type": "application/json"}))


def test_the_routes_are_those_that_these_tests_know() -> None:
    assert [filled(route, "{id}").removeprefix("/api/v1") for route in routes()] == [
        "/analytics/cache/",
        "/analytics/cited-passages/",
        "/analytics/costs/",
        "/analytics/filling/",
        "/analytics/quality/",
        "/analytics/unanswered-questions/",
        "/analytics/uncited-documents/",
        "/analytics/waiting/",
        "/answers/{id}",
        "/answers/{id}/cancel",
        "/answers/{id}/events",
        "/answers/{id}/export",
        "/answers/{id}/feedback",
        "/ask",
        "/audit-entries/",
        "/audit-entries/{id}/",
        "/conversations/",
        "/conversations/{id}/export",
        "/conversations/{id}/",
        "/documents/",
        "/documents/{id}/",
        "/documents/{id}/edits/",
        "/documents/{id}/edits/undo/",
        "/documents/{id}/file/",
        "/documents/{id}/grants/",
        "/documents/{id}/grants/{id}/",
        "/documents/{id}/readers/",
        "/documents/{id}/rollback/",
        "/documents/{id}/versions/",
        "/documents/bulk/",
        "/documents/from-url/",
        "/erasures/",
        "/erasures/{id}/",
        "/evaluation-questions/{id}/",
        "/evaluation-questions/{id}/judge/",
        "/evaluation-runs/",
        "/evaluation-runs/{id}/",
        "/evaluation-runs/{id}/compare/",
        "/evaluation-runs/{id}/results/",
        "/evaluation-sets/",
        "/evaluation-sets/{id}/",
        "/evaluation-sets/{id}/import/",
        "/evaluation-sets/{id}/questions/",
        "/flags/",
        "/flags/{id}/",
        "/flags/{id}/history/",
        "/flags/{id}/put-back/",
        "/knowledge-base-deletions/",
        "/knowledge-base-deletions/{id}/",
        "/knowledge-base-deletions/{id}/resume/",
        "/knowledge-bases/",
        "/knowledge-bases/{id}/generations/",
        "/knowledge-bases/{id}/generations/{id}/",
        "/knowledge-bases/{id}/reindex/",
        "/knowledge-bases/{id}/reindex/cancel/",
        "/knowledge-bases/{id}/reindex/resume/",
        "/knowledge-bases/{id}/reindex/rollback/",
        "/knowledge-bases/{id}/reindex/switch/",
        "/knowledge-bases/{id}/",
        "/knowledge-bases/{id}/grants/",
        "/knowledge-bases/{id}/grants/{id}/",
        "/knowledge-bases/{id}/readers/",
        "/loaded-models/",
        "/model-orders/",
        "/model-orders/{id}/",
        "/model-tasks/",
        "/model-tasks/{id}/",
        "/model-tasks/{id}/cancel/",
        "/model-versions/",
        "/model-versions/{id}/",
        "/model-versions/{id}/activate/",
        "/model-versions/{id}/default/",
        "/model-versions/{id}/fallback/",
        "/model-versions/{id}/load/",
        "/model-versions/{id}/test/",
        "/model-versions/{id}/unload/",
        "/model-versions/{id}/verify/",
        "/model-versions/{id}/warm/",
        "/models/",
        "/models/{id}/",
        "/models/connect/",
        "/purges/",
        "/purges/{id}/run/",
        "/search",
        "/settings/",
        "/settings/{id}/",
        "/settings/{id}/history/",
        "/settings/{id}/put-back/",
        "/tokens/",
        "/tokens/refresh/",
        "/tokens/revoke/",
        "/usage/",
        "/versions/",
        "/versions/{id}/",
        "/versions/{id}/cancel/",
        "/versions/{id}/chunks/",
        "/versions/{id}/diff/",
        "/versions/{id}/file/",
        "/versions/{id}/retry/",
        "/webhooks/",
        "/webhooks/{id}/",
        "/webhooks/{id}/deliveries/",
        "/webhooks/{id}/deliveries/{id}/redeliver/",
        "/webhooks/{id}/redeliver/",
        "/webhooks/{id}/secret/",
        "/webhooks/{id}/test/",
    ]


@pytest.mark.parametrize("route", routes())
def test_no_route_answers_without_a_key(route: str) -> None:
    answered = 0
    for method in METHODS:
        response = call(Client(), method, filled(route, str(uuid.uuid4())))
        assert response["Content-Type"] == "application/problem+json"
        assert response.status_code in (401, 405), (method, response.content)
        if response.status_code == 401:
            answered += 1
            assert response.json()["code"] == "not_authenticated"
            assert response["WWW-Authenticate"] == "Bearer"
    assert answered


@pytest.fixture
def theirs(db: None) -> dict[str, str]:
    """Somebody else's things, by the part of the route that names them."""
    version = make.ready_version()
    client = make.client(version.document.tenant)
    answer = call(client, "post", "/api/v1/ask", {"question": "How many berths for guests has the harbour?"}).json()
    assert answer["found"]
    run = _evaluation(version)
    return {
        "erasures": str(_erasure(version).pk),
        "evaluation-runs": str(run.pk),
        "evaluation-sets": str(run.evaluation_set_id),
        "evaluation-questions": str(run.evaluation_set.questions.get().pk),
        "knowledge-bases": str(version.document.knowledge_base_id),
        "knowledge-base-deletions": str(_deletion(version).pk),
        "documents": str(version.document_id),
        "versions": str(version.pk),
        "answers": answer["id"],
        "audit-entries": str(AuditEntry.objects.filter(tenant_id=version.document.tenant_id).latest("id").pk),
        "conversations": call(client, "post", "/api/v1/conversations/", {"title": "Berths"}).json()["id"],
        "webhooks": call(client, "post", "/api/v1/webhooks/", WEBHOOK).json()["id"],
    }


def _erasure(version: DocumentVersion) -> Erasure:
    return Erasure.objects.create(tenant=version.document.tenant, subject="document", subject_id=str(uuid.uuid4()))


def _deletion(version: DocumentVersion) -> KnowledgeBaseDeletion:
    base = make.knowledge_base(of=version.document.tenant)
    knowledge_base_delete(knowledge_base=base, actor=ACTOR)
    return KnowledgeBaseDeletion.objects.get(knowledge_base=base)


def _evaluation(version: DocumentVersion) -> EvaluationRun:
    made = evaluation_set_create(knowledge_base=version.document.knowledge_base, name="Set", actor=ACTOR)
    question_add(
        evaluation_set=made, text="Berths?", relevant=[NewJudgement(document_id=version.document_id)], actor=ACTOR
    )
    return evaluation_run_start(evaluation_set=made, how=Searching(), actor=ACTOR)


def state() -> Any:
    """All that a call could change."""
    kinds = (Tenant, KnowledgeBase, Document, DocumentVersion, Chunk, Query, Answer, Conversation)
    kinds += (EvaluationSet, EvaluationQuestion, EvaluationRun, Webhook)
    return [list(kind.objects.order_by("pk").values()) for kind in kinds]


def test_with_another_tenants_key_every_foreign_id_is_404_and_nothing_changes(theirs: dict[str, str]) -> None:
    stranger, before = make.client(make.tenant()), state()[1:]
    for route in routes():
        if "<" in route and route.removeprefix(ROOT).split("/")[0] not in OF_ALL:
            foreign = filled(route, theirs[route.removeprefix(ROOT).split("/")[0]])
            nobodys = filled(route, str(uuid.uuid4()))
            for method in METHODS:
                response, other = call(stranger, method, foreign), call(stranger, method, nobodys)
                assert response.status_code in (404, 405), (method, route, response.content)
                assert response.status_code == other.status_code, (
                    "a foreign id is distinguished from one that is nobody's"
                )
                assert _told(response) == _told(other), "a foreign id is distinguished from one that is nobody's"
    assert state()[1:] == before


def _told(response: Any) -> str:
    return re.sub(r"[0-9a-f-]{36}", "{id}", response.content.decode())


@pytest.mark.parametrize(("url", "text"), [("/api/v1/search", "query"), ("/api/v1/ask", "question")])
def test_a_foreign_knowledge_base_cannot_be_asked(theirs: dict[str, str], url: str, text: str) -> None:
    mine = make.knowledge_base()
    body = {text: "berths", "knowledge_bases": [str(mine.pk), theirs["knowledge-bases"]]}
    response = call(make.client(mine.tenant), "post", url, body)
    assert response.status_code == 404
    assert theirs["knowledge-bases"] in response.json()["detail"]


def test_a_foreign_knowledge_base_cannot_be_uploaded_to(theirs: dict[str, str]) -> None:
    before = Document.objects.count()
    body = {"knowledge_base": theirs["knowledge-bases"], "file": make.file("Mine now?")}
    response = make.client(make.tenant()).post("/api/v1/documents/", body)
    assert (response.status_code, response.json()["code"]) == (404, "not_found")
    assert Document.objects.count() == before


def test_filtering_by_a_foreign_knowledge_base_reveals_nothing_of_it(theirs: dict[str, str]) -> None:
    stranger = make.client(make.tenant())
    foreign, nobodys = (
        stranger.get("/api/v1/documents/", {"knowledge_base": pk})
        for pk in (theirs["knowledge-bases"], str(uuid.uuid4()))
    )
    assert foreign.status_code == nobodys.status_code == 200
    assert foreign.json() == nobodys.json() | {"count": 0, "results": []}


@pytest.mark.parametrize("path", ["/api/", "/api/v1/", "/api/v1/nothing", "/api/v2/documents/", "/api/v1/documents/x/"])
@pytest.mark.parametrize("method", ["get", "post"])
def test_an_address_under_api_that_does_not_exist_is_a_problem(path: str, method: str) -> None:
    response = getattr(Client(enforce_csrf_checks=True), method)(path)
    assert response.status_code == 404
    assert response["Content-Type"] == "application/problem+json"
    detail = response.json()["detail"]
    assert detail.startswith(f"There is nothing at {path}. ")
    assert detail.endswith("See /api/docs.")


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    response = Client().get("/api/openapi.json")
    assert response.status_code == 200
    document: dict[str, Any] = response.json()
    return document


def operations(schema: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def test_the_schema_holds_every_route_of_both_apis(schema: dict[str, Any]) -> None:
    described = {re.sub(r"\{[^}]+\}", "{}", path) for path in schema["paths"]}
    assert described == {filled(route, "{}") for route in routes()}


def test_the_schema_describes_exactly_the_methods_that_are_served(schema: dict[str, Any], db: None) -> None:
    client = make.client(make.tenant())
    served, described = set(), set()
    for route in routes():
        path = filled(route, "{}")
        described |= {(path, method) for p, method, _ in operations(schema) if re.sub(r"\{[^}]+\}", "{}", p) == path}
        url = filled(route, str(uuid.uuid4()))
        served |= {(path, method) for method in METHODS if call(client, method, url).status_code != 405}
    assert described == served


def test_the_schema_is_openapi_3_1(schema: dict[str, Any]) -> None:
    assert schema["openapi"].startswith("3.1.")
    assert schema["info"].keys() >= {"title", "version"}
    for component in schema["components"]["schemas"].values():
        Draft202012Validator.check_schema(component)
    names = Counter(operation["operationId"] for _, _, operation in operations(schema))
    assert [name for name, times in names.items() if times > 1] == []
    for path, method, operation in operations(schema):
        assert operation["responses"], (path, method)
        parameters = [one["name"] for one in operation.get("parameters", []) if one["in"] == "path"]
        assert sorted(parameters) == sorted(re.findall(r"\{([^}]+)\}", path)), (path, method)


def test_every_reference_in_the_schema_leads_somewhere(schema: dict[str, Any]) -> None:
    for reference in set(re.findall(r'"\$ref": "([^"]+)"', json.dumps(schema))):
        place: Any = schema
        for part in reference.removeprefix("#/").split("/"):
            assert part in place, reference
            place = place[part]


def test_every_operation_of_the_schema_asks_for_a_key(schema: dict[str, Any]) -> None:
    schemes = schema["components"]["securitySchemes"]
    for path, method, operation in operations(schema):
        asked = [name for requirement in operation.get("security", []) for name in requirement]
        assert asked, (path, method)
        assert all(schemes[name]["scheme"] == "bearer" for name in asked)


def test_every_operation_of_the_schema_says_which_permissions_are_enough(schema: dict[str, Any]) -> None:
    needed = {
        f"{method} {path}": [name for one in operation["security"] for names in one.values() for name in names]
        for path, method, operation in operations(schema)
    }
    assert {one for one, permissions in needed.items() if not permissions} == FOR_EVERY_KEY
    assert {name for permissions in needed.values() for name in permissions} == set(Permission.values)
    assert needed["post /api/v1/documents/"] == ["write"]
    assert needed["post /api/v1/ask"] == ["query"]
    assert needed["get /api/v1/versions/"] == ["read", "work:manage"]


def test_two_components_of_one_name_must_be_alike() -> None:
    components = {"Place": {"type": "string"}}
    _merge(components, {"Place": {"type": "string"}, "Span": {"type": "object"}})
    assert components.keys() == {"Place", "Span"}
    with pytest.raises(ValueError, match="define a component 'Place'"):
        _merge(components, {"Place": {"type": "integer"}})


def test_the_docs_page_loads_only_our_own_files_and_they_exist() -> None:
    page = Client().get("/api/docs")
    assert page.status_code == 200
    html = page.content.decode()
    loaded = re.findall(r'<(?:script|link|img|div)[^>]* (?:src|href|data-schema)="([^"]+)"', html)
    assert len(loaded) >= 5
    assert not re.search(r"https?:|//[a-z]", html)
    for address in loaded:
        found = finders.find(address.removeprefix("/static/")) if address.startswith("/static/") else None
        assert found or address == "/api/openapi.json", address
