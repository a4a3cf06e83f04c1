"""Answers as the REST API shows them: one contract for every door that gives one."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from typing import Any
from uuid import UUID

from ninja import Schema
from pydantic import Field

from apps.documents.rights.access import versions_visible
from apps.retrieval.answers.kept import KeptPassage, passages_kept
from apps.retrieval.answers.types import Verdict
from apps.retrieval.doors.search_shapes import INDEXING, DegradedOut, IndexingOut, SpanOut, place_out
from apps.retrieval.models import Answer, Citation
from ragsite.core.timelines import MarkKind
from ragsite.gateway.keys import Principal


class CitationOut(SpanOut):
    """A span that a sentence rests on; `id` stays, `claim` is the place of the sentence in the answer, from 0."""

    id: int
    claim: int
    quote: str


class SentenceOut(Schema):
    """A sentence, whether its citations bear it out, and their ids.

    `start` and `end` are its characters in the answer. They are null for one that is not `shown`: it is no part of the answer.
    """

    text: str
    start: int | None
    end: int | None
    verdict: Verdict
    confidence: float
    shown: bool
    citations: list[int]


class SourceOut(SpanOut):
    """A passage that was found for the question."""

    text: str


class SearchedOut(Schema):
    """What was searched, and how many chunks each step left."""

    knowledge_bases: list[UUID]
    mode: str
    candidates: dict[str, int]


class UsageOut(Schema):
    """Tokens that a language model read and wrote."""

    prompt_tokens: int
    completion_tokens: int


class MarkOut(Schema):
    """A part of the work: a `step` of the pipeline, or a call of a `model` within one."""

    name: str
    kind: MarkKind
    at: float = Field(description="Milliseconds after the first part began.")
    milliseconds: float
    failed: str = Field("", description="By which code it failed; empty if it did not.")


class CachedOut(Schema):
    """The answer was made so many seconds ago, and nothing that it depends on has changed since."""

    age_seconds: int


class AnswerOut(Schema):
    """`found` is false when the documents hold no answer: `passages` are then the nearest there are."""

    id: UUID
    conversation: UUID | None = Field(description="Whose turn it was.")
    turn: int | None = Field(description="Its place in the conversation, from 1.")
    question: str
    searched_for: str = Field(description="The question as it was understood in its conversation; empty if as asked.")
    answer: str
    found: bool
    sentences: list[SentenceOut] = Field(
        description="Those of the answer in its order, and, as long as all passages may be read, those that were left out."
    )
    citations: list[CitationOut]
    passages: list[SourceOut] = Field(
        description="That were found, best first, as far as the caller may still read them."
    )
    searched: SearchedOut
    generator: str
    model: str = Field(description="The language model that wrote; empty where none did.")
    prompt: str = Field(description="The version of what it was told.")
    usage: UsageOut | None
    milliseconds: dict[str, float]
    timeline: list[MarkOut] = Field(
        [], description="What was done when, in its order; empty for answers of before it was kept."
    )
    trace_id: str = Field("", description="The trace that asking was part of, by W3C Trace Context; empty if of none.")
    degraded: list[DegradedOut] = Field(description="Empty as a rule.")
    indexing: IndexingOut | None = Field(None, description=INDEXING)
    cached: CachedOut | None = Field(
        None, description="Where it was made for an earlier question; null if for this one."
    )
    created_at: datetime


def answer_out(answer: Answer, *, principal: Principal, indexing: IndexingOut | None = None) -> AnswerOut:
    """The answer, for somebody who may read it, with the passages that it was made from, as far as these may be read."""
    passages = passages_kept(answer, versions=versions_visible(principal))
    reads_all = len(passages) == len(answer.passages)
    searched: dict[str, Any] = {"mode": "", "candidates": {}} | answer.searched
    return AnswerOut(
        id=answer.pk,
        conversation=answer.query.conversation_id,
        turn=answer.query.turn,
        question=answer.query.question,
        searched_for=answer.query.searched_for,
        answer=answer.text,
        found=answer.found,
        sentences=[one for one in _sentences(answer) if one.shown or reads_all],
        citations=[_citation(citation) for citation in answer.citations.all()],
        passages=[_source(one) for one in passages],
        searched=SearchedOut(knowledge_bases=answer.query.knowledge_base_ids, **searched),
        generator=answer.generator,
        model=answer.model,
        prompt=answer.prompt,
        usage=UsageOut(**answer.usage) if answer.usage else None,
        milliseconds=answer.milliseconds,
        timeline=[MarkOut(**one) for one in answer.timeline],
        trace_id=answer.query.trace_id,
        degraded=[DegradedOut(**one) for one in answer.degraded],
        indexing=indexing,
        cached=None,
        created_at=answer.created_at,
    )


def _sentences(answer: Answer) -> list[SentenceOut]:
    cited: dict[int, list[int]] = defaultdict(list)
    for citation in answer.citations.all():
        cited[citation.claim].append(citation.pk)
    sentences, claim, start = [], 0, 0
    for one in answer.statements:
        if not one["shown"]:
            sentences.append(SentenceOut(**one, start=None, end=None, citations=[]))
            continue
        end = start + len(one["text"])
        sentences.append(SentenceOut(**one, start=start, end=end, citations=cited[claim]))
        claim, start = claim + 1, end + 1
    return sentences


def _citation(citation: Citation) -> CitationOut:
    document = citation.version.document
    return CitationOut(
        id=citation.pk,
        claim=citation.claim,
        document=document.pk,
        title=document.title,
        name=document.name,
        version=citation.version_id,
        version_number=citation.version.number,
        heading_path=citation.heading_path,
        place=place_out(citation.place),
        start=citation.start,
        end=citation.end,
        quote=citation.quote,
        score=citation.score,
    )


def _source(one: KeptPassage) -> SourceOut:
    return SourceOut(
        document=one.version.document.pk,
        title=one.version.document.title,
        name=one.version.document.name,
        version=one.version.pk,
        version_number=one.version.number,
        heading_path=one.heading_path,
        place=place_out(one.place),
        start=one.start,
        end=one.end,
        text=one.text,
        score=one.score,
    )
