"""The admin of retrieval: each vertical brings its own pages."""

from __future__ import annotations

from apps.retrieval.answers import admin as answers
from apps.retrieval.doors import admin as doors
from apps.retrieval.evaluation import admin as evaluation
from apps.retrieval.index import admin as index
from apps.retrieval.reindexing import admin as reindexing

__all__ = ["answers", "doors", "evaluation", "index", "reindexing"]
