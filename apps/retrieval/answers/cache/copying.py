"""An answer given once more, to somebody who may see the same: a row of its own, for its own history and feedback."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction

from apps.documents.rights.access import AccessScope
from apps.retrieval.answers.answer_events import answer_events_of_copy, citations_told
from apps.retrieval.answers.options import AnswerOptions
from apps.retrieval.answers.services import answer_of, answers_whole, query_write
from apps.retrieval.answers.turns import AskedTurn
from apps.retrieval.models import Answer, Citation
from ragsite.core.actors import Actor
from ragsite.core.outbox import emit


def answer_copy(
    source_id: UUID,
    *,
    answer_id: UUID,
    turn: AskedTurn,
    scope: AccessScope,
    options: AnswerOptions,
    actor: Actor,
) -> Answer | None:
    """The same answer under another id, to the question of this turn, with its events; None if the first one is gone, or
    something that it quotes.

    Raises:
        NotFoundError: the conversation was deleted meanwhile.
    """
    source = answers_whole().filter(pk=source_id, query__tenant_id=scope.tenant_id).first()
    if source is None or len(source.citations.all()) != source.citation_count:
        return None
    citations = list(source.citations.all())
    with transaction.atomic():
        query = query_write(turn, scope=scope, options=options, actor=actor)
        source.pk, source.query = answer_id, query
        source.created_at = query.created_at
        source.save(force_insert=True)
        Citation.objects.bulk_create(_of(source, one) for one in citations)
        emit(*answer_events_of_copy(source, citations_told(citations)), actor=actor)
    return answer_of(query.pk, tenant_id=scope.tenant_id)


def _of(answer: Answer, citation: Citation) -> Citation:
    citation.pk, citation.answer = None, answer
    return citation
