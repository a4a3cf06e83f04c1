"""The admin of evaluation sets and runs."""

from apps.retrieval.evaluation.admin import runs, sets

__all__ = ["runs", "sets"]
