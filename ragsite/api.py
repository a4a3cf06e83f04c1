"""Both APIs under /api/v1, with one OpenAPI document for the two."""

from __future__ import annotations

from threading import Lock
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from drf_spectacular.generators import SchemaGenerator
from ninja import NinjaAPI
from rest_framework.routers import DefaultRouter

from apps.documents.api.bulk import BulkUploadViewSet
from apps.documents.api.documents import DocumentViewSet, VersionViewSet
from apps.documents.api.knowledge_bases import KnowledgeBaseDeletionViewSet, KnowledgeBaseViewSet
from apps.documents.api.urls import FromUrlViewSet
from apps.models.api import (
    LoadedModelViewSet,
    ModelOrderViewSet,
    ModelTaskViewSet,
    ModelVersionViewSet,
    ModelViewSet,
)
from apps.monitoring.analytics.api import router as analytics_router
from apps.monitoring.analytics.filling_api import FillingViewSet
from apps.monitoring.jobs.purges_api import PurgeViewSet
from apps.monitoring.webhooks.api import WebhookViewSet
from apps.retrieval.doors.api import router as query_router
from apps.retrieval.doors.conversations_api import ConversationViewSet
from apps.retrieval.doors.exports_api import router as exports_router
from apps.retrieval.doors.openai.api import router as openai_router
from apps.retrieval.erasing.api import ErasureViewSet
from apps.retrieval.evaluation.api import (
    EvaluationQuestionViewSet,
    EvaluationRunViewSet,
    EvaluationSetViewSet,
)
from apps.retrieval.reindexing.api import GenerationViewSet, ReindexViewSet
from ragsite.gateway.auditing.api import AuditEntryViewSet
from ragsite.gateway.deprecations import deprecations_declare
from ragsite.gateway.limits.api import router as usage_router
from ragsite.gateway.parsing import BodyParser
from ragsite.gateway.permission_schemas import KeyedSchema
from ragsite.gateway.problem_schemas import problems_declare, responses_share
from ragsite.gateway.problems import ninja_handlers_add
from ragsite.gateway.tokens_api import router as tokens_router

resources = DefaultRouter(use_regex_path=False)
resources.include_root_view = False
resources.include_format_suffixes = False
resources.register("knowledge-bases", KnowledgeBaseViewSet)
resources.register("knowledge-bases/<uuid:knowledge_base>/reindex", ReindexViewSet, basename="reindex")
resources.register("knowledge-bases/<uuid:knowledge_base>/generations", GenerationViewSet, basename="generation")
resources.register("knowledge-base-deletions", KnowledgeBaseDeletionViewSet, basename="knowledge-base-deletion")
resources.register("documents/bulk", BulkUploadViewSet, basename="bulk")
resources.register("documents/from-url", FromUrlViewSet, basename="from-url")
resources.register("documents", DocumentViewSet)
resources.register("versions", VersionViewSet, basename="version")
resources.register("models", ModelViewSet, basename="model")
resources.register("model-versions", ModelVersionViewSet, basename="model-version")
resources.register("model-tasks", ModelTaskViewSet, basename="model-task")
resources.register("model-orders", ModelOrderViewSet, basename="model-order")
resources.register("loaded-models", LoadedModelViewSet, basename="loaded-model")
resources.register("conversations", ConversationViewSet, basename="conversation")
resources.register("erasures", ErasureViewSet, basename="erasure")
resources.register("evaluation-sets", EvaluationSetViewSet, basename="evaluation-set")
resources.register("evaluation-questions", EvaluationQuestionViewSet, basename="evaluation-question")
resources.register("evaluation-runs", EvaluationRunViewSet, basename="evaluation-run")
resources.register("webhooks", WebhookViewSet, basename="webhook")
resources.register("audit-entries", AuditEntryViewSet, basename="audit-entry")
resources.register("analytics/filling", FillingViewSet, basename="analytics-filling")
resources.register("purges", PurgeViewSet, basename="purge")

queries = NinjaAPI(
    title="ragsite", version="1", docs_url=None, openapi_url=None, urls_namespace="queries", parser=BodyParser()
)
queries.add_router("", query_router)
queries.add_router("", exports_router)
queries.add_router("", usage_router)
queries.add_router("", analytics_router)
queries.add_router("", tokens_router)
ninja_handlers_add(queries)

# What is below /v1/ is described by OpenAI, and not in our own document.
openai_shaped = NinjaAPI(
    title="ragsite", version="1", docs_url=None, openapi_url=None, urls_namespace="openai", parser=BodyParser()
)
openai_shaped.add_router("", openai_router)
ninja_handlers_add(openai_shaped)


_MAKING = Lock()
"""The generators look up what extends them when they first meet it, and two that do so at once break each other."""


def openapi() -> dict[str, Any]:
    """The resources' schema (Django REST framework) and the queries' (django-ninja) as one OpenAPI 3.1 document.

    Raises:
        ValueError: both define a component of the same name differently.
    """
    with _MAKING:
        return _openapi()


def _openapi() -> dict[str, Any]:
    document: dict[str, Any] = SchemaGenerator().get_schema(public=True)  # type: ignore[no-untyped-call]
    problems_declare(document, framework="drf")
    other = KeyedSchema(queries, path_prefix="/api/v1/")
    problems_declare(other, framework="ninja")
    document["paths"] |= other["paths"]
    for kind, components in other["components"].items():
        _merge(document["components"].setdefault(kind, {}), components)
    deprecations_declare(document)
    responses_share(document)
    return document


def openapi_view(request: HttpRequest) -> JsonResponse:
    return JsonResponse(openapi())


def docs_view(request: HttpRequest) -> HttpResponse:
    return render(request, "ragsite/docs.html")


def _merge(components: dict[str, Any], others: dict[str, Any]) -> None:
    for name, component in others.items():
        if components.get(name, component) != component:
            raise ValueError(f"Both APIs define a component {name!r}, and differently: rename one.")
        components[name] = component
