"""What of the database an answer depends on: one statement at each question, and what keeps it short."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import connection

from apps.documents.rights.access import AccessScope
from ragsite.core.work import Turn


@dataclass(frozen=True, slots=True)
class FindableState:
    """`mark` changes with every change of what can be found, by whomever, in the knowledge bases of a scope.

    Without `grants_matter` everybody who reads the same knowledge bases finds the same.
    """

    mark: str
    grants_matter: bool


def findable_state(scope: AccessScope) -> FindableState | None:
    """The state of what the scope searches; None if the scope is no longer what its subjects may read."""
    subjects = scope.subjects
    with connection.cursor() as cursor:
        cursor.execute(
            _STATE,
            {
                "searched": sorted(scope.searched_ids),
                "whole": sorted(scope.knowledge_base_ids),
                "tenant": scope.tenant_id,
                "user": subjects.user_id,
                "groups": sorted(subjects.group_ids),
                "api_key": subjects.api_key_id,
            },
        )
        mark, granted, stands = cursor.fetchone()
    return FindableState(str(mark), granted) if stands else None


def changes_compact(turn: Turn) -> bool:
    """Put the marks of many transactions together, by knowledge base; whether there may be more. No sum changes by it."""
    with connection.cursor() as cursor:
        cursor.execute(_COMPACT, {"most": MOST_COMPACTED})
        cursor.execute(_FORGET)
    return False


MOST_COMPACTED = 50_000

_STATE = """
    SELECT (SELECT coalesce(sum(mark), 0) FROM retrieval_findablechange
            WHERE knowledge_base_id = ANY(%(searched)s::uuid[])),
           EXISTS (SELECT FROM documents_grant g JOIN documents_document d ON d.id = g.document_id
                   WHERE d.knowledge_base_id = ANY(%(searched)s::uuid[])
                     AND (g.user_id = %(user)s::integer OR g.group_id = ANY(%(groups)s::integer[])
                          OR g.api_key_id = %(api_key)s::uuid)),
           %(whole)s::uuid[] <@ coalesce(ragsite_knowledge_bases(
               %(tenant)s::uuid, %(user)s::integer, %(groups)s::integer[], %(api_key)s::uuid), '{}')"""

_COMPACT = """
    WITH chosen AS (
        SELECT knowledge_base_id, transaction FROM retrieval_findablechange WHERE transaction <> 0
        LIMIT %(most)s FOR UPDATE SKIP LOCKED
    ), gone AS (
        DELETE FROM retrieval_findablechange c USING chosen
        WHERE c.knowledge_base_id = chosen.knowledge_base_id AND c.transaction = chosen.transaction
        RETURNING c.knowledge_base_id, c.mark
    )
    INSERT INTO retrieval_findablechange AS c (knowledge_base_id, transaction, mark)
    SELECT knowledge_base_id, 0, sum(mark) FROM gone GROUP BY knowledge_base_id ORDER BY knowledge_base_id
    ON CONFLICT (knowledge_base_id, transaction) DO UPDATE SET mark = c.mark + excluded.mark"""

# Nobody searches what is gone for good.
_FORGET = """
    DELETE FROM retrieval_findablechange c WHERE c.transaction = 0
      AND NOT EXISTS (SELECT FROM documents_knowledgebase k WHERE k.id = c.knowledge_base_id)"""
