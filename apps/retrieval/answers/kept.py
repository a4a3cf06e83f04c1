"""What was kept of the passages of an answer, read again for somebody."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from apps.documents.models import DocumentVersion
from apps.retrieval.answers.span_texts import VersionSpan, span_texts
from apps.retrieval.models import Answer


@dataclass(frozen=True, slots=True)
class KeptPassage:
    """A passage that an answer was made from, with its text; `start` and `end` are characters in the version's parsed text."""

    version: DocumentVersion
    start: int
    end: int
    text: str
    heading_path: list[str]
    place: dict[str, Any] | None
    score: float


def passages_kept(answer: Answer, *, versions: QuerySet[DocumentVersion]) -> list[KeptPassage]:
    """The passages of the answer that are of the given versions: those that somebody may read. Best first."""
    ids = {UUID(one["version"]) for one in answer.passages}
    readable = versions.filter(pk__in=ids).select_related("document").in_bulk() if ids else {}
    kept = [one for one in answer.passages if UUID(one["version"]) in readable]
    texts = span_texts([VersionSpan(UUID(one["version"]), one["start"], one["end"]) for one in kept])
    return [
        KeptPassage(readable[UUID(one["version"])], one["start"], one["end"], text, *_rest(one))
        for one, text in zip(kept, texts, strict=True)
        if text is not None
    ]


def _rest(one: dict[str, Any]) -> tuple[list[str], dict[str, Any] | None, float]:
    return one["heading_path"], one["place"], one["score"]
