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


def answer_rate(*, answer: Answer, rating: Rating, comment: str = "", actor: Actor) -> AnswerFeedback:
    """Note what the one who asked thinks of the answer, in place of what was noted before.

    Raises:
        PermanentError: the comment is too long.
        NotFoundError: the answer was removed a moment ago.
    """
    lengths_check(AnswerFeedback, comment=comment)
    said = {"rating": rating, "comment": comment, "rated_by": actor.text, "rated_at": timezone.now()}
    with transaction.atomic():
        _hold(answer)
        feedback, _ = AnswerFeedback.objects.update_or_create(answer_id=answer.pk, defaults=said)
        emit(_rated(answer, rating.value, has_comment=bool(comment)), actor=actor)
    return feedback


def answer_unrate(*, answer: Answer, actor: Actor) -> None:
    """Take back what was noted, if anything was.

    Raises:
        NotFoundError: the answer was removed a moment ago.
    """
    with transaction.atomic():
        _hold(answer)
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
