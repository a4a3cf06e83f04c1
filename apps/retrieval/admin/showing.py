"""Answers and passages made ready for a page."""

from __future__ import annotations

from dataclasses import dataclass

from django.urls import reverse

from apps.documents.admin.wording import where_in_words
from apps.retrieval.models import Answer, Citation
from apps.retrieval.passages import Passage
from ragsite.core.admin.base import row_url

STEPS = ("scope", "embed", "search", "fuse", "context", "generate", "cite")


@dataclass(frozen=True, slots=True)
class ShownSpan:
    """A span of a document version; `url` leads to where it can be read, `number` counts from 1."""

    number: int
    title: str
    version_number: int
    url: str
    where: str
    text: str
    score: float
    mark: dict[str, str | int] | None = None
    """What marks the span as relevant; None where it can't be marked."""


@dataclass(frozen=True, slots=True)
class ShownAnswer:
    """An answer with the citations its claims rest on."""

    text: str
    found: bool
    generator: str
    citations: tuple[ShownSpan, ...]
    milliseconds: dict[str, float]


def answer_shown(answer: Answer) -> ShownAnswer:
    """The answer; its citations and their documents are best fetched with it."""
    citations = tuple(_citation(citation) for citation in answer.citations.all())
    return ShownAnswer(answer.text, answer.found, answer.generator, citations, steps_in_order(answer.milliseconds))


def steps_in_order(milliseconds: dict[str, float]) -> dict[str, float]:
    """As the pipeline runs them; the database keeps no order. Steps of another pipeline come last."""
    known = [step for step in STEPS if step in milliseconds]
    return {step: milliseconds[step] for step in [*known, *sorted(set(milliseconds) - set(STEPS))]}


def passages_shown(passages: tuple[Passage, ...]) -> list[ShownSpan]:
    """The passages, best first."""
    return [_passage(number, passage) for number, passage in enumerate(passages, start=1)]


def _citation(citation: Citation) -> ShownSpan:
    return ShownSpan(
        number=citation.claim + 1,
        title=citation.version.document.title,
        version_number=citation.version.number,
        url=row_url(citation.version),
        where=where_in_words(citation.heading_path, citation.place),
        text=citation.quote,
        score=citation.score,
    )


def _passage(number: int, passage: Passage) -> ShownSpan:
    return ShownSpan(
        number=number,
        title=passage.document_title,
        version_number=passage.version_number,
        url=reverse("admin:documents_chunk_change", args=[passage.chunk_id]),
        where=where_in_words(passage.heading_path, passage.place),
        text=passage.text,
        score=passage.score,
        mark={"version": str(passage.version_id), "start": passage.start, "end": passage.end},
    )
