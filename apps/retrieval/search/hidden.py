"""Whether a knowledge base has documents that a caller does not see: what is told of all of it together would tell of those."""

from __future__ import annotations

from uuid import UUID

from django.db import connection

from apps.documents.rights.access import AccessScope
from apps.retrieval.search.filters import readable_condition


def is_hidden_from(scope: AccessScope, knowledge_base_id: UUID) -> bool:
    """Whether one of its documents is. Asked as the application: the reader does not see what is hidden from it."""
    if knowledge_base_id not in scope.knowledge_base_ids:
        return True
    readable = readable_condition(scope)
    with connection.cursor() as cursor:
        cursor.execute(_HIDDEN.format(readable=readable.sql), {**readable.parameters, "hidden_of": knowledge_base_id})
        return bool(cursor.fetchone()[0])


# Only what is restricted can be, and is so until its rows are gone.
_HIDDEN = """
    SELECT EXISTS (
        SELECT FROM documents_document d
        WHERE d.knowledge_base_id = %(hidden_of)s AND d.restricted AND NOT ({readable}))
"""
