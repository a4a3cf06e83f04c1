"""The page to try a question on, and the list of questions that leads there."""

from apps.retrieval.doors.admin import questions

__all__ = ["questions"]
