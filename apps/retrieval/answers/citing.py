"""The latest citations of some versions, through an index: how often they were cited in all doesn't matter."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet

from apps.retrieval.models import Citation

OF_A_VERSION = 50
"""The latest ones of each version are looked at."""


def citations_latest(version_ids: Sequence[UUID]) -> QuerySet[Citation]:
    """The latest OF_A_VERSION citations of each version, the latest first, with their answers and questions."""
    with connection.cursor() as cursor:
        cursor.execute(_LATEST, {"versions": list(version_ids), "most": OF_A_VERSION})
        pks = [pk for (pk,) in cursor.fetchall()]
    return Citation.objects.filter(pk__in=pks).select_related("answer__query", "version").order_by("-pk")


_LATEST = """
    SELECT latest.id FROM unnest(%(versions)s::uuid[]) AS v (id)
    CROSS JOIN LATERAL (
        SELECT c.id FROM retrieval_citation c WHERE c.version_id = v.id ORDER BY c.id DESC LIMIT %(most)s
    ) latest
"""
