"""Which questions members see in the admin by their role alone: their own, as over REST."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet

from apps.retrieval.models import Answer, AnswerFeedback, Citation, Conversation, Query
from ragsite.gateway.roles import AnyUser, Rule, narrowed_by


def rules_register() -> None:
    """Say what of each model a role shows."""
    narrowed_by(_own("user"), [Query, Conversation])
    narrowed_by(_own("query__user"), [Answer])
    narrowed_by(_own("answer__query__user"), [AnswerFeedback, Citation])


def _own(path: str) -> Rule:
    def rule(rows: QuerySet[Any], user: AnyUser) -> QuerySet[Any]:
        return rows.filter(**{path: user.pk})

    return rule
