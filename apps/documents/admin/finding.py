"""Searches of long lists by names: the newest rows that have the words are looked up first, and only these are read.

The application may not let PostgreSQL look into statistics of the words (tables with row-level security tell them to nobody
but their owner), so that it joins everything where few rows are guessed to fit. Two scans of a table of names cost the same
whatever is looked for.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db.models import Model, Q, QuerySet
from django.utils.text import smart_split, unescape_string_literal

from apps.documents.models import Document, DocumentVersion
from ragsite.gateway.members import is_superuser, tenant_ids_of
from ragsite.gateway.roles import AnyUser

MOST_FOUND = 1_000
"""Rows, the newest, that a search leads to."""


def documents_named(user: AnyUser, words: str) -> list[UUID]:
    """The newest documents of the user's tenants with all the words in title or external id, whatever else the list asks."""
    return _newest(user, Document, words, ("title", "external_id"))


def versions_named(user: AnyUser, words: str) -> Q:
    """The condition on versions whose file's name, or whose document's title, has all the words."""
    titled = _newest(user, Document, words, ("title",))
    return Q(pk__in=_newest(user, DocumentVersion, words, ("filename",))) | Q(document__in=titled)


def _newest(user: AnyUser, model: type[Model], words: str, names: Iterable[str]) -> list[UUID]:
    rows: QuerySet[Any] = model._default_manager.all()
    if not is_superuser(user):
        rows = rows.filter(tenant_id__in=tenant_ids_of(user))
    for word in smart_split(words):
        is_quoted = word.startswith(('"', "'")) and word[0] == word[-1] and len(word) > 1
        rows = rows.filter(_any(names, unescape_string_literal(word) if is_quoted else word))
    return list(rows.order_by("-pk").values_list("pk", flat=True)[:MOST_FOUND])


def _any(names: Iterable[str], word: str) -> Q:
    wanted = Q()
    for name in names:
        wanted |= Q(**{f"{name}__icontains": word})
    return wanted
