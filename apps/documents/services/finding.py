"""Documents by their names: for those who know what a document is called, or want to see what there is."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from uuid import UUID

from django.db.models import F, Func, Q, QuerySet, TextField

from apps.documents.models import Document
from apps.documents.rights.access import documents_visible, knowledge_base_visible
from ragsite.gateway.keys import Principal

_ACCENTS = "[\u0300-\u036f]"


@dataclass(frozen=True, slots=True)
class Page:
    """Part of a list; `next_offset` is where the next one begins, None where there is none."""

    documents: tuple[Document, ...]
    next_offset: int | None


class _Plain(Func):
    """A text in small letters and without accents."""

    template = f"lower(regexp_replace(normalize(%(expressions)s, NFD), '{_ACCENTS}', '', 'g'))"
    output_field = TextField()


def documents_find(principal: Principal, *, name: str, knowledge_base_id: UUID | None, offset: int, limit: int) -> Page:
    """Documents that the caller may read with this in their title, file's name or external id, whatever the case and accents.

    Raises:
        NotFoundError: there is no such knowledge base for the caller.
    """
    plain = _plain(name)
    named = Q(plain_title__contains=plain) | Q(plain_file__contains=plain) | Q(plain_external__contains=plain)
    documents = _documents(principal, knowledge_base_id).annotate(
        plain_title=_Plain(F("title")),
        plain_file=_Plain(F("current_version__filename")),
        plain_external=_Plain(F("external_id")),
    )
    return _page(documents.filter(named), offset=offset, limit=limit)


def documents_list(principal: Principal, *, knowledge_base_id: UUID, offset: int, limit: int) -> Page:
    """The documents of a knowledge base that the caller may read, by title.

    Raises:
        NotFoundError: there is no such knowledge base for the caller.
    """
    return _page(_documents(principal, knowledge_base_id), offset=offset, limit=limit)


def _documents(principal: Principal, knowledge_base_id: UUID | None) -> QuerySet[Document]:
    documents = documents_visible(principal)
    if knowledge_base_id is None:
        return documents
    return documents.filter(knowledge_base=knowledge_base_visible(principal, knowledge_base_id))


def _page(documents: QuerySet[Document], *, offset: int, limit: int) -> Page:
    found = list(documents.order_by("title", "pk")[offset : offset + limit + 1])
    return Page(tuple(found[:limit]), offset + limit if len(found) > limit else None)


def _plain(text: str) -> str:
    kept = (one for one in unicodedata.normalize("NFD", text) if not "\u0300" <= one <= "\u036f")
    return "".join(kept).lower()
