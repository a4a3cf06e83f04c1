"""What people think of the answers they were given."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from apps.retrieval.events import AnswerRated
from apps.retrieval.models import Answer, AnswerFeedback, Rating
from ragsite.core.actors import Actor
from ragsite.core.bounds import lengths_check
from ragsite.core.errors import NotFoundError
from ragsite.core.outbox import emit
from ragsite.gateway.conditions import UNCONDITIONAL, Condition, etag_of


def feedback_etag(feedback: AnswerFeedback) -> str:
    """By what was said, and when."""
    return etag_of(feedback, "id", "rating", "comment", "rated_at")


def answer_rate(
    *, answer: Answer, rating: Rating, comment: str = "", actor: Actor, condition: Condition = UNCONDITIONAL
) -> AnswerFeedback:
    """Note what the one who asked thinks of the answer, in place of what was noted before.

    Raises:
        PreconditionFailedError: what was noted is not as the condition says, or there is nothing; it stays.
        PermanentError: the comment is too long.
        NotFoundError: the answer was removed a moment ago.
    """
    lengths_check(AnswerFeedback, comment=comment)
    said = {"rating": rating, "comment": comment, "rated_by": actor.text, "rated_at": timezone.now()}
    with transaction.atomic():
        _hold(answer)
        condition.check_row(AnswerFeedback.objects.filter(answer=answer.pk), feedback_etag)
        feedback, _ = AnswerFeedback.objects.update_or_create(answer_id=answer.pk, defaults=said)
        emit(_rated(answer, rating.value, has_comment=bool(comment)), actor=actor)
    return feedback


def answer_unrate(*, answer: Answer, actor: Actor, condition: Condition = UNCONDITIONAL) -> None:
    """Take back what was noted, if anything was.

    Raises:
        PreconditionFailedError: as `answer_rate`.
        NotFoundError: the answer was removed a moment ago.
    """
    with transaction.atomic():
        _hold(answer)
        condition.check_row(AnswerFeedback.objects.filter(answer=answer.pk), feedback_etag)
        removed, _ = AnswerFeedback.objects.filter(answer=answer.pk).delete()
        if removed:
            emit(_rated(answer, None, has_comment=False), actor=actor)


def _hold(answer: Answer) -> None:
    """So that two who say something about it at once say so one after the other, and events are in that order."""
    if Answer.objects.select_for_update(no_key=True).filter(pk=answer.pk).first() is None:
        raise NotFoundError(f"There is no answer {answer.pk}; it was removed a moment ago.")


def _rated(answer: Answer, rating: str | None, *, has_comment: bool) -> AnswerRated:
    return AnswerRated(
        tenant_id=answer.query.tenant_id,
        answer_id=answer.pk,
        query_id=answer.query_id,
        rating=rating,
        has_comment=has_comment,
    )
