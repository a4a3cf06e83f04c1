"""Who may open the file itself where its text is shown with masks: those who may change documents."""

from __future__ import annotations

from apps.documents.masking.settings import masking_of
from apps.documents.models import DocumentVersion, KnowledgeBase
from ragsite.gateway.errors import PermissionDeniedError


def may_open_files(knowledge_base: KnowledgeBase, *, may_change: bool) -> bool:
    """Whether somebody may see files and pictures of their pages, who may change documents there or not."""
    return may_change or not masking_of(knowledge_base).masks


def file_check(version: DocumentVersion, *, may_change: bool) -> None:
    """Refuse a file, or a picture of it, that shows what its text does not.

    Raises:
        PermissionDeniedError: values are masked in its knowledge base, and the caller may not change documents.
    """
    if not may_open_files(version.document.knowledge_base, may_change=may_change):
        raise PermissionDeniedError(
            "Values are masked in this knowledge base, and the file shows them.",
            action="Read its text, or ask somebody who may change documents there.",
        )
