"""The REST door to what people think of answers: parse, call a service, answer."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status, viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from apps.retrieval.answers.feedback import answer_rate, answer_unrate
from apps.retrieval.answers.services import answer_visible
from apps.retrieval.models import LONGEST_COMMENT, AnswerFeedback, Rating
from ragsite.gateway.authentication import acting, caller
from ragsite.gateway.idempotency import idempotent
from ragsite.gateway.models import Permission
from ragsite.gateway.strictness import StrictSerializer


class NewFeedbackSerializer(StrictSerializer):
    """What the one who asked thinks of an answer."""

    rating = serializers.ChoiceField(choices=Rating.values)
    comment = serializers.CharField(max_length=LONGEST_COMMENT, required=False, allow_blank=True, default="")


class FeedbackSerializer(serializers.ModelSerializer[AnswerFeedback]):
    class Meta:
        model = AnswerFeedback
        fields: ClassVar[tuple[str, ...]] = ("answer", "rating", "comment", "rated_at")
        read_only_fields: ClassVar[tuple[str, ...]] = fields


class FeedbackViewSet(viewsets.GenericViewSet[AnswerFeedback]):
    """What the key that asked thinks of an answer; there is one such thing an answer."""

    permission_by_method: ClassVar[dict[str, Permission]] = dict.fromkeys(
        ("PUT", "DELETE", "OPTIONS"), Permission.QUERY
    )
    serializer_class = FeedbackSerializer
    queryset = AnswerFeedback.objects.none()
    lookup_field = "answer_id"

    @extend_schema(summary="Rate an answer", request=NewFeedbackSerializer, responses=FeedbackSerializer)
    @idempotent(atomic=True)
    def update(self, request: Request, answer_id: UUID) -> Response:
        """What was said before is replaced."""
        answer, body = answer_visible(answer_id, caller(request)), NewFeedbackSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        said: dict[str, Any] = body.validated_data
        given = answer_rate(
            answer=answer, rating=Rating(said["rating"]), comment=said["comment"], actor=acting(request)
        )  # fmt: skip
        return Response(FeedbackSerializer(given).data)

    @extend_schema(summary="Take a rating back", responses={204: None})
    def destroy(self, request: Request, answer_id: UUID) -> Response:
        """It is no error if there was none."""
        answer_unrate(answer=answer_visible(answer_id, caller(request)), actor=acting(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


feedback_view = FeedbackViewSet.as_view({"put": "update", "delete": "destroy"})
