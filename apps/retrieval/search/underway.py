"""What is still on its way into the index, so that who finds nothing learns whether to ask again."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import connection

from apps.documents.lifecycle.stages import STAGE_FROM
from apps.documents.rights.access import AccessScope
from apps.retrieval.search.filters import readable_condition

MOST_LOOKED_AT = 250
"""Of the versions at one stage in the tenant, the newest: a search shall cost the same whatever waits."""

_NEWEST_OF_STAGE = """(
    SELECT document_id FROM documents_documentversion
    WHERE status = '{status}' AND tenant_id = %(tenant)s::uuid
    ORDER BY status DESC, tenant_id DESC, not_before DESC, id DESC LIMIT %(most)s::integer
)"""
_NEWEST = " UNION ALL ".join(_NEWEST_OF_STAGE.format(status=str(status)) for status in STAGE_FROM)


NAMED = 10
"""Documents that are told by their titles."""


@dataclass(frozen=True, slots=True)
class Underway:
    """How many documents are still being indexed, and the titles of up to NAMED of them."""

    documents: int
    titles: tuple[str, ...]


def documents_underway(scope: AccessScope) -> Underway:
    """The documents of the scope that have a version that is still being indexed, among those looked at."""
    readable = readable_condition(scope)
    # Planned each time, and documents looked up one by one: a plan of a time when there were few would read all for each.
    counted = f"""
        SELECT count(*), (array_agg(title ORDER BY document_id DESC))[:{NAMED}] FROM (
            SELECT DISTINCT ON (v.document_id) v.document_id,
                   (SELECT d.title FROM documents_document d WHERE d.id = v.document_id AND {readable.sql}) AS title
            FROM ({_NEWEST}) v
        ) AS waiting WHERE title IS NOT NULL"""  # noqa: S608 - constants
    with connection.cursor() as cursor:
        cursor.execute(counted, {**readable.parameters, "most": MOST_LOOKED_AT})
        documents, titles = cursor.fetchone()
    return Underway(int(documents), tuple(titles or ()))
