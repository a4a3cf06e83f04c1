"""The questions that are asked most, asked again before somebody does: each as who asked it, who must still be one that may."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import Count, Q
from django.utils import timezone

from apps.documents.models import KnowledgeBase
from apps.documents.rights.access import access_scope
from apps.retrieval.answers.options import AnswerOptions
from apps.retrieval.answers.turns import AskedTurn
from apps.retrieval.doors.asking import Asking
from apps.retrieval.doors.telling import answer_made
from apps.retrieval.models import Query
from apps.retrieval.search.request import SearchRequest
from ragsite.core.actors import Actor
from ragsite.core.errors import NotFoundError, RagError
from ragsite.gateway.keys import Principal, principal_of_key_id
from ragsite.gateway.members import principal_of_user
from ragsite.gateway.models import Permission

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Warmed:
    """How many questions have an answer now that was `made` for them, or was `kept`; the others could not be answered."""

    made: int = 0
    kept: int = 0
    failed: int = 0


def answers_warm(asked: Sequence[dict[str, Any]], *, told: Callable[[], None] = lambda: None, actor: Actor) -> Warmed:
    """Ask questions of `most_asked`; `told` is called after each.

    Filters and other ways to search are not kept with a question, so it is asked as one without any.
    """
    warmed = Warmed()
    for row in asked:
        _warm(row, warmed, actor)
        told()
    return warmed


def _warm(row: dict[str, Any], warmed: Warmed, actor: Actor) -> None:
    try:
        out = answer_made(_asking(row, actor))
    except RagError as error:
        warmed.failed += 1
        logger.info("a question was not asked again: %s", error.sentence)
        return
    if out.cached is None:
        warmed.made += 1
    else:
        warmed.kept += 1


def most_asked(*, most: int, days: int, knowledge_base: KnowledgeBase | None, actor: Actor) -> list[dict[str, Any]]:
    """The questions that were asked most in the last days, outside of conversations and not by the actor itself."""
    asked = Query.objects.filter(
        ~Q(asked_by=actor.text),
        Q(user__isnull=False) | Q(api_key__isnull=False),
        conversation=None,
        created_at__gte=timezone.now() - timedelta(days=days),
    )
    if knowledge_base is not None:
        asked = asked.filter(tenant_id=knowledge_base.tenant_id, knowledge_base_ids__contains=str(knowledge_base.pk))
    counted = asked.order_by().values("question", "tenant_id", "user_id", "api_key_id", "knowledge_base_ids", "options")
    return list(counted.annotate(times=Count("pk")).order_by("-times", "question")[:most])


def _asking(row: dict[str, Any], actor: Actor) -> Asking:
    """Raises NotFoundError, PermissionDeniedError: who asked may not ask that any more."""
    principal = _principal(row)
    principal.require(Permission.QUERY)
    where = [UUID(pk) for pk in row["knowledge_base_ids"]]
    turn = AskedTurn(row["question"], SearchRequest(row["question"]), where)
    scope = access_scope(principal, knowledge_base_ids=where)
    return Asking(turn, scope, principal, actor, AnswerOptions(**row["options"]))


def _principal(row: dict[str, Any]) -> Principal:
    if row["api_key_id"] is not None:
        return principal_of_key_id(row["api_key_id"])
    user = User.objects.filter(pk=row["user_id"]).first()
    if user is None:
        raise NotFoundError("Who asked is no longer here.")
    return principal_of_user(user, tenant_id=row["tenant_id"])
