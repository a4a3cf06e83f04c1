"""The rows of retrieval: a module a vertical."""

from apps.retrieval.models.answers import Answer, Citation, Query
from apps.retrieval.models.conversations import (
    LONGEST_COMMENT,
    LONGEST_TITLE,
    AnswerFeedback,
    Conversation,
    Rating,
)
from apps.retrieval.models.erasures import Erasure, ErasureState, ErasureSubject
from apps.retrieval.models.evaluation import (
    IS_RELEVANT,
    RUN_ENDED,
    WRONG,
    EvaluationQuestion,
    EvaluationResult,
    EvaluationRun,
    EvaluationSet,
    Judgement,
    RunState,
)
from apps.retrieval.models.experiments import ExperimentEntry, ExperimentState
from apps.retrieval.models.index import (
    KEPT_UP,
    VECTOR_ESTIMATE,
    Embedding,
    FindableChange,
    GenerationState,
    IndexGeneration,
    LexicalPosting,
    LexicalSegment,
    LexicalVersion,
)
from apps.retrieval.models.previews import CutPreview, PreviewState
from apps.retrieval.models.reindexing import (
    REINDEX_ENDED,
    REINDEX_TRANSITIONS,
    REINDEX_WORKED_ON,
    Reindex,
    ReindexState,
    SwitchMode,
)

__all__ = [
    "IS_RELEVANT",
    "KEPT_UP",
    "LONGEST_COMMENT",
    "LONGEST_TITLE",
    "REINDEX_ENDED",
    "REINDEX_TRANSITIONS",
    "REINDEX_WORKED_ON",
    "RUN_ENDED",
    "VECTOR_ESTIMATE",
    "WRONG",
    "Answer",
    "AnswerFeedback",
    "Citation",
    "Conversation",
    "CutPreview",
    "Embedding",
    "Erasure",
    "ErasureState",
    "ErasureSubject",
    "EvaluationQuestion",
    "EvaluationResult",
    "EvaluationRun",
    "EvaluationSet",
    "ExperimentEntry",
    "ExperimentState",
    "FindableChange",
    "GenerationState",
    "IndexGeneration",
    "Judgement",
    "LexicalPosting",
    "LexicalSegment",
    "LexicalVersion",
    "PreviewState",
    "Query",
    "Rating",
    "Reindex",
    "ReindexState",
    "RunState",
    "SwitchMode",
]
