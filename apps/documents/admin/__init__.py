"""The admin of knowledge bases, documents, their versions, chunks and grants."""

from __future__ import annotations

from apps.documents.admin import chunks, documents, grants, knowledge_bases, versions

__all__ = ["chunks", "documents", "grants", "knowledge_bases", "versions"]
