"""What a chunk must meet to be found: pieces of SQL that every leg of a search puts into its WHERE."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from apps.documents.access import AccessScope


@dataclass(frozen=True, slots=True)
class Condition:
    """SQL over the aliases `c` (documents_chunk) and `d` (documents_document), with its named parameters."""

    sql: str
    parameters: dict[str, Any]

    def __and__(self, other: Condition) -> Condition:
        return Condition(f"{self.sql} AND {other.sql}", self.parameters | other.parameters)


def scope_condition(scope: AccessScope) -> Condition:
    """Only the current versions of documents that the scope allows."""
    return Condition(
        "d.current_version_id = c.version_id AND d.deleted_at IS NULL"
        " AND d.tenant_id = %(tenant)s AND d.knowledge_base_id = ANY(%(knowledge_bases)s)",
        {"tenant": scope.tenant_id, "knowledge_bases": list(scope.knowledge_base_ids)},
    )
