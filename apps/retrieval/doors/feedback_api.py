"""The REST door to what people think of answers: parse, call a service, answer."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status, viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from apps.retrieval.answers.feedback import answer_rate, answer_unrate, feedback_etag
from apps.retrieval.answers.services import answer_visible
from apps.retrieval.models import LONGEST_COMMENT, AnswerFeedback, Rating
from ragsite.core.errors import NotFoundError
from ragsite.gateway.authentication import acting, caller
from ragsite.gateway.conditions import ETAG, IF_MATCH, condition_of
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
        ("GET", "HEAD", "PUT", "DELETE", "OPTIONS"), Permission.QUERY
    )
    serializer_class = FeedbackSerializer
    queryset = AnswerFeedback.objects.none()
    lookup_field = "answer_id"

    @extend_schema(summary="Look at your rating of an answer", parameters=[ETAG], responses=FeedbackSerializer)
    def retrieve(self, request: Request, answer_id: UUID) -> Response:
        """With its `ETag`; 404 while there is none."""
        found = AnswerFeedback.objects.filter(answer=answer_visible(answer_id, caller(request))).first()
        if found is None:
            raise NotFoundError(f"Answer {answer_id} was not rated.")
        return _told(found)

    @extend_schema(
        summary="Rate an answer",
        parameters=[IF_MATCH, ETAG],
        request=NewFeedbackSerializer,
        responses=FeedbackSerializer,
    )
    @idempotent(atomic=True)
    def update(self, request: Request, answer_id: UUID) -> Response:
        """What was said before is replaced. The first rating is sent without `If-Match`, or with `If-None-Match: *`."""
        answer, body = answer_visible(answer_id, caller(request)), NewFeedbackSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        said: dict[str, Any] = body.validated_data
        given = answer_rate(
            answer=answer, rating=Rating(said["rating"]), comment=said["comment"], actor=acting(request),
            condition=condition_of(request.headers),
        )  # fmt: skip
        return _told(given)

    @extend_schema(summary="Take a rating back", parameters=[IF_MATCH], responses={204: None})
    def destroy(self, request: Request, answer_id: UUID) -> Response:
        """It is no error if there was none."""
        condition = condition_of(request.headers)
        answer_unrate(answer=answer_visible(answer_id, caller(request)), actor=acting(request), condition=condition)
        return Response(status=status.HTTP_204_NO_CONTENT)


def _told(feedback: AnswerFeedback) -> Response:
    return Response(FeedbackSerializer(feedback).data, headers={"ETag": feedback_etag(feedback)})


feedback_view = FeedbackViewSet.as_view({"get": "retrieve", "put": "update", "delete": "destroy"})
