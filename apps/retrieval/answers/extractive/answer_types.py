"""What a question asks for."""

from __future__ import annotations

from enum import StrEnum


class AnswerType(StrEnum):
    """What a good answer holds."""

    TIME = "time"
    NUMBER = "number"
    PERSON = "person"
    PLACE = "place"
    CAUSE = "cause"
    MANNER = "manner"
    OTHER = "other"
