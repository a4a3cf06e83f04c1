"""The admin of retrieval: index generations, questions with their answers, and the page to try a query on."""

from __future__ import annotations

from apps.retrieval.admin import answers, generations, questions

__all__ = ["answers", "generations", "questions"]
