"""The page to try a question on, questions with their answers, what people said of them, and conversations."""

from apps.retrieval.doors.admin import answers, conversations, questions

__all__ = ["answers", "conversations", "questions"]
