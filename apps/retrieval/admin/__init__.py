"""The admin of retrieval: index generations, questions with their answers, and the page to try a query on."""

from __future__ import annotations

from apps.retrieval.admin import answers, evaluation_runs, evaluation_sets, generations, questions, reindexing

__all__ = ["answers", "evaluation_runs", "evaluation_sets", "generations", "questions", "reindexing"]
