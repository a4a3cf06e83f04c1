"""Which answers somebody may still read: those all of whose documents that somebody reads.

What was granted then and is not now, and what was deleted since, takes its answers with it: they quote it.
"""

from __future__ import annotations

from uuid import UUID

from django.db.models import Count, F, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from apps.documents.models import DocumentVersion
from apps.retrieval.models import Answer, Citation
from ragsite.gateway.keys import Principal


def asked_by(principal: Principal, *, path: str = "") -> Q:
    """What the caller asked, where `path` leads to the question; one that is neither a key nor a user has asked nothing."""
    of_tenant = Q(**{f"{path}tenant_id": principal.tenant_id})
    if principal.api_key_id is not None:
        return of_tenant & Q(**{f"{path}api_key_id": principal.api_key_id})
    return of_tenant & Q(**{f"{path}user_id": principal.user_id, f"{path}user__isnull": False})


def answers_marked(answers: QuerySet[Answer], *, versions: QuerySet[DocumentVersion]) -> QuerySet[Answer]:
    """The answers, each with `readable_count`: how many of its citations are of the given versions."""
    readable = Citation.objects.filter(answer=OuterRef("pk"), version__in=versions.order_by().values("pk"))
    counted = readable.order_by().values("answer").annotate(number=Count("pk")).values("number")
    return answers.annotate(readable_count=Coalesce(Subquery(counted), 0))


def answers_readable(answers: QuerySet[Answer], *, versions: QuerySet[DocumentVersion]) -> QuerySet[Answer]:
    """Those of the answers that rest on nothing but the given versions."""
    return answers_marked(answers, versions=versions).filter(citation_count=F("readable_count"))


def is_readable(answer: Answer) -> bool:
    """Whether a marked answer rests on nothing but what may be read."""
    return bool(answer.readable_count == answer.citation_count)  # type: ignore[attr-defined]  # answers_marked adds it


def first_withdrawn(conversation_id: UUID | None, *, versions: QuerySet[DocumentVersion]) -> int | None:
    """The first turn whose answer may not be read any more. What was searched for after it may have words from it."""
    if conversation_id is None:
        return None
    of_turns = Answer.objects.filter(query__conversation_id=conversation_id)
    marked = answers_marked(of_turns, versions=versions).exclude(citation_count=F("readable_count"))
    return marked.order_by("query__turn").values_list("query__turn", flat=True).first()
