"""The rows of retrieval: a module a vertical."""

from apps.retrieval.models.answers import Answer, Citation, Query
from apps.retrieval.models.evaluation import (
    RUN_ENDED,
    EvaluationQuestion,
    EvaluationResult,
    EvaluationRun,
    EvaluationSet,
    Judgement,
    RunState,
)
from apps.retrieval.models.index import (
    KEPT_UP,
    Embedding,
    GenerationState,
    IndexGeneration,
    LexicalPosting,
    LexicalSegment,
    LexicalVersion,
)
from apps.retrieval.models.reindexing import (
    REINDEX_ENDED,
    REINDEX_TRANSITIONS,
    REINDEX_WORKED_ON,
    Reindex,
    ReindexState,
    SwitchMode,
)

__all__ = [
    "KEPT_UP",
    "REINDEX_ENDED",
    "REINDEX_TRANSITIONS",
    "REINDEX_WORKED_ON",
    "RUN_ENDED",
    "Answer",
    "Citation",
    "Embedding",
    "EvaluationQuestion",
    "EvaluationResult",
    "EvaluationRun",
    "EvaluationSet",
    "GenerationState",
    "IndexGeneration",
    "Judgement",
    "LexicalPosting",
    "LexicalSegment",
    "LexicalVersion",
    "Query",
    "Reindex",
    "ReindexState",
    "RunState",
    "SwitchMode",
]
