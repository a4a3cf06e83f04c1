"""Questions, and what was said before masking came to hold: masked as the knowledge bases say that they are asked of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from apps.documents.masking.settings import MaskingSettings, masking_of
from apps.documents.models import KnowledgeBase, MaskingChange
from apps.documents.rights.access import AccessScope
from apps.documents.services.masking import masking_end, masking_hold, versions_mask
from apps.retrieval.answers.span_texts import VersionSpan, span_texts
from apps.retrieval.answers.turns import AskedTurn
from apps.retrieval.models import Answer, Citation, Conversation, IndexGeneration, Query
from apps.retrieval.search.request import SearchRequest
from ragsite.core.bites import bites
from ragsite.core.leases import Claim
from ragsite.core.locking import rows_hold
from ragsite.core.masking.kinds import Kind
from ragsite.core.masking.masks import Masks, masks_of
from ragsite.core.work import Turn

AT_ONCE = 200
"""Questions that one bite looks at."""


def request_masked(request: SearchRequest, generations: Sequence[IndexGeneration], *, tenant_id: UUID) -> SearchRequest:
    """What is said of the request once it was searched for: a model that answers sees the masks that the passages have."""
    kinds = _kinds(masking_of(one.knowledge_base) for one in generations)
    return replace(request, text=_masked(request.text, kinds, tenant_id)) if kinds else request


def turn_masked(turn: AskedTurn, scope: AccessScope) -> AskedTurn:
    """The turn as it is kept."""
    kinds = _kinds_of(scope)
    if not kinds:
        return turn
    request = replace(turn.request, text=_masked(turn.request.text, kinds, scope.tenant_id))
    return replace(turn, question=_masked(turn.question, kinds, scope.tenant_id), request=request)


def question_masked(question: str, scope: AccessScope) -> str:
    """The question as it is told of."""
    kinds = _kinds_of(scope)
    return _masked(question, kinds, scope.tenant_id) if kinds else question


def masking_change_work(claim: Claim, turn: Turn) -> None:
    """Work on a claimed change of masking for a turn: the texts, and then what was said of them.

    Raises:
        LeaseLostError: somebody else took over, or it was changed anew.
    """
    if not any(bites(turn, partial(step, claim)) for step in (_versions_mask, answers_mask)):
        masking_end(claim)


def answers_mask(claim: Claim) -> bool:
    """Mask the next questions of the knowledge base with their answers, as it says now; whether there may be more.

    Raises:
        LeaseLostError: somebody else took over, or it was changed anew.
    """
    with transaction.atomic():
        change = masking_hold(claim)
        base, masking = change.knowledge_base, masking_of(change.knowledge_base)
        if not masking.masks:
            return False
        queries = Query.objects.filter(tenant=base.tenant_id).order_by("pk")
        later = queries if change.walked_to is None else queries.filter(pk__gt=change.walked_to)
        found = list(later[:AT_ONCE])
        _Remasking(base, masking).apply([one for one in found if str(base.pk) in one.knowledge_base_ids])
        if found:
            MaskingChange.objects.filter(pk=change.pk).update(walked_to=found[-1].pk, attempts=1, error="")
    return len(found) == AT_ONCE


def _versions_mask(claim: Claim) -> bool:
    """With the mark of what can be found changed: answers that are kept to be given again are not any more."""
    more = versions_mask(claim)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT ragsite_findable_mark(ARRAY[(SELECT knowledge_base_id FROM documents_maskingchange WHERE id = %s)])",
            [claim.ids[0]],
        )
    return more


class _Remasking:
    """What was said of a knowledge base's documents, masked."""

    def __init__(self, base: KnowledgeBase, masking: MaskingSettings) -> None:
        self._base, self._kinds = base, masking.kinds
        self._masks: Masks = masks_of(base.tenant_id)

    def apply(self, queries: Sequence[Query]) -> None:
        """Conversations first and citations last, as everybody locks them."""
        self._conversations({one.conversation_id for one in queries if one.conversation_id})
        for query in queries:
            self._update(query, question=self._said(query.question), searched_for=self._said(query.searched_for))
        for answer in Answer.objects.filter(query__in=[one.pk for one in queries]).order_by("pk"):
            self._update(
                answer,
                text=self._said(answer.text),
                statements=[{**one, "text": self._said(one["text"])} for one in answer.statements],
                passages=[self._under_headings(one) for one in answer.passages],
            )
        self._citations([one.pk for one in queries])

    def _conversations(self, pks: Iterable[UUID]) -> None:
        held = rows_hold(Conversation.objects.filter(pk__in=list(pks)))
        for conversation in Conversation.objects.filter(pk__in=held):
            self._update(conversation, title=self._said(conversation.title))

    def _citations(self, query_ids: Sequence[UUID]) -> None:
        """A quote is what its version is shown to say at its span."""
        cited = Citation.objects.filter(
            answer__query__in=query_ids, version__document__knowledge_base=self._base.pk
        )  # fmt: skip
        rows_hold(cited)
        rows = list(cited.order_by("pk"))
        texts = span_texts([VersionSpan(one.version_id, one.start, one.end) for one in rows])
        for row, text in zip(rows, texts, strict=True):
            self._update(
                row,
                quote=row.quote if text is None else text,
                heading_path=[self._said(one) for one in row.heading_path],
            )

    def _under_headings(self, passage: dict[str, Any]) -> dict[str, Any]:
        return {**passage, "heading_path": [self._said(one) for one in passage["heading_path"]]}

    def _said(self, text: str) -> str:
        return self._masks.masked(text, self._kinds).text if text else text

    def _update(self, row: Any, **said: Any) -> None:
        changed = {name: value for name, value in said.items() if getattr(row, name) != value}
        if changed:
            type(row).objects.filter(pk=row.pk).update(**changed)


def _kinds_of(scope: AccessScope) -> frozenset[Kind]:
    """Those that are masked in any of the knowledge bases that the scope searches."""
    bases = KnowledgeBase.objects.filter(pk__in=scope.searched_ids).exclude(masking={}).order_by()
    return _kinds(MaskingSettings.from_dict(one) for one in bases.values_list("masking", flat=True))


def _kinds(maskings: Iterable[MaskingSettings]) -> frozenset[Kind]:
    return frozenset().union(*(one.kinds for one in maskings if one.masks))


def _masked(text: str, kinds: frozenset[Kind], tenant_id: UUID) -> str:
    return masks_of(tenant_id).masked(text, kinds).text
