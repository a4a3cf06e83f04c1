"""The REST door to models: parse, call a service, answer. Models are the installation's: every key that reads sees them, and who
manages them needs a permission of its own.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any
from uuid import UUID

from django.db.models import Prefetch, QuerySet
from django.urls import reverse
from django_filters.rest_framework import FilterSet, MultipleChoiceFilter, UUIDFilter
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import mixins, status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.models.installed_model import ModelKind
from apps.models.models import Model, ModelCache, ModelOrder, ModelStatus, ModelTask, ModelVersion, OrderKind, TaskState
from apps.models.serializers import (
    ConnectionSerializer,
    FallbackSerializer,
    LoadedModelSerializer,
    ModelOrderSerializer,
    ModelSerializer,
    ModelTaskSerializer,
    ModelVersionSerializer,
    NewOrderSerializer,
    NewPullSerializer,
    TrialSerializer,
)
from apps.models.services.choices import VersionChoices
from apps.models.services.connecting import Connection, model_connect, model_test
from apps.models.services.fallbacks import model_fall_back
from apps.models.services.holding import model_order, models_held
from apps.models.services.registry import model_activate, model_make_default
from apps.models.services.removing import model_remove, model_version_etag
from apps.models.services.tasks import model_pull, model_task_cancel, model_verify
from ragsite.gateway.authentication import acting
from ragsite.gateway.conditions import ETAG, IF_MATCH, EtagMixin, condition_of
from ragsite.gateway.idempotency import idempotent
from ragsite.gateway.models import Permission
from ragsite.gateway.problem_codes import MODELS
from ragsite.gateway.problem_schemas import answering

READ_AND_MANAGE = {
    **dict.fromkeys(("GET", "HEAD", "OPTIONS"), Permission.READ),
    **dict.fromkeys(("POST", "DELETE"), Permission.MODELS),
}


MANAGE = dict.fromkeys(("GET", "HEAD", "OPTIONS", "POST"), Permission.MODELS)
"""Who asked for a task may be of another tenant."""


class ModelFilter(FilterSet):
    """By kind; several are alternatives."""

    kind = MultipleChoiceFilter(choices=ModelKind.choices)


@extend_schema_view(
    list=extend_schema(summary="List models with their versions"), retrieve=extend_schema(summary="Look at a model")
)
class ModelViewSet(viewsets.GenericViewSet[Model], mixins.ListModelMixin, mixins.RetrieveModelMixin):
    """The models of this installation, which all tenants use."""

    permission_by_method = READ_AND_MANAGE
    serializer_class = ModelSerializer
    queryset = Model.objects.none()
    filterset_class = ModelFilter
    lookup_value_converter = "uuid"

    def get_queryset(self) -> QuerySet[Model]:
        versions = ModelVersion.objects.select_related("model").order_by("-id")
        return Model.objects.order_by("-id").prefetch_related(Prefetch("versions", versions))

    @extend_schema(
        summary="Download a model from the hub", request=NewPullSerializer, responses={202: ModelTaskSerializer}
    )
    @answering("conflict", "model_not_found", "unpinned_revision")
    @idempotent()
    def create(self, request: Request) -> Response:
        """202: a model worker downloads it, and `Location` says where to watch. Asked for twice, it is downloaded once."""
        body = NewPullSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        asked = dict(body.validated_data)
        chosen = {field.name: asked.pop(field.name, None) for field in fields(VersionChoices)}
        return _task_response(model_pull(actor=acting(request), choices=VersionChoices(**chosen), **asked))

    @extend_schema(
        summary="Connect a model at a server", request=ConnectionSerializer, responses={201: ModelVersionSerializer}
    )
    @answering("conflict", *MODELS)
    @idempotent()
    @action(detail=False, methods=["post"])
    def connect(self, request: Request) -> Response:
        """Each server is asked first, and nothing is registered unless all answer. Under its name a model is connected again."""
        body = ConnectionSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        told = dict(body.validated_data)
        by_default, kind = told.pop("by_default"), ModelKind(told.pop("kind"))
        connected = model_connect(Connection(kind=kind, **told), by_default=by_default, actor=acting(request))
        where = {"Location": reverse("model-version-detail", args=[connected.version.pk])}
        shown = ModelVersionSerializer(connected.version).data
        return Response(shown, status=status.HTTP_201_CREATED, headers=where)


ORDER: Any = {"request": NewOrderSerializer, "responses": {202: ModelOrderSerializer}}


class ModelVersionFilter(FilterSet):
    """By model, kind or status; several values of one are alternatives."""

    model = UUIDFilter("model_id")
    kind = MultipleChoiceFilter(choices=ModelKind.choices)
    status = MultipleChoiceFilter(choices=ModelStatus.choices)


@extend_schema_view(
    list=extend_schema(summary="List versions of models"),
    retrieve=extend_schema(summary="Look at a version of a model", parameters=[ETAG], responses=ModelVersionSerializer),
)
class ModelVersionViewSet(EtagMixin, viewsets.GenericViewSet[ModelVersion], mixins.ListModelMixin):
    """Versions of models: what is known of their files, and which are in use."""

    row_etag = staticmethod(model_version_etag)
    permission_by_method = READ_AND_MANAGE
    serializer_class = ModelVersionSerializer
    queryset = ModelVersion.objects.none()
    filterset_class = ModelVersionFilter
    lookup_value_converter = "uuid"

    def get_queryset(self) -> QuerySet[ModelVersion]:
        return ModelVersion.objects.select_related("model").order_by("-id")

    @extend_schema(summary="Use a version of its model", request=None, responses=ModelVersionSerializer)
    @answering("conflict", "model_not_found")
    @idempotent(atomic=True)
    @action(detail=True, methods=["post"])
    def activate(self, request: Request, pk: UUID) -> Response:
        """The one before it is retired, and can be activated again. Indexes keep the version that made them until a re-index."""
        version = self.get_object()
        return Response(ModelVersionSerializer(model_activate(version_id=version.pk, actor=acting(request))).data)

    @extend_schema(summary="Use a version where no model is named", request=None, responses=ModelVersionSerializer)
    @answering("conflict", "model_not_found")
    @idempotent(atomic=True)
    @action(detail=True, methods=["post"])
    def default(self, request: Request, pk: UUID) -> Response:
        """It is activated, too."""
        version = self.get_object()
        return Response(ModelVersionSerializer(model_make_default(version_id=version.pk, actor=acting(request))).data)

    @extend_schema(
        summary="Ask a version at its servers", request=None, responses={200: TrialSerializer(many=True)}, filters=False
    )
    @answering("conflict", *MODELS)
    @idempotent()
    @action(detail=True, methods=["post"], pagination_class=None)
    def test(self, request: Request, pk: UUID) -> Response:
        """Each is asked for a little, for half a minute at most; one that fails is in the list with its error."""
        tried: Any = model_test(version_id=self.get_object().pk)
        return Response(TrialSerializer(tried, many=True).data)

    @extend_schema(summary="Check a version's files", request=None, responses={202: ModelTaskSerializer})
    @answering("conflict", "model_not_found")
    @idempotent()
    @action(detail=True, methods=["post"])
    def verify(self, request: Request, pk: UUID) -> Response:
        """202: a model worker reads them all again. A version that is not whole fails, one that failed and is whole is ready."""
        return _task_response(model_verify(version_id=self.get_object().pk, actor=acting(request)))

    @extend_schema(
        summary="Say which version answers where this one does not",
        request=FallbackSerializer,
        responses=ModelVersionSerializer,
    )
    @answering("conflict", "model_not_found")
    @idempotent(atomic=True)
    @action(detail=True, methods=["post"])
    def fallback(self, request: Request, pk: UUID) -> Response:
        """A smaller one of the same kind, where this cannot be loaded, takes too long or is not asked for now. Null for none."""
        version, body = self.get_object(), FallbackSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        to = body.validated_data["version"]
        return Response(
            ModelVersionSerializer(model_fall_back(version_id=version.pk, to=to, actor=acting(request))).data
        )

    @extend_schema(summary="Load a version, and keep it loaded", **ORDER)
    @answering("conflict", "model_not_found")
    @idempotent()
    @action(detail=True, methods=["post"])
    def load(self, request: Request, pk: UUID) -> Response:
        """202: model workers follow within seconds and answer in words at `Location`; with its numbers where it does not fit."""
        return _order_response(request, self.get_object(), OrderKind.LOAD)

    @extend_schema(summary="Unload a version", **ORDER)
    @answering("conflict", "model_not_found")
    @idempotent()
    @action(detail=True, methods=["post"])
    def unload(self, request: Request, pk: UUID) -> Response:
        """202: also one that was to stay loaded. The next call that needs it loads it again."""
        return _order_response(request, self.get_object(), OrderKind.UNLOAD)

    @extend_schema(summary="Load a version if it fits", **ORDER)
    @answering("conflict", "model_not_found")
    @idempotent()
    @action(detail=True, methods=["post"])
    def warm(self, request: Request, pk: UUID) -> Response:
        """202: nothing is unloaded for it, and it may make room for others later."""
        return _order_response(request, self.get_object(), OrderKind.WARM)

    @extend_schema(
        summary="Remove a version",
        parameters=[IF_MATCH],
        responses={
            204: OpenApiResponse(description="Forgotten; `Location`, if any, says where to watch its files go.")
        },
    )
    @answering("conflict", "model_not_found")
    def destroy(self, request: Request, pk: UUID) -> Response:
        """Refused while an index generation needs it. Files that were downloaded are removed; a registered folder stays."""
        condition = condition_of(request.headers)
        task = model_remove(version_id=self.get_object().pk, actor=acting(request), condition=condition)
        return Response(status=status.HTTP_204_NO_CONTENT, headers=_location(task) if task else {})


class ModelTaskFilter(FilterSet):
    """By state, or by version."""

    state = MultipleChoiceFilter(choices=TaskState.choices)
    version = UUIDFilter("version_id")


@extend_schema_view(
    list=extend_schema(summary="List downloads, checks and removals of models"),
    retrieve=extend_schema(summary="The progress of a download, check or removal"),
)
class ModelTaskViewSet(viewsets.GenericViewSet[ModelTask], mixins.ListModelMixin, mixins.RetrieveModelMixin):
    """Work on the files of models, which model workers do. It takes the permission to manage models."""

    permission_by_method = MANAGE
    serializer_class = ModelTaskSerializer
    queryset = ModelTask.objects.none()
    filterset_class = ModelTaskFilter
    lookup_value_converter = "uuid"

    def get_queryset(self) -> QuerySet[ModelTask]:
        return ModelTask.objects.order_by("-id")

    @extend_schema(summary="Cancel a download or check", request=None, responses={202: ModelTaskSerializer})
    @answering("conflict", "model_not_found")
    @idempotent()
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: UUID) -> Response:
        """What was downloaded is removed."""
        return _task_response(model_task_cancel(task_id=self.get_object().pk, actor=acting(request)))


def _task_response(task: ModelTask) -> Response:
    return Response(ModelTaskSerializer(task).data, status=status.HTTP_202_ACCEPTED, headers=_location(task))


def _location(task: ModelTask) -> dict[str, str]:
    return {"Location": reverse("model-task-detail", args=[task.pk])}


def _order_response(request: Request, version: ModelVersion, kind: OrderKind) -> Response:
    body = NewOrderSerializer(data=request.data)
    body.is_valid(raise_exception=True)
    order = model_order(version_id=version.pk, kind=kind, actor=acting(request), **body.validated_data)
    where = {"Location": reverse("model-order-detail", args=[order.pk])}
    return Response(ModelOrderSerializer(order).data, status=status.HTTP_202_ACCEPTED, headers=where)


@extend_schema_view(
    list=extend_schema(summary="List what model workers were told"),
    retrieve=extend_schema(summary="What model workers answered"),
)
class ModelOrderViewSet(viewsets.GenericViewSet[ModelOrder], mixins.ListModelMixin, mixins.RetrieveModelMixin):
    """What model workers were told to load and unload."""

    permission_by_method = MANAGE
    serializer_class = ModelOrderSerializer
    queryset = ModelOrder.objects.none()
    lookup_value_converter = "uuid"

    def get_queryset(self) -> QuerySet[ModelOrder]:
        return ModelOrder.objects.order_by("-id")


@extend_schema_view(list=extend_schema(summary="List the models in the workers' memory"))
class LoadedModelViewSet(viewsets.GenericViewSet[ModelCache], mixins.ListModelMixin):
    """What model workers hold in memory, as they said within the last seconds."""

    permission_by_method = MANAGE
    serializer_class = LoadedModelSerializer
    queryset = ModelCache.objects.none()

    def get_queryset(self) -> QuerySet[ModelCache]:
        return models_held().order_by("worker", "-last_used_at", "id")
