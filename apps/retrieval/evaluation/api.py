"""The REST door to evaluation: parse, call a service, answer."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django_filters.rest_framework import FilterSet, UUIDFilter
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import mixins, status, viewsets
from rest_framework.decorators import action
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from apps.documents.api.documents import READ_AND_WRITE
from apps.documents.rights.access import knowledge_base_visible
from apps.retrieval.evaluation.arrived import files_import
from apps.retrieval.evaluation.comparing import runs_compare
from apps.retrieval.evaluation.runs import evaluation_run_start
from apps.retrieval.evaluation.selectors import (
    documents_restricted_since,
    evaluation_questions_visible,
    evaluation_runs_visible,
    evaluation_set_visible,
    evaluation_sets_visible,
    results_worst_first,
)
from apps.retrieval.evaluation.serializers import (
    ComparisonSerializer,
    EvaluationImportSerializer,
    EvaluationQuestionSerializer,
    EvaluationResultSerializer,
    EvaluationRunSerializer,
    EvaluationSetChangeSerializer,
    EvaluationSetSerializer,
    ImportedSerializer,
    NewEvaluationQuestionSerializer,
    NewEvaluationRunSerializer,
    NewEvaluationSetSerializer,
    NewJudgementSerializer,
)
from apps.retrieval.evaluation.sets import (
    NewJudgement,
    evaluation_set_create,
    evaluation_set_delete,
    evaluation_set_etag,
    evaluation_set_update,
    question_add,
    question_delete,
    question_etag,
    question_judge,
)
from apps.retrieval.models import EvaluationQuestion, EvaluationRun, EvaluationSet
from apps.retrieval.models.modes import Mode, Searching
from ragsite.core.errors import NotFoundError, PermanentError
from ragsite.gateway.authentication import acting, caller
from ragsite.gateway.conditions import ETAG, IF_MATCH, EtagMixin, condition_of
from ragsite.gateway.idempotency import idempotent
from ragsite.gateway.problem_codes import FILES
from ragsite.gateway.problem_schemas import answering


class EvaluationSetFilter(FilterSet):
    """By id, so that a foreign knowledge base finds nothing, as one that does not exist."""

    knowledge_base = UUIDFilter("knowledge_base_id")

    class Meta:
        model = EvaluationSet
        fields = ()


@extend_schema_view(
    list=extend_schema(summary="List evaluation sets"),
    retrieve=extend_schema(summary="Look at one", parameters=[ETAG], responses=EvaluationSetSerializer),
)
class EvaluationSetViewSet(EtagMixin, viewsets.GenericViewSet[EvaluationSet], mixins.ListModelMixin):
    """Questions with what is relevant to each; a search is measured by them."""

    row_etag = staticmethod(evaluation_set_etag)
    permission_by_method = READ_AND_WRITE
    serializer_class = EvaluationSetSerializer
    queryset = EvaluationSet.objects.none()
    filterset_class = EvaluationSetFilter
    lookup_value_converter = "uuid"

    def get_queryset(self) -> QuerySet[EvaluationSet]:
        return evaluation_sets_visible(caller(self.request))

    @extend_schema(
        summary="Make an evaluation set",
        request=NewEvaluationSetSerializer,
        responses={201: EvaluationSetSerializer},
    )
    @answering("conflict", "not_found")
    @idempotent(atomic=True)
    def create(self, request: Request) -> Response:
        body = NewEvaluationSetSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        fields = dict(body.validated_data)
        knowledge_base = knowledge_base_visible(caller(request), fields.pop("knowledge_base"))
        made = evaluation_set_create(knowledge_base=knowledge_base, actor=acting(request), **fields)
        return Response(EvaluationSetSerializer(made).data, status=status.HTTP_201_CREATED)

    @extend_schema(
        summary="Rename or describe one", parameters=[IF_MATCH, ETAG], request=EvaluationSetChangeSerializer,
        responses=EvaluationSetSerializer,
    )  # fmt: skip
    @answering("conflict")
    @idempotent(atomic=True)
    def partial_update(self, request: Request, pk: UUID) -> Response:
        body = EvaluationSetChangeSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        changed = evaluation_set_update(
            evaluation_set=self.get_object(), actor=acting(request), condition=condition_of(request.headers),
            **body.validated_data,
        )  # fmt: skip
        return self.told_with_etag(changed)

    @extend_schema(summary="Delete one with its questions and runs", parameters=[IF_MATCH], responses={204: None})
    def destroy(self, request: Request, pk: UUID) -> Response:
        condition = condition_of(request.headers)
        evaluation_set_delete(evaluation_set=self.get_object(), actor=acting(request), condition=condition)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(
        summary="List a set's questions",
        methods=["GET"],
        responses=EvaluationQuestionSerializer(many=True),
        filters=False,
    )
    @extend_schema(
        summary="Add a question",
        methods=["POST"],
        request=NewEvaluationQuestionSerializer,
        responses={201: EvaluationQuestionSerializer},
    )
    @idempotent(atomic=True)
    @action(detail=True, methods=["get", "post"], filterset_class=None)
    def questions(self, request: Request, pk: UUID) -> Response:
        """The questions with what is relevant to each; or add one."""
        evaluation_set = self.get_object()
        if request.method == "POST":
            return _question_added(request, evaluation_set)
        rows = self.paginate_queryset(evaluation_set.questions.prefetch_related("judgements"))  # type: ignore[arg-type]
        return self.get_paginated_response(EvaluationQuestionSerializer(rows, many=True).data)

    @extend_schema(
        summary="Import questions",
        request={"multipart/form-data": EvaluationImportSerializer},
        responses={200: ImportedSerializer},
    )
    @answering(*FILES, "conflict", "unreadable_evaluation_set", "passage_not_found", "corpus_too_large")
    @idempotent()
    @action(detail=True, methods=["post"], url_path="import", parser_classes=[MultiPartParser])
    def import_files(self, request: Request, pk: UUID) -> Response:
        """From BEIR's files or from CSV. A question that is known by its id, or in CSV by its text, is replaced."""
        evaluation_set, body = self.get_object(), EvaluationImportSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        imported = files_import(evaluation_set, body.validated_data, principal=caller(request), actor=acting(request))
        return Response(ImportedSerializer(imported).data)


@extend_schema_view(
    retrieve=extend_schema(summary="Look at a question", parameters=[ETAG], responses=EvaluationQuestionSerializer)
)
class EvaluationQuestionViewSet(EtagMixin, viewsets.GenericViewSet[EvaluationQuestion]):
    """Single questions of evaluation sets."""

    row_etag = staticmethod(question_etag)
    permission_by_method = READ_AND_WRITE
    serializer_class = EvaluationQuestionSerializer
    queryset = EvaluationQuestion.objects.none()
    lookup_value_converter = "uuid"

    def get_queryset(self) -> QuerySet[EvaluationQuestion]:
        return evaluation_questions_visible(caller(self.request))

    @extend_schema(
        summary="Judge something", request=NewJudgementSerializer, responses={200: EvaluationQuestionSerializer}
    )
    @answering("conflict")
    @idempotent(atomic=True)
    @action(detail=True, methods=["post"])
    def judge(self, request: Request, pk: UUID) -> Response:
        """Note how well something answers the question, with grade 0 that it does not. What was noted of it is changed."""
        question, body = self.get_object(), NewJudgementSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        question_judge(question=question, judged=NewJudgement(**body.validated_data), actor=acting(request))
        return Response(EvaluationQuestionSerializer(self.get_object()).data)

    @extend_schema(summary="Delete a question", parameters=[IF_MATCH], responses={204: None})
    def destroy(self, request: Request, pk: UUID) -> Response:
        """Earlier runs keep its text and figures."""
        condition = condition_of(request.headers)
        question_delete(question=self.get_object(), actor=acting(request), condition=condition)
        return Response(status=status.HTTP_204_NO_CONTENT)


class EvaluationRunFilter(FilterSet):
    evaluation_set = UUIDFilter("evaluation_set_id")

    class Meta:
        model = EvaluationRun
        fields = ()


@extend_schema_view(list=extend_schema(summary="List evaluation runs"), retrieve=extend_schema(summary="Watch a run"))
class EvaluationRunViewSet(viewsets.GenericViewSet[EvaluationRun], mixins.ListModelMixin, mixins.RetrieveModelMixin):
    """All questions of a set, each searched for once."""

    permission_by_method = READ_AND_WRITE
    serializer_class = EvaluationRunSerializer
    queryset = EvaluationRun.objects.none()
    filterset_class = EvaluationRunFilter
    parameters_by_action = {"compare": ("against",)}
    lookup_value_converter = "uuid"

    def get_queryset(self) -> QuerySet[EvaluationRun]:
        return evaluation_runs_visible(caller(self.request))

    @extend_schema(summary="Start a run", request=NewEvaluationRunSerializer, responses={202: EvaluationRunSerializer})
    @answering("conflict", "not_found", "no_reranker", "model_not_found")
    @idempotent(atomic=True)
    def create(self, request: Request) -> Response:
        body = NewEvaluationRunSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        fields = body.validated_data
        run = evaluation_run_start(
            evaluation_set=evaluation_set_visible(caller(request), fields["evaluation_set"]),
            how=Searching(mode=Mode(fields["mode"]), rerank=fields["rerank"], depth=fields["depth"]),
            k=fields["k"],
            actor=acting(request),
        )
        return Response(EvaluationRunSerializer(run).data, status=status.HTTP_202_ACCEPTED)

    @extend_schema(
        summary="List a run's questions, the worst first",
        responses=EvaluationResultSerializer(many=True),
        filters=False,
    )
    @action(detail=True, methods=["get"], filterset_class=None)
    def results(self, request: Request, pk: UUID) -> Response:
        """The results of each question, by nDCG."""
        rows: Any = self.paginate_queryset(results_worst_first(self.get_object()))  # type: ignore[arg-type]
        context = {"untitled": documents_restricted_since(rows)}
        return self.get_paginated_response(EvaluationResultSerializer(rows, many=True, context=context).data)

    @extend_schema(
        summary="Compare with another run",
        parameters=[OpenApiParameter("against", UUID, required=True, description="A run over the same set.")],
        responses=ComparisonSerializer,
        filters=False,
    )
    @answering("conflict")
    @action(detail=True, methods=["get"], pagination_class=None, filterset_class=None)
    def compare(self, request: Request, pk: UUID) -> Response:
        """Each figure of both over the questions of both, with a p-value, and the questions that differ."""
        run, against = self.get_object(), _uuid(request.query_params.get("against", ""))
        other = self.get_queryset().filter(pk=against).first()
        if other is None:
            raise NotFoundError(f"There is no evaluation run {against}.")
        return Response(ComparisonSerializer(runs_compare(run=run, against=other)).data)


def _question_added(request: Request, evaluation_set: EvaluationSet) -> Response:
    body = NewEvaluationQuestionSerializer(data=request.data)
    body.is_valid(raise_exception=True)
    fields: dict[str, Any] = dict(body.validated_data)
    relevant, wrong = ([NewJudgement(**one) for one in fields.pop(name)] for name in ("relevant", "wrong"))
    made = question_add(evaluation_set=evaluation_set, relevant=relevant, wrong=wrong, actor=acting(request), **fields)
    return Response(EvaluationQuestionSerializer(made).data, status=status.HTTP_201_CREATED)


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise PermanentError(f"against={text[:60]!r} is not a UUID.", action="Give a run's id.") from None
