"""The admin of knowledge bases, documents, their versions and chunks."""

from __future__ import annotations

from apps.documents.admin import chunks, documents, knowledge_bases, versions

__all__ = ["chunks", "documents", "knowledge_bases", "versions"]
