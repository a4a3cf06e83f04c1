"""The rows of documents: a module for each of what there is."""

from apps.documents.models.bulk_jobs import BulkJob, BulkState
from apps.documents.models.documents import (
    KEPT_BY_TRIGGER,
    LIVING,
    LIVING_VERSIONS,
    Document,
    Grant,
)
from apps.documents.models.knowledge_bases import (
    DeletionState,
    KnowledgeBase,
    KnowledgeBaseDeletion,
    PartsBy,
    Visibility,
)
from apps.documents.models.masking import MaskingChange, MaskingState, OriginalText
from apps.documents.models.pictures import PagePicture, PictureState
from apps.documents.models.versions import (
    VERSION_ENDED,
    VERSION_STOPPED,
    VERSION_TRANSITIONS,
    Chunk,
    DocumentVersion,
    ParsedText,
    StageOutcome,
    StageRecord,
    TextEdit,
    VersionOrigin,
    VersionStatus,
)

__all__ = [
    "KEPT_BY_TRIGGER",
    "LIVING",
    "LIVING_VERSIONS",
    "VERSION_ENDED",
    "VERSION_STOPPED",
    "VERSION_TRANSITIONS",
    "BulkJob",
    "BulkState",
    "Chunk",
    "DeletionState",
    "Document",
    "DocumentVersion",
    "Grant",
    "KnowledgeBase",
    "KnowledgeBaseDeletion",
    "MaskingChange",
    "MaskingState",
    "OriginalText",
    "PagePicture",
    "ParsedText",
    "PartsBy",
    "PictureState",
    "StageOutcome",
    "StageRecord",
    "TextEdit",
    "VersionOrigin",
    "VersionStatus",
    "Visibility",
]
