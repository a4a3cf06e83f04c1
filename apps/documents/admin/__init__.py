"""The admin of knowledge bases, documents, their versions, chunks and grants."""

from __future__ import annotations

from apps.documents.admin import chunks, deletions, documents, grants, knowledge_bases, versions

__all__ = ["chunks", "deletions", "documents", "grants", "knowledge_bases", "versions"]
