"""Conversations as things that happen: begun, named, deleted; and read, with what may still be read of their answers."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from apps.documents.models import DocumentVersion
from apps.documents.rights.access import access_scope
from apps.retrieval.answers.turns import searched_for_shown
from apps.retrieval.answers.visibility import answers_marked, asked_by, first_withdrawn, is_readable
from apps.retrieval.models import Answer, Citation, Conversation, Query
from ragsite.core.actors import Actor, change_log
from ragsite.core.audit.recording import AuditObject
from ragsite.core.bounds import lengths_check
from ragsite.core.errors import NotFoundError
from ragsite.core.locking import rows_hold_to_remove
from ragsite.gateway.conditions import UNCONDITIONAL, Condition, etag_of
from ragsite.gateway.keys import Principal


@dataclass(frozen=True, slots=True)
class ReadTurn:
    """A question of a conversation as somebody may read it: `answer` is None where it is no longer readable."""

    query: Query
    searched_for: str
    answer: Answer | None

    @property
    def is_withdrawn(self) -> bool:
        return self.answer is None


def conversation_begin(
    *, principal: Principal, title: str = "", knowledge_base_ids: Collection[UUID] = (), actor: Actor
) -> Conversation:
    """A new conversation of the caller, about these knowledge bases, or about all that the caller sees.

    Raises:
        NotFoundError: one of them does not exist or is not for the caller.
    """
    lengths_check(Conversation, title=title)
    if knowledge_base_ids:
        access_scope(principal, knowledge_base_ids=knowledge_base_ids)
    return Conversation.objects.create(
        tenant_id=principal.tenant_id,
        begun_by=actor.text,
        user_id=principal.user_id,
        api_key_id=principal.api_key_id,
        title=title,
        knowledge_base_ids=sorted(map(str, set(knowledge_base_ids))),
    )


def conversation_etag(conversation: Conversation) -> str:
    """By its title and how many questions it has."""
    return etag_of(conversation, "id", "title", "turn_count")


def conversation_rename(
    *, conversation: Conversation, title: str | None, actor: Actor, condition: Condition = UNCONDITIONAL
) -> Conversation:
    """Give it another title; an empty one is that of its next question, and None leaves it as it is.

    Raises:
        NotFoundError: it was deleted a moment ago.
        PreconditionFailedError: it is not as the condition says.
    """
    lengths_check(Conversation, title=title or "")
    with transaction.atomic():
        locked = Conversation.objects.select_for_update(no_key=True).filter(pk=conversation.pk).first()
        if locked is None:
            raise NotFoundError(f"There is no conversation {conversation.pk}; it was deleted a moment ago.")
        condition.check(conversation_etag(locked))
        if title is None:
            return locked
        locked.title = title
        locked.save(update_fields=["title"])
        what = f"conversation {conversation.pk} was renamed"
        change_log(what, actor=actor, action="conversation.renamed", of=AuditObject.unnamed(conversation))
    return locked


def conversation_delete(*, conversation: Conversation, actor: Actor, condition: Condition = UNCONDITIONAL) -> None:
    """Remove it with its questions and answers.

    Raises:
        PreconditionFailedError: it is not as the condition says; it stays.
    """
    pk = conversation.pk
    with transaction.atomic():
        rows_hold_to_remove(
            Conversation.objects.filter(pk=pk), Citation.objects.filter(answer__query__conversation=pk)
        )  # fmt: skip
        condition.check_row(Conversation.objects.filter(pk=pk), conversation_etag)
        what = f"conversation {pk} was deleted"
        change_log(what, actor=actor, action="conversation.deleted", of=AuditObject.unnamed(conversation))
        conversation.delete()


def conversations_of(principal: Principal) -> QuerySet[Conversation]:
    """The caller's conversations, the one that was asked in last first."""
    return Conversation.objects.filter(asked_by(principal))


def turns_of(conversation: Conversation, *, versions: QuerySet[DocumentVersion]) -> list[ReadTurn]:
    """Its questions in their order, with the answers that rest on nothing but the given versions: those that somebody reads."""
    answers = answers_marked(Answer.objects.filter(query__conversation=conversation), versions=versions)
    in_order = (
        answers.select_related("query", "feedback")
        .prefetch_related("citations__version__document")
        .order_by("query__turn")
    )
    withdrawn = first_withdrawn(conversation.pk, versions=versions)
    return [
        ReadTurn(one.query, searched_for_shown(one.query, withdrawn), one if is_readable(one) else None)
        for one in in_order
    ]
