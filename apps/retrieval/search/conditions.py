"""What a chunk must meet to be found: pieces of SQL that every leg of a search puts into its WHERE."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from apps.documents.rights.access import AccessScope


@dataclass(frozen=True, slots=True)
class Condition:
    """SQL over the aliases `c` (documents_chunk) and `d` (documents_document), with its named parameters.

    `narrows` says whether it may leave out much of what a scope has, so that few chunks may meet it. One that does not
    reads nothing of `c` but `id` and `version_id`.
    """

    sql: str
    parameters: dict[str, Any]
    narrows: bool = True

    def __and__(self, other: Condition) -> Condition:
        return Condition(
            f"{self.sql} AND {other.sql}", self.parameters | other.parameters, self.narrows or other.narrows
        )


def scope_condition(scope: AccessScope) -> Condition:
    """Only the current versions of documents that the scope allows."""
    return Condition(
        f"d.current_version_id = c.version_id AND d.deleted_at IS NULL AND d.tenant_id = %(tenant)s::uuid AND {_READABLE}",
        {
            "tenant": scope.tenant_id,
            "knowledge_bases": list(scope.knowledge_base_ids),
            "searched": list(scope.searched_ids),
            "user": scope.subjects.user_id,
            "groups": list(scope.subjects.group_ids),
            "api_key": scope.subjects.api_key_id,
        },
        narrows=False,
    )


# The rule of apps.documents.rights.access.
_READABLE = """(
    (NOT d.restricted AND d.knowledge_base_id = ANY(%(knowledge_bases)s::uuid[]))
    OR (d.knowledge_base_id = ANY(%(searched)s::uuid[]) AND EXISTS (
        SELECT FROM documents_grant g
        WHERE g.document_id = d.id
          AND (g.user_id = %(user)s::integer OR g.group_id = ANY(%(groups)s::integer[]) OR g.api_key_id = %(api_key)s::uuid)))
)"""
