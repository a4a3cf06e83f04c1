"""What is still on its way into the index, so that who finds nothing learns whether to ask again."""

from __future__ import annotations

from apps.documents.lifecycle.stages import STAGE_FROM
from apps.documents.rights.access import AccessScope
from apps.retrieval.search.filters import readable_condition
from ragsite.core.database import rows_prepared

MOST_LOOKED_AT = 250
"""Of the versions at one stage in the tenant, the newest: a search shall cost the same whatever waits."""

_NEWEST_OF_STAGE = """(
    SELECT document_id FROM documents_documentversion
    WHERE status = '{status}' AND tenant_id = %(tenant)s::uuid
    ORDER BY status DESC, tenant_id DESC, not_before DESC, id DESC LIMIT %(most)s::integer
)"""
_NEWEST = " UNION ALL ".join(_NEWEST_OF_STAGE.format(status=str(status)) for status in STAGE_FROM)


def documents_underway(scope: AccessScope) -> int:
    """How many documents of the scope have a version that is still being indexed, among those looked at."""
    readable = readable_condition(scope)
    counted = f"""
        SELECT count(DISTINCT d.id) FROM ({_NEWEST}) v JOIN documents_document d ON d.id = v.document_id
        WHERE {readable.sql}"""  # noqa: S608 - of constants; values are parameters
    ((number,),) = rows_prepared(counted, {**readable.parameters, "most": MOST_LOOKED_AT})
    return int(number)
